package mixintest

import (
	"crypto"
	"math/big"
	"slices"
	"sync"
	"time"
)

// A User is a created user.
type User struct {
	UserID    string
	SessionID string
	// FullName is "" if the create did not send one.
	FullName string
	// SessionSecret is the public key that the create sent.
	SessionSecret string
	CreatedAt     time.Time

	// HasPIN reports whether the user has a PIN: digits or a TIP key.
	HasPIN bool
	// TIPKey is the public half of the user's TIP key in hex; "" if there is none.
	TIPKey string
	// HasSafe reports whether the user is registered with Safe.
	HasSafe bool
	// WrongPINs counts wrong PINs since the last right one or the end of a lock. Five lock the
	// user's PIN.
	WrongPINs int
}

// A session can sign requests.
type session struct {
	userID, sessionID string
	key               crypto.PublicKey
	// pinKey returns the key of the session's PINs; nil for the application.
	pinKey func() []byte
	// application marks the application's session. Only it can create users.
	application bool
	// limited means that the token's scope does not allow everything.
	limited bool
}

// A person is a user or the application, with its private data.
type person struct {
	user      User // what it shows of PIN and Safe is set from the fields below
	app       *app // nil for a user
	codeID    string
	avatarURL string
	token     pinToken
	pin       pin
	spendKey  string // its key at Safe, in hex; "" if there is none
	// registrations is how many more registrations are refused as too early.
	registrations int
}

// store is the state of the server.
type store struct {
	mu       sync.Mutex
	price    *big.Rat // of a user
	credit   *int     // number of users that can be paid for; nil for no limit
	delay    int      // person.registrations of a new user
	sessions map[string]session
	used     map[[2]string]bool // used tokens, by session and id
	people   map[string]*person
	order    []*person // in the order of their creation
	numbers  map[string]*person
}

func (s *store) init(set settings, price *big.Rat) {
	s.price, s.delay = price, set.tipDelay
	if set.credit != nil {
		s.credit = new(*set.credit) // several servers can use one Option
	}
	s.sessions = map[string]session{}
	s.used = map[[2]string]bool{}
	s.people, s.numbers = map[string]*person{}, map[string]*person{}
}

// register stores the application and its session. The application is not one of the users.
func (s *store) register(p *person, n session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[n.userID] = p
	s.numbers[p.app.AppNumber] = p
	s.sessions[n.sessionID] = n
}

// rekey replaces a session's key and returns the account with its new PIN token.
func (s *store) rekey(by session, key crypto.PublicKey) (account, *apiError) {
	return s.change(by.userID, func(p *person) *apiError { return s.rekeyed(p, by, key) })
}

// rekeyed is rekey for a caller that holds the lock.
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

// use records a token. It returns false if the token was used before.
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

// add stores a new user if the credit covers it, and returns its account.
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

// change runs do on a user under the lock, and returns the account after it.
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

// numbered returns the account with an identity number. Users have no numbers.
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
