package fusionauthtest

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// A slot is within what a value is unique: an id in the whole server, what a user logs in with in a tenant.
type slot struct{ name, tenantID string }

// byID is the slot of the users' ids.
var byID = slot{name: "id"}

// A uniqueValue is something that no two users may share. key is the form in which it is compared.
type uniqueValue struct {
	slot
	value, key string
}

// unique returns what no other user may have.
func (u *user) unique() (values []uniqueValue) {
	for _, v := range [...]uniqueValue{
		{byID, u.id, u.id}, u.loginID("email", u.email), u.loginID("phoneNumber", u.phoneNumber), u.loginID("username", u.username),
	} {
		if v.key != "" {
			values = append(values, v)
		}
	}
	return values
}

func (u *user) loginID(name, value string) uniqueValue {
	return uniqueValue{slot{name, u.tenantID}, value, compared(name, value)}
}

// compared brings what a user logs in with into the form in which the server compares it; "" if it has none.
func compared(name, value string) string {
	value = strings.TrimSpace(value)
	if name != "phoneNumber" {
		return strings.ToLower(value)
	}
	number, ok := e164(value)
	if !ok {
		return ""
	}
	return number
}

// holder returns the user who logs in with a value in a tenant, or nil.
func (s *Server) holder(name, tenantID, value string) *user {
	return s.taken[slot{name, tenantID}][compared(name, value)]
}

// find returns the user with an id, in a tenant or, with "", in any; nil for none.
func (s *Server) find(id, tenantID string) *user {
	u := s.taken[byID][strings.ToLower(id)]
	if u == nil || tenantID != "" && u.tenantID != tenantID {
		return nil
	}
	return u
}

// put keeps a user, a new one or one with another registration.
func (s *Server) put(u *user) {
	if u.number == 0 {
		s.lastUser++
		u.number = s.lastUser
	}
	for _, v := range u.unique() {
		if s.taken[v.slot] == nil {
			s.taken[v.slot] = map[string]*user{}
		}
		s.taken[v.slot][v.key] = u
	}
	for _, r := range u.registrations {
		s.registrations[r.id] = true
	}
}

// drop takes a user out.
func (s *Server) drop(u *user) {
	for _, v := range u.unique() {
		delete(s.taken[v.slot], v.key)
	}
	for _, r := range u.registrations {
		delete(s.registrations, r.id)
	}
}

// countCreate counts a user whom a request asked to create.
func (s *Server) countCreate(u *user) {
	s.http.CountCreate(slices.ContainsFunc(u.unique(), func(v uniqueValue) bool { return s.taken[v.slot][v.key] != nil }))
}

// sorted returns users oldest first.
func sorted(users iter.Seq[*user]) []*user {
	return slices.SortedFunc(users, func(a, b *user) int { return cmp.Compare(a.number, b.number) })
}
