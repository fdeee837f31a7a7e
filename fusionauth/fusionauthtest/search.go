package fusionauthtest

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// searchByIDs returns the users with these ids, in any tenant that the request can see. It ignores
// malformed and unknown ids. Such a search has no pages. Other searches are not served. Source:
// FusionAuth, "Users API", "Search for Users", ids.
func (s *Server) searchByIDs(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	ids := r.URL.Query()["ids"]
	if r.Method == http.MethodPost {
		var request struct{ Search struct{ IDs []string } }
		_ = json.Unmarshal(r.Body, &request)
		ids = request.Search.IDs
	}
	if ids == nil {
		return s.http.Unserved(r.Request)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[*user]bool{}
	for _, id := range ids {
		if u := s.find(id, tenantID); u != nil {
			found[u] = true
		}
	}
	users := []any{}
	for _, u := range sorted(maps.Keys(found)) {
		users = append(users, s.reply(u)["user"])
	}
	return jsonReply(http.StatusOK, object{"total": len(users), "users": users})
}
