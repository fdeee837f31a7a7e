package fusionauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

const routeSearch = "/api/user/search"

// maxSearch is how many ids one search asks for.
const maxSearch = 100

// lookMany finds which users exist by searches for their ids. FusionAuth answers these
// from its database, and not from its search index. Sources: FusionAuth, "Users API",
// "Search for Users", and "Searching Users With Elasticsearch", the table of searches.
func (im *importing) lookMany(ctx context.Context, users []*newcomer) (map[string]*provider.Candidate, error) {
	found := map[string]*provider.Candidate{}
	for some := range slices.Chunk(users, maxSearch) {
		var asked struct {
			Search struct {
				IDs []string `json:"ids"`
			} `json:"search"`
		}
		byID := map[string]*newcomer{}
		for _, n := range some {
			asked.Search.IDs = append(asked.Search.IDs, n.to.userID)
			byID[n.to.userID] = n
		}
		check := provider.NativeCheck(Name)
		call := provider.NewLookup(provider.OpLookup, http.MethodPost, routeSearch, routeSearch, "")
		call.Body, call.ContentType, call.Many = check.Encode(asked), "application/json", true
		call.Tenant = some[0].to.tenantID
		result, err := provider.Read(ctx, im.Vendor, call.Checked(&check), new(searchReply), nil)
		if err != nil {
			return found, err
		}
		for _, r := range result.users {
			n := byID[r.User.ID]
			if n == nil || found[r.User.ID] != nil {
				return found, errSearch(result.from)
			}
			r.phoneLogin, r.externalID = im.phoneLogin, n.to.externalID
			user := r.Neutral()
			user.Proof = userapi.ProofID
			c := provider.NewCandidate(user, result.from)
			n.search(im.core).compare(&r.User, c)
			c.AnyAge = n.to.idField == fieldIdempotencyKey
			found[r.User.ID] = c
		}
	}
	return found, nil
}

var errOtherUsers = errors.New("the reply has other users than those that were asked for")

func errSearch(from *transport.Reply) error {
	return &userapi.Error{
		Provider: Name, Op: provider.OpLookup, Subject: userapi.SubjectUser, Kind: userapi.KindProtocol,
		StatusCode: from.Status, Err: errOtherUsers,
	}
}

// A searchReply is the reply to a search.
type searchReply struct {
	users []*reply
	from  *transport.Reply
}

// Neutral returns nil: the reply is not about one user.
func (*searchReply) Neutral() *userapi.User { return nil }

// Receive reads the users, for provider.Reply.
func (s *searchReply) Receive(from *transport.Reply, m provider.Meta) error {
	s.from = from
	var in struct {
		Total         Number            `json:"total"`
		Users         []json.RawMessage `json:"users"`
		FieldErrors   wire.Values       `json:"fieldErrors"`
		GeneralErrors wire.Values       `json:"generalErrors"`
	}
	err := wire.Decode(from.Body, &in, wire.Path{Names: []string{"total", "users"}})
	total, told := in.Total.Int64()
	if bad := provider.Success(err, told, in.FieldErrors, in.GeneralErrors); bad != nil {
		return bad
	}
	if int(total) != len(in.Users) {
		return errNotAll
	}
	for _, raw := range in.Users {
		r := new(reply)
		own := slices.Concat([]byte(`{"user":`), raw, []byte(`}`))
		r.meta = m.Of(own)
		if err := r.decode(own); err != nil {
			return err
		}
		s.users = append(s.users, r)
	}
	return nil
}

var errNotAll = errors.New("the reply does not have all users that were found")
