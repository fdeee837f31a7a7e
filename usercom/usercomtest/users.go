package usercomtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

func (s *Server) create(r *request) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, _, faults := s.store.create(values, r.v2, s.silentUpdate)
	if faults != nil {
		return refuse(faults)
	}
	return body(http.StatusCreated, s.store.shown(u, r.v2))
}

func (s *Server) updateOrCreate(r *request) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, created, faults := s.store.create(values, r.v2, true)
	if faults != nil {
		return refuse(faults)
	}
	return body(http.StatusOK, encode(struct {
		Created bool  `json:"created"`
		ID      int64 `json:"id"`
	}{created, u.ID}))
}

// A finder returns the id of the user that a request's path names, or a refusal.
type finder func(*request) (int64, fakehttp.Reply, bool)

func (s *Server) byID(r *request) (int64, fakehttp.Reply, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, s.unserved(r.Request), false
	}
	if _, has := s.store.get(id); !has {
		return 0, notFound(), false
	}
	return id, fakehttp.Reply{}, true
}

func (s *Server) byUserID(r *request) (int64, fakehttp.Reply, bool) {
	userID := r.PathValue("id")
	if strings.Contains(userID, "/") { // the framework takes paths apart once they are decoded
		return 0, s.unserved(r.Request), false
	}
	id := s.store.byUserID(userID)
	return id, notFound(), id != 0
}

// found calls the handler with the user that the path names.
func (s *Server) found(find finder, next func(*request, int64) fakehttp.Reply) handler {
	return func(r *request) fakehttp.Reply {
		id, refusal, ok := find(r)
		if !ok {
			return refusal
		}
		return next(r, id)
	}
}

func (s *Server) get(r *request, id int64) fakehttp.Reply {
	u, has := s.store.get(id)
	if !has {
		return notFound()
	}
	return body(http.StatusOK, s.store.shown(u, r.v2))
}

// update changes what the request names and keeps the rest.
func (s *Server) update(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	u, has, faults := s.store.update(id, values, r.v2)
	switch {
	case !has:
		return notFound()
	case faults != nil:
		return refuse(faults)
	}
	return body(http.StatusOK, s.store.shown(u, r.v2))
}

func (s *Server) delete(_ *request, id int64) fakehttp.Reply {
	if !s.store.delete(id) {
		return notFound()
	}
	return fakehttp.Reply{Status: http.StatusNoContent, Header: http.Header{}}
}

func (s *Server) setAttribute(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	faults := map[string][]string{}
	for _, name := range [...]string{"attribute", "value"} {
		if _, has := values[name]; !has {
			faults[name] = []string{isMissing}
		}
	}
	var name string
	if _, is := faults["attribute"]; !is && (json.Unmarshal(values["attribute"], &name) != nil || name == "") {
		faults["attribute"] = []string{noText}
	}
	if len(faults) > 0 {
		return refuse(faults)
	}
	return s.set(id, map[string]json.RawMessage{name: values["value"]})
}

func (s *Server) setMultipleAttributes(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	return s.set(id, values)
}

func (s *Server) set(id int64, values map[string]json.RawMessage) fakehttp.Reply {
	if !s.store.set(id, values) {
		return notFound()
	}
	return fakehttp.Reply{Status: http.StatusOK, Header: http.Header{}}
}

// addToList puts the user on a list. What User.com answers for the id is not documented further: here
// it is the list's.
func (s *Server) addToList(r *request, id int64) fakehttp.Reply {
	values, refusal, ok := members(r)
	if !ok {
		return refusal
	}
	var list int64
	value, has := values["list"]
	if !has {
		return refuse(map[string][]string{"list": {isMissing}})
	}
	if fault := integerOf(value, &list); fault != "" {
		return refuse(map[string][]string{"list": {fault}})
	}
	switch has, known := s.store.addToList(id, list); {
	case !has:
		return notFound()
	case !known:
		return refuse(map[string][]string{"list": {fmt.Sprintf(noSuchList, list)}})
	}
	return body(http.StatusOK, encode(map[string]int64{"id": list}))
}
