package userapitest_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

const (
	plantedKey = "planted-api-key-0123456789"
	scopedKey  = "planted-scoped-key-0123456789"
)

// A record is a user of the reference vendor. Its login and ref are unique.
type record struct {
	ID        int64             `json:"id"`
	Login     string            `json:"login,omitempty"`
	Email     string            `json:"email,omitempty"`
	Ref       string            `json:"ref,omitempty"`
	Name      string            `json:"name,omitempty"`
	Password  string            `json:"password,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	Values    map[string]string `json:"-"`
}

// A server is the reference vendor. Requests with scopedKey see no user.
type server struct {
	*fakehttp.Server
	mu     sync.Mutex
	users  []*record
	lastID int64
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{lastID: 310455020}
	s.Server = fakehttp.New(fakehttp.Config{SecretHeaders: []string{"Authorization"}, SecretFields: []string{"password"}})
	s.handle(userapitest.Create, "POST /users", s.create)
	s.handle(userapitest.Lookup, "GET /users", s.find)
	s.handle(userapitest.Attributes, "PUT /users/{id}/values", s.setValues)
	s.handle(userapitest.Delete, "DELETE /users/{id}", s.delete)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) UserCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users)
}

func (s *server) handle(on userapitest.Operation, pattern string, answer func(r *fakehttp.Request, scoped bool) (int, any)) {
	s.Handle(on, pattern, func(r *fakehttp.Request) fakehttp.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		status, body := http.StatusUnauthorized, any(nil)
		if key := r.Header.Get("Authorization"); key == plantedKey || key == scopedKey {
			status, body = answer(r, key == scopedKey)
		}
		reply := fakehttp.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}}
		if body != nil {
			reply.Body, _ = json.Marshal(body)
		}
		return reply
	})
}

// missing is the vendor's answer for a missing user.
var missing = map[string]string{"detail": "no such user"}

func shown(u *record) map[string]any {
	without := *u
	without.Password = ""
	return map[string]any{"user": without}
}

func (s *server) create(r *fakehttp.Request, _ bool) (int, any) {
	u := &record{}
	if err := json.Unmarshal(r.Body, u); err != nil {
		return http.StatusBadRequest, nil
	}
	if len(u.Password) < 8 {
		return http.StatusUnprocessableEntity, map[string]any{"errors": map[string]string{"password": "too_short"}}
	}
	for _, other := range s.users {
		for name, taken := range map[string]bool{"login": u.Login != "" && u.Login == other.Login, "ref": u.Ref != "" && u.Ref == other.Ref} {
			if taken {
				return http.StatusConflict, map[string]any{"errors": map[string]string{name: "taken"}}
			}
		}
	}
	s.lastID++
	u.ID, u.CreatedAt = s.lastID, time.Now()
	s.users = append(s.users, u)
	return http.StatusCreated, shown(u)
}

// find answers with the user of a login or a ref, or with every user of an address.
func (s *server) find(r *fakehttp.Request, scoped bool) (int, any) {
	query := r.URL.Query()
	var found []any
	for _, u := range s.users {
		is := u.Login != "" && u.Login == query.Get("login") || u.Ref != "" && u.Ref == query.Get("ref") ||
			u.Email != "" && strings.EqualFold(u.Email, query.Get("email"))
		if is && !scoped {
			found = append(found, shown(u))
		}
	}
	if len(found) == 0 {
		return http.StatusNotFound, missing
	}
	return http.StatusOK, map[string]any{"found": found}
}

// at returns the index of the user in the path. It parses the id loosely.
func (s *server) at(r *fakehttp.Request) int {
	id, err := strconv.ParseInt(strings.TrimSpace(r.PathValue("id")), 10, 64)
	for i, u := range s.users {
		if err == nil && u.ID == id {
			return i
		}
	}
	return -1
}

func (s *server) setValues(r *fakehttp.Request, _ bool) (int, any) {
	at := s.at(r)
	if at < 0 {
		return http.StatusNotFound, missing
	}
	if err := json.Unmarshal(r.Body, &s.users[at].Values); err != nil {
		return http.StatusBadRequest, nil
	}
	return http.StatusNoContent, nil
}

func (s *server) delete(r *fakehttp.Request, scoped bool) (int, any) {
	at := s.at(r)
	if at < 0 || scoped {
		return http.StatusNotFound, missing
	}
	s.users = append(s.users[:at], s.users[at+1:]...)
	return http.StatusNoContent, nil
}
