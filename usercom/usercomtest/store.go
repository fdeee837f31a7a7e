package usercomtest

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// firstID is the id of the first user.
const firstID = 310455021

// User is a user that the server holds. A text that is not set is "".
type User struct {
	ID int64
	// Key is made by the server, UserID is the caller's: custom_id in V2.
	Key, UserID                             string
	Email, FirstName, LastName, PhoneNumber string
	// Gender and Status are words.
	Gender, Status              string
	Score, AssignedTo           int64
	Notifications, Unsubscribed bool
	// CompanyID is the caller's own id of the company.
	CompanyID                           string
	City, Region, Country, Timezone     string
	FacebookURL, GoogleURL, GravatarURL string
	LinkedInURL, TwitterURL             string
	Tags                                []string
	// Lists are the ids of the lists that the user is on, in the order in which it came onto them.
	Lists                []int64
	Attributes           map[string]json.RawMessage
	CreatedAt, UpdatedAt time.Time
}

// copied returns a copy that shares nothing with u.
func (u User) copied() User {
	u.Tags, u.Lists = slices.Clone(u.Tags), slices.Clone(u.Lists)
	u.Attributes = maps.Clone(u.Attributes)
	return u
}

// name is what User.com makes of the names.
func (u *User) name() string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Email
}

// A store holds the users. Its zero value needs init.
type store struct {
	now     func() time.Time
	created func(duplicate bool) // called for each create

	mu         sync.Mutex
	users      map[int64]*User // what they point to is never changed
	userIDs    index
	emails     index
	phones     index
	keys       index
	lastID     int64
	tags       ids
	companies  ids
	attributes ids
	lists      []int64 // nil for all that are asked for
}

// ids gives numbers to names.
type ids map[string]int64

func (i ids) of(name string, first int64) int64 {
	id, has := i[name]
	if !has {
		id = first + int64(len(i))
		i[name] = id
	}
	return id
}

// An index has the ids of the users that have a value, in order.
type index map[string][]int64

// move takes an id from one value to another. "" is not a value.
func (x index) move(id int64, from, to string) {
	if from == to {
		return
	}
	if i, has := slices.BinarySearch(x[from], id); has {
		if x[from] = slices.Delete(x[from], i, i+1); len(x[from]) == 0 {
			delete(x, from)
		}
	}
	if to != "" {
		i, _ := slices.BinarySearch(x[to], id)
		x[to] = slices.Insert(x[to], i, id)
	}
}

func (s *store) init(now func() time.Time, created func(duplicate bool), lists []int64) {
	s.now, s.created, s.lastID, s.lists = now, created, firstID-1, lists
	s.users = map[int64]*User{}
	s.userIDs, s.emails, s.phones, s.keys = index{}, index{}, index{}, index{}
	s.tags, s.companies, s.attributes = ids{}, ids{}, ids{}
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users)
}

func (s *store) all() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]User, 0, len(s.users))
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		list = append(list, s.users[id].copied())
	}
	return list
}

func (s *store) get(id int64) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, has := s.users[id]
	if !has {
		return User{}, false
	}
	return u.copied(), true
}

// having returns the users that have a value in one of the store's indexes, by id.
func (s *store) having(of index, value string) []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]User, len(of[value]))
	for i, id := range of[value] {
		list[i] = s.users[id].copied()
	}
	return list
}

// put keeps a user, a new one or one that was changed.
func (s *store) put(u User) {
	old := s.users[u.ID]
	if old == nil {
		old = &User{}
	}
	s.reindex(u.ID, old, &u)
	s.users[u.ID] = &u
}

func (s *store) reindex(id int64, from, to *User) {
	s.userIDs.move(id, from.UserID, to.UserID)
	s.emails.move(id, from.Email, to.Email)
	s.phones.move(id, from.PhoneNumber, to.PhoneNumber)
	s.keys.move(id, from.Key, to.Key)
}

// byUserID returns the id of the user that has a user_id, 0 for none.
func (s *store) byUserID(userID string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holder(userID)
}

// holder is byUserID for callers that hold the lock.
func (s *store) holder(userID string) int64 {
	if ids := s.userIDs[userID]; len(ids) > 0 {
		return ids[0] // the only one
	}
	return 0
}

// create makes a user. With update, it updates the user who has the user_id, if there is one.
// created says which.
func (s *store) create(values map[string]json.RawMessage, v2, update bool) (u User, created bool, faults map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	created = true
	u = newUser(now)
	holder := s.holder(memberText(values, userIDName(v2)))
	s.created(holder != 0 || len(s.emails[memberText(values, "email")]) > 0)
	if update && holder != 0 {
		u, created = s.users[holder].copied(), false
	}
	if faults = s.assign(&u, values, v2); faults != nil {
		return User{}, false, faults
	}
	if created {
		s.lastID++
		u.ID, u.Key = s.lastID, keyOf(s.lastID)
	}
	u.UpdatedAt = now
	s.put(u)
	return u.copied(), created, nil
}

func newUser(now time.Time) User {
	return User{Gender: "unknown", Status: "visitor", Notifications: true, CreatedAt: now, UpdatedAt: now}
}

func (s *store) addVisitor(key string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := newUser(s.now().UTC())
	s.lastID++
	u.ID, u.Key = s.lastID, key
	s.put(u)
	return u
}

// addToList puts a user on a list. It says whether there is such a user, and such a list.
func (s *store) addToList(id, list int64) (has, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, has := s.users[id]
	known = s.lists == nil || slices.Contains(s.lists, list)
	if has && known && !slices.Contains(u.Lists, list) {
		changed := u.copied()
		changed.Lists = append(changed.Lists, list)
		changed.UpdatedAt = s.now().UTC()
		s.put(changed)
	}
	return has, known
}

// update changes a user. has is false if the user does not exist.
func (s *store) update(id int64, values map[string]json.RawMessage, v2 bool) (u User, has bool, faults map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, has := s.users[id]
	if !has {
		return User{}, false, nil
	}
	u = old.copied()
	if !v2 {
		values = pollute(&u, values)
	}
	if faults = s.assign(&u, values, v2); faults != nil {
		return User{}, true, faults
	}
	u.UpdatedAt = s.now().UTC()
	s.put(u)
	return u.copied(), true, nil
}

// pollute makes custom attributes of members that V1 does not know, as V1 does in an update, and
// returns the rest. Tags that are objects count among them, as in a reply that is sent back.
func pollute(u *User, values map[string]json.RawMessage) map[string]json.RawMessage {
	known := maps.Clone(values)
	fields := fieldsOf(false)
	for name, value := range values {
		if _, is := fields[name]; is && (name != "tags" || tags(&User{}, value) == "") {
			continue
		}
		delete(known, name)
		if u.Attributes == nil {
			u.Attributes = map[string]json.RawMessage{}
		}
		u.Attributes[name] = slices.Clone(value)
	}
	return known
}

// assign sets a user's fields, or returns what is wrong with them.
func (s *store) assign(u *User, values map[string]json.RawMessage, v2 bool) map[string][]string {
	faults := map[string][]string{}
	for name, f := range fieldsOf(v2) {
		if value, has := values[name]; has {
			if fault := f(u, value); fault != "" {
				faults[name] = []string{fault}
			}
		}
	}
	if holder := s.holder(u.UserID); holder != 0 && holder != u.ID {
		faults[userIDName(v2)] = []string{isTaken}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func (s *store) delete(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, has := s.users[id]
	if has {
		s.reindex(id, u, &User{})
		delete(s.users, id)
	}
	return has
}

// set sets a user's custom attributes.
func (s *store) set(id int64, values map[string]json.RawMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, has := s.users[id]
	if !has {
		return false
	}
	u := old.copied()
	if u.Attributes == nil {
		u.Attributes = map[string]json.RawMessage{}
	}
	for name, value := range values {
		u.Attributes[name] = slices.Clone(value)
	}
	u.UpdatedAt = s.now().UTC()
	s.put(u)
	return true
}

// keyOf makes the twelve characters of a user's key.
func keyOf(id int64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(id))) //nolint:gosec // any bits make a key
	return base32.StdEncoding.EncodeToString(sum[:])[:12]
}
