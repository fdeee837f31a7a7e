package usercomtest

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// list answers with a page of all users. A create becomes such a request if a client follows
// a redirect with a GET.
func (s *Server) list(r *request) fakehttp.Reply { return s.page(r, s.store.all()) }

func (s *Server) page(r *request, users []User) fakehttp.Reply {
	return body(http.StatusOK, encode(struct {
		Count    int               `json:"count"`
		Next     *string           `json:"next"`
		Previous *string           `json:"previous"`
		Results  []json.RawMessage `json:"results"`
	}{Count: len(users), Results: s.shown(r, users)}))
}

func (s *Server) shown(r *request, users []User) []json.RawMessage {
	list := make([]json.RawMessage, len(users))
	for i, u := range users {
		list[i] = s.store.shown(u, r.v2)
	}
	return list
}

// search finds users by e-mail, key or phone number: the first one, every one as a
// bare list with many=true, and in V2 a page for a phone number.
func (s *Server) search(r *request) fakehttp.Reply {
	query := r.URL.Query()
	var users []User
	switch {
	case query.Has("email"):
		users = s.store.having(s.store.emails, query.Get("email"))
	case query.Has("key"):
		users = s.store.having(s.store.keys, query.Get("key"))
	case query.Has("phone_number"):
		users = s.store.having(s.store.phones, query.Get("phone_number"))
	default:
		return s.unserved(r.Request)
	}
	switch {
	case query.Get("many") == "true":
		return body(http.StatusOK, encode(s.shown(r, users)))
	case len(users) == 0:
		return notFound()
	case query.Has("phone_number") && r.v2:
		return s.page(r, users)
	}
	return body(http.StatusOK, s.store.shown(users[0], r.v2))
}

func (s *Server) searchByUserID(r *request) fakehttp.Reply {
	query := r.URL.Query()
	if !query.Has("user_id") && !query.Has("custom_id") {
		return s.unserved(r.Request)
	}
	id := s.store.byUserID(cmp.Or(query.Get("user_id"), query.Get("custom_id")))
	if id == 0 {
		return notFound()
	}
	return s.get(r, id)
}
