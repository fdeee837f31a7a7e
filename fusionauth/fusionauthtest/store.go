package fusionauthtest

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// A slot is the scope of a unique value: the server for an id, a tenant for a login.
type slot struct{ name, tenantID string }

// byID is the slot of the users' ids.
var byID = slot{name: "id"}

// A uniqueValue is a value that two users cannot share. key is its normalised form.
type uniqueValue struct {
	slot
	value, key string
}

// unique returns the user's unique values.
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

// compared normalises a login as the server compares it. It returns "" if there is none.
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

// holder returns the user with a login in a tenant; nil if there is none.
func (s *Server) holder(name, tenantID, value string) *user {
	return s.taken[slot{name, tenantID}][compared(name, value)]
}

// find returns the user with an id in a tenant, or in any tenant if tenantID is "". It returns nil
// if there is none.
func (s *Server) find(id, tenantID string) *user {
	u := s.taken[byID][strings.ToLower(id)]
	if u == nil || tenantID != "" && u.tenantID != tenantID {
		return nil
	}
	return u
}

// put stores a new or changed user.
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

// drop removes a user.
func (s *Server) drop(u *user) {
	for _, v := range u.unique() {
		delete(s.taken[v.slot], v.key)
	}
	for _, r := range u.registrations {
		delete(s.registrations, r.id)
	}
}

// countCreate counts a create of a user.
func (s *Server) countCreate(u *user) {
	s.http.CountCreate(slices.ContainsFunc(u.unique(), func(v uniqueValue) bool { return s.taken[v.slot][v.key] != nil }))
}

// sorted returns users, oldest first.
func sorted(users iter.Seq[*user]) []*user {
	return slices.SortedFunc(users, func(a, b *user) int { return cmp.Compare(a.number, b.number) })
}
