package mixintest

import (
	"crypto"
	"slices"
	"sync"
	"time"
)

// A User is a user that was created.
type User struct {
	UserID    string
	SessionID string
	// FullName is "" if none was sent.
	FullName string
	// SessionSecret is the public key as it was sent.
	SessionSecret string
	CreatedAt     time.Time
}

// A session is one that may sign requests.
type session struct {
	userID, sessionID string
	key               crypto.PublicKey
	// application: of the application, which alone may create users.
	application bool
	// limited: the token's scope does not allow everything.
	limited bool
}

// store is what the server keeps.
type store struct {
	mu       sync.Mutex
	credit   *int // how many more users can be paid for; nil for any number
	sessions map[string]session
	used     map[[2]string]bool // the tokens that were seen, by session and id
	users    []User
	accounts map[string]account
}

func (s *store) init(credit *int) {
	if credit != nil {
		s.credit = new(*credit) // an Option may serve several servers
	}
	s.sessions = map[string]session{}
	s.used = map[[2]string]bool{}
	s.accounts = map[string]account{}
}

func (s *store) register(n session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[n.sessionID] = n
}

func (s *store) session(id string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions[id]
	return found, ok
}

// use notes that a token was seen, and reports whether that was the first time.
func (s *store) use(sessionID, tokenID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := [2]string{sessionID, tokenID}
	if s.used[id] {
		return false
	}
	s.used[id] = true
	return true
}

// add keeps a new user, if it can be paid for.
func (s *store) add(u User, key crypto.PublicKey, a account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credit != nil {
		if *s.credit <= 0 {
			return false
		}
		*s.credit--
	}
	s.users = append(s.users, u)
	s.accounts[u.UserID] = a
	s.sessions[u.SessionID] = session{userID: u.UserID, sessionID: u.SessionID, key: key}
	return true
}

func (s *store) account(id string) (account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[id]
	return a, ok
}

func (s *store) all() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users)
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users)
}
