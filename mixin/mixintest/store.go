package mixintest

import (
	"crypto"
	"math/big"
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

	// HasPIN tells whether the user has a PIN: digits or a TIP key.
	HasPIN bool
	// TIPKey is the public half of the user's TIP key in hex, "" without one.
	TIPKey string
	// HasSafe tells whether the user is registered with Safe.
	HasSafe bool
	// WrongPINs is how many wrong PINs count, since the last right one or since a
	// lock ended. Five lock the user's PIN.
	WrongPINs int
}

// A session is one that may sign requests.
type session struct {
	userID, sessionID string
	key               crypto.PublicKey
	// pinKey is what the session's PINs are encrypted with, nil for the application.
	pinKey func() []byte
	// application: of the application, which alone may create users.
	application bool
	// limited: the token's scope does not allow everything.
	limited bool
}

// A person is a user, or the application, with all that is kept of it.
type person struct {
	user      User // what is shown of its PIN and of Safe is below
	app       *app // nil for a user
	codeID    string
	avatarURL string
	token     pinToken
	pin       pin
	spendKey  string // its own at Safe, in hex; "" without
	// registrations is how many more registrations come too early.
	registrations int
}

// store is what the server keeps.
type store struct {
	mu       sync.Mutex
	price    *big.Rat // of a user
	credit   *int     // how many users can be paid for; nil for any number
	delay    int      // person.registrations of a new user
	sessions map[string]session
	used     map[[2]string]bool // the tokens that were seen, by session and id
	people   map[string]*person
	order    []*person // in which they were created
	numbers  map[string]*person
}

func (s *store) init(set settings, price *big.Rat) {
	s.price, s.delay = price, set.tipDelay
	if set.credit != nil {
		s.credit = new(*set.credit) // an Option may serve several servers
	}
	s.sessions = map[string]session{}
	s.used = map[[2]string]bool{}
	s.people, s.numbers = map[string]*person{}, map[string]*person{}
}

// register keeps the application and its session. It is not among the users.
func (s *store) register(p *person, n session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[n.userID] = p
	s.numbers[p.app.AppNumber] = p
	s.sessions[n.sessionID] = n
}

// rekey gives a session another key, and shows what its user's PINs are encrypted with from then on.
func (s *store) rekey(by session, key crypto.PublicKey) (account, *apiError) {
	return s.change(by.userID, func(p *person) *apiError { return s.rekeyed(p, by, key) })
}

// rekeyed is rekey for one who holds the lock.
func (s *store) rekeyed(p *person, by session, key crypto.PublicKey) *apiError {
	token, pinKey, err := newPinToken(key, by.sessionID)
	if err != nil {
		return invalidField("session_secret", "no PIN key can be shared with this key")
	}
	p.token, by.key, by.pinKey = token, key, pinKey
	s.sessions[by.sessionID] = by
	return nil
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

// add keeps a new user, if it can be paid for, and returns its account.
func (s *store) add(p *person, n session) (a account, paid bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credit != nil && len(s.order) >= *s.credit {
		return account{}, false
	}
	p.registrations = s.delay
	s.order = append(s.order, p)
	s.people[n.userID] = p
	s.sessions[n.sessionID] = n
	return p.account(), true
}

// change does something to a user, alone, and returns what its account is then.
func (s *store) change(id string, do func(*person) *apiError) (account, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[id]
	if refused := do(p); refused != nil {
		return account{}, refused
	}
	return p.account(), nil
}

func (s *store) account(id string) (account, bool) { return s.accountIn(s.people, id) }

// numbered returns who has an identity number. Users have none of their own.
func (s *store) numbered(number string) (account, bool) { return s.accountIn(s.numbers, number) }

func (s *store) accountIn(people map[string]*person, key string) (account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := people[key]; ok {
		return p.account(), true
	}
	return account{}, false
}

func (s *store) all() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]User, 0, len(s.order))
	for _, p := range s.order {
		u := p.user
		u.HasPIN, u.HasSafe, u.WrongPINs = p.pin.isSet(), p.spendKey != "", p.pin.wrong
		u.TIPKey = p.pin.tipHex()
		users = append(users, u)
	}
	return slices.Clip(users)
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}
