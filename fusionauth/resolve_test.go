package fusionauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// looked returns the URIs of the look-ups that a server received.
func looked(s *fusionauthtest.Server) []string {
	var uris []string
	for _, r := range s.Requests() {
		if r.Method == http.MethodGet {
			uris = append(uris, r.URI)
		}
	}
	return uris
}

// phonePair is newPair with phone numbers to log in with.
func phonePair(t *testing.T, opts ...fusionauthtest.Option) (*fusionauth.Client, *fusionauthtest.Server) {
	t.Helper()
	server := fusionauthtest.NewServer(t, opts...)
	cfg := server.Config()
	cfg.PhoneLogin = true
	quick(&cfg)
	return clientOf(t, cfg), server
}

// janesKeys is a request with every key.
func janesKeys() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		Email: " Jane@Example.com", Username: "Jane", Phone: "303-555-1212", Password: password, Tags: []string{"vip"},
	}
}

// create creates the user of a request and returns its id.
func create(t *testing.T, c *fusionauth.Client, req userapi.CreateUserRequest) string {
	t.Helper()
	u, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	return u.ID
}

func TestResolveByID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		change   func(*userapi.CreateUserRequest)
		compared string
		external string
	}{
		{"key", func(r *userapi.CreateUserRequest) { r.IdempotencyKey = "signup-7" }, "IdempotencyKey", ""},
		{"a UUID as the key", func(r *userapi.CreateUserRequest) { r.IdempotencyKey = strings.ToUpper(userID) }, "IdempotencyKey", ""},
		{"external id", func(r *userapi.CreateUserRequest) { r.ExternalID, r.IdempotencyKey = "customer-42", "signup-7" }, "ExternalID", "customer-42"},
		{"own id", func(r *userapi.CreateUserRequest) {
			r.IdempotencyKey, r.Extensions = "signup-7", []userapi.Extension{fusionauth.Extra{UserID: strings.ToUpper(userID)}}
		}, "userId", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := phonePair(t)
			req := janesKeys()
			tt.change(&req)
			since := time.Now()
			id := create(t, c, req)
			for _, since := range []time.Time{since, {}} {
				u, err := c.ResolveUser(t.Context(), req, since)
				require.NoError(t, err)
				assert.Equal(t, id, u.ID)
				assert.Equal(t, userapi.ProofID, u.Proof)
				assert.Equal(t, []string{tt.compared, "Email", "Username", "Phone"}, u.Compared)
				assert.Equal(t, []string{"Tags"}, u.Unmapped)
				assert.Equal(t, tt.external, u.ExternalID)
				assert.Equal(t, "jane@example.com", u.Email)
				native, ok := userapi.As[*fusionauth.GetUserResponse](u)
				require.True(t, ok)
				assert.True(t, native.Token == "" && string(native.Raw()) == string(u.Raw))
			}
			assert.Equal(t, []string{"/api/user/" + id, "/api/user/" + id}, looked(server))
		})
	}
}

func TestResolveByKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, uri string
		change    func(*userapi.CreateUserRequest)
		compared  []string
	}{
		{"all", "/api/user?email=jane%40example.com", func(*userapi.CreateUserRequest) {}, []string{"Email", "Username", "Phone"}},
		{"user name", "/api/user?username=JANE", func(r *userapi.CreateUserRequest) { r.Email, r.Phone, r.Username = "", "", " JANE" }, []string{"Username"}},
		{"phone", "/api/user?loginId=%28303%29+555-1212&loginIdTypes=phoneNumber", func(r *userapi.CreateUserRequest) {
			r.Email, r.Username, r.Phone = " ", "", "(303) 555-1212"
		}, []string{"Phone"}},
		{"phone of the extension", "/api/user?loginId=%2B13035551212&loginIdTypes=phoneNumber", func(r *userapi.CreateUserRequest) {
			r.Email, r.Username, r.Phone = "", "", ""
			r.Extensions = []userapi.Extension{fusionauth.Extra{PhoneNumber: "+13035551212"}}
		}, []string{"user.phoneNumber"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := phonePair(t)
			since := time.Now()
			id := create(t, c, janesKeys())
			req := janesKeys()
			tt.change(&req)
			for _, since := range []time.Time{since, {}} {
				u, err := c.ResolveUser(t.Context(), req, since)
				require.NoError(t, err)
				assert.Equal(t, id, u.ID)
				assert.Equal(t, userapi.ProofMatch, u.Proof)
				assert.Equal(t, tt.compared, u.Compared)
			}
			assert.Equal(t, []string{tt.uri, tt.uri}, looked(server))
		})
	}
}

// assertSettled asserts what a resolution that did not find the user ended with.
func assertSettled(t *testing.T, err error, kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
	t.Helper()
	e := asError(t, err)
	assert.Equal(t, kind, e.Kind)
	assert.Equal(t, outcome, e.Outcome)
	assert.Equal(t, "resolve user", e.Op)
	assert.Nil(t, e.User)
	encoded, marshalErr := json.Marshal(e)
	require.NoError(t, marshalErr)
	shown := strings.ToLower(fmt.Sprintf("%v %+v %#v %+v %s", e, e, e, e.FieldErrors, encoded) + e.Message)
	for _, planted := range []string{"jane", "example.com", "303-555", "+1303", password, "customer-42", "signup-7"} {
		assert.False(t, strings.Contains(shown, planted), "%s is shown", planted)
	}
	return e
}

func TestResolveProvesAbsence(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	_, err := c.ResolveUser(t.Context(), req, time.Now())
	e := assertSettled(t, err, userapi.KindNotFound, userapi.OutcomeRejected)
	require.ErrorIs(t, err, userapi.ErrNotFound)
	assert.NotEmpty(t, e.UserID)
	assert.Equal(t, []string{"/api/user/" + e.UserID, "/api/user/" + e.UserID, "/api/user/" + e.UserID}, looked(server), "three looks")

	c, server = phonePair(t)
	_, err = c.ResolveUser(t.Context(), janesKeys(), time.Now())
	e = assertSettled(t, err, userapi.KindNotFound, userapi.OutcomeRejected)
	assert.Empty(t, e.UserID)
	look := []string{"/api/user?email=jane%40example.com", "/api/user?username=Jane", "/api/user?loginId=303-555-1212&loginIdTypes=phoneNumber"}
	assert.Equal(t, append(append(append([]string{}, look...), look...), look...), looked(server))
}

// A look-up that failed is never a miss.
func TestResolveWhenLookUpsFail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault userapitest.Fault
		kind  userapi.Kind
	}{
		{"a success without the user", userapitest.Fault{Status: 200, Body: []byte(`{"user":{}}`)}, userapi.KindProtocol},
		{"another user", userapitest.Fault{Status: 200, Body: []byte(`{"user":{"id":"` + tenantB + `"}}`)}, userapi.KindProtocol},
		{"no tenant", userapitest.Fault{Status: 400, Body: []byte(tenantRequired)}, userapi.KindInvalid},
		{"an echo", userapitest.Fault{Status: 400, Body: []byte(`{"fieldErrors":{"jane@example.com":[{"code":"[Jane]","message":"303-555-1212"}]},"generalErrors":[{"code":"[signup-7]","message":"customer-42"}]}`)}, userapi.KindInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := phonePair(t)
			req := janesKeys()
			req.ExternalID, req.IdempotencyKey = "customer-42", "signup-7"
			id := create(t, c, req)
			tt.fault.On, tt.fault.Times = userapitest.Lookup, -1
			server.Inject(tt.fault)
			_, err := c.ResolveUser(t.Context(), req, time.Now().Add(-time.Minute))
			e := assertSettled(t, err, tt.kind, userapi.OutcomeUnknown)
			assert.Equal(t, id, e.UserID)
			assert.Len(t, looked(server), 3)
		})
	}
}

// The phone number finds whom the address and the name do not.
func TestResolveAsksByEveryKey(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	since := time.Now()
	id := create(t, c, janesKeys())
	server.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 404, Times: 2})
	u, err := c.ResolveUser(t.Context(), janesKeys(), since)
	require.NoError(t, err)
	assert.Equal(t, id, u.ID)
	assert.Len(t, looked(server), 3)
}

func TestResolveFindsSomebodyElse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, vendor string
		field        string
		change       func(*userapi.CreateUserRequest) // of the request that is asked about
	}{
		{"e-mail", "user.email", "Email", func(r *userapi.CreateUserRequest) { r.Email = "other@example.com" }},
		{"user name", "user.username", "Username", func(r *userapi.CreateUserRequest) { r.Username = "other" }},
		{"phone", "user.phoneNumber", "Phone", func(r *userapi.CreateUserRequest) { r.Phone = "303-555-1213" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, id := range []string{"customer-42", ""} {
				c, _ := phonePair(t)
				req := janesKeys()
				req.ExternalID = id
				since := time.Now()
				theirs := create(t, c, req)
				tt.change(&req)
				_, err := c.ResolveUser(t.Context(), req, since)
				e := assertSettled(t, err, userapi.KindConflict, userapi.OutcomeRejected)
				require.Len(t, e.FieldErrors, 1)
				assert.Equal(t, tt.field, e.FieldErrors[0].Field)
				assert.Equal(t, tt.vendor, e.FieldErrors[0].VendorField)
				assert.Equal(t, "different", e.FieldErrors[0].Code)
				assert.Equal(t, []string{theirs}, e.Candidates)
			}
		})
	}
}

func TestResolveFindsAUserWithoutTheKey(t *testing.T) {
	t.Parallel()
	c, _ := phonePair(t)
	since := time.Now()
	create(t, c, userapi.CreateUserRequest{Email: "jane@example.com", Password: password})
	_, err := c.ResolveUser(t.Context(), janesKeys(), since)
	e := assertSettled(t, err, userapi.KindConflict, userapi.OutcomeRejected)
	assert.Equal(t, []string{"Username", "Phone"}, fieldNames(e))
}

// The e-mail address is one user's and the user name another's: neither is ours.
func TestResolveFindsTwoUsers(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	since := time.Now()
	first := create(t, c, userapi.CreateUserRequest{Email: "jane@example.com", Password: password})
	create(t, c, userapi.CreateUserRequest{Username: "jane", Phone: "+13035551212", Password: password})
	for _, since := range []time.Time{since, {}} {
		_, err := c.ResolveUser(t.Context(), janesKeys(), since)
		e := assertSettled(t, err, userapi.KindConflict, userapi.OutcomeRejected)
		assert.Equal(t, []string{first}, e.Candidates)
	}
	assert.Len(t, looked(server), 4, "the second user's phone number is not asked for")
}

// A user who was deactivated since is not a new one.
func TestResolveFindsAnInactiveUser(t *testing.T) {
	t.Parallel()
	c, _ := phonePair(t)
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	since := time.Now()
	id := create(t, c, req)
	require.NoError(t, c.Users.Deactivate(t.Context(), id))
	_, err := c.ResolveUser(t.Context(), req, since)
	e := assertSettled(t, err, userapi.KindUnknown, userapi.OutcomeUnknown)
	assert.Equal(t, []string{id}, e.Candidates)
}

// What is not an id does not get into an error.
func TestResolveOfAHostileID(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t, quick)
	answer(mock, 200, `{"user":{"id":"jane@example.com\nforged line","email":"jane@example.com","username":"jane","insertInstant":4102444800000}}`)
	req := janesKeys()
	req.Phone = ""
	_, err := c.ResolveUser(t.Context(), req, time.Now())
	e := assertSettled(t, err, userapi.KindProtocol, userapi.OutcomeUnknown)
	assert.Empty(t, e.Candidates)
	assert.NotContains(t, fmt.Sprintf("%+v", err), "jane")
}

func TestResolveLooksAtAge(t *testing.T) {
	t.Parallel()
	withKey := func(r *userapi.CreateUserRequest) { r.IdempotencyKey = "signup-7" }
	withID := func(r *userapi.CreateUserRequest) { r.ExternalID = "customer-42" }
	bare := func(*userapi.CreateUserRequest) {}
	for _, tt := range []struct {
		name   string
		change func(*userapi.CreateUserRequest)
		after  time.Duration // that the first attempt began after the user was made
		kind   userapi.Kind
		found  bool
	}{
		{"an id's own", withID, -time.Second, 0, true},
		{"an id's, in between", withID, 30 * time.Second, userapi.KindUnknown, false},
		{"an id's, older", withID, time.Hour, userapi.KindConflict, false},
		{"a key's, of any age", withKey, time.Hour, 0, true},
		{"keys' own", bare, -time.Second, 0, true},
		{"keys', in between", bare, 30 * time.Second, userapi.KindUnknown, false},
		{"keys', older", bare, time.Hour, userapi.KindConflict, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, off := range []time.Duration{0, -72 * time.Hour, 72 * time.Hour} { // the server's clock
				c, server := phonePair(t, fusionauthtest.WithHTTP(userapitest.ServerOptions{
					Now: func() time.Time { return time.Now().Add(off) },
				}))
				req := janesKeys()
				tt.change(&req)
				id := create(t, c, req)
				u, err := c.ResolveUser(t.Context(), req, time.Now().Add(tt.after))
				assert.Len(t, looked(server), 1)
				if tt.found {
					require.NoError(t, err)
					assert.Equal(t, id, u.ID)
					continue
				}
				outcome := userapi.OutcomeUnknown
				if tt.kind == userapi.KindConflict {
					outcome = userapi.OutcomeRejected
				}
				e := assertSettled(t, err, tt.kind, outcome)
				assert.Equal(t, []string{id}, e.Candidates)
				u, err = c.ResolveUser(t.Context(), req, time.Time{})
				require.NoError(t, err, "the zero time admits any age")
				assert.Equal(t, id, u.ID)
			}
		})
	}
}

// The zero time asks for such a user, however it was made; another time for the user
// that one create made.
func TestResolveBeyondTheID(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	since := time.Now()
	id := create(t, c, janesKeys())
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	u, err := c.ResolveUser(t.Context(), req, time.Time{})
	require.NoError(t, err)
	assert.Equal(t, id, u.ID)
	assert.Equal(t, userapi.ProofMatch, u.Proof)
	assert.Equal(t, []string{"Email", "Username", "Phone"}, u.Compared)
	assert.Len(t, looked(server), 2)

	_, err = c.ResolveUser(t.Context(), req, since)
	assertSettled(t, err, userapi.KindNotFound, userapi.OutcomeRejected)

	for field, change := range map[string]func(*userapi.CreateUserRequest){
		"ExternalID": func(r *userapi.CreateUserRequest) { r.ExternalID = "customer-42" },
		"": func(r *userapi.CreateUserRequest) {
			r.Extensions = []userapi.Extension{fusionauth.Extra{UserID: userID}}
		},
	} {
		req := janesKeys()
		change(&req)
		_, err = c.ResolveUser(t.Context(), req, time.Time{})
		e := assertSettled(t, err, userapi.KindConflict, userapi.OutcomeRejected)
		require.Len(t, e.FieldErrors, 1)
		assert.Equal(t, field, e.FieldErrors[0].Field)
		assert.Equal(t, "userId", e.FieldErrors[0].VendorField)
		assert.NotEqual(t, id, e.UserID)
		_, err = c.ResolveUser(t.Context(), req, since)
		assertSettled(t, err, userapi.KindNotFound, userapi.OutcomeRejected)
	}
}

func TestResolveOfANumberThatMayBeTheSame(t *testing.T) {
	t.Parallel()
	c, _ := phonePair(t)
	since := time.Now()
	id := create(t, c, janesKeys())
	req := janesKeys()
	for _, req.Phone = range []string{"303-555-1212 ext. 5", "303-555-1212 at home"} { // the server finds the latter
		_, err := c.ResolveUser(t.Context(), req, since)
		e := assertSettled(t, err, userapi.KindUnknown, userapi.OutcomeUnknown)
		assert.Equal(t, "ambiguous", e.Code)
		assert.Equal(t, []string{id}, e.Candidates)
	}
}

func TestResolveComparesNoAttribute(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t) // whose Phone is mobilePhone
	since := time.Now()
	id := create(t, c, janesKeys())
	req := janesKeys()
	req.Phone = "+48500100200"
	u, err := c.ResolveUser(t.Context(), req, since)
	require.NoError(t, err)
	assert.Equal(t, id, u.ID)
	assert.Equal(t, []string{"Email", "Username"}, u.Compared)
}

func TestResolveInATenant(t *testing.T) {
	t.Parallel()
	server := fusionauthtest.NewServer(t, fusionauthtest.WithTenants(tenantA, tenantB))
	cfg := server.Config()
	quick(&cfg)
	c := clientOf(t, cfg)
	req := numbered(1)
	req.ExternalID, req.Extensions = "", []userapi.Extension{fusionauth.Extra{TenantID: tenantB}}
	since := time.Now()
	id := create(t, c, req)
	u, err := c.ResolveUser(t.Context(), req, since)
	require.NoError(t, err)
	assert.Equal(t, id, u.ID)

	req.Extensions = nil
	_, err = c.ResolveUser(t.Context(), req, since)
	require.ErrorIs(t, err, userapi.ErrNotFound)
	cfg.TenantID = ""
	_, err = clientOf(t, cfg).ResolveUser(t.Context(), req, since)
	e := assertSettled(t, err, userapi.KindInvalid, userapi.OutcomeUnknown)
	assert.Equal(t, "TenantIdRequired", e.Code)
}

func TestResolveOfWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	_, err := c.ResolveUser(t.Context(), userapi.CreateUserRequest{ExternalID: "customer-42"}, time.Now())
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, []string{"Email", "Password"}, fieldNames(e))

	_, err = c.ResolveUser(t.Context(), userapi.CreateUserRequest{
		Password: password, Extensions: []userapi.Extension{fusionauth.Extra{VerificationIDs: []userapi.Secret{"v1"}}},
	}, time.Now())
	e = assertSettled(t, err, userapi.KindUnknown, userapi.OutcomeUnknown)
	assert.Equal(t, "absence_unproven", e.Code)
	assert.Empty(t, server.Requests())
}

// CreateUser chose the id, and its error tells it.
func TestLostReplyOfARandomID(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	req := janesKeys()
	since := time.Now()
	_, err := c.CreateUser(t.Context(), req)
	e := asError(t, err)
	require.Equal(t, userapi.OutcomeUnknown, e.Outcome)
	req.Extensions = []userapi.Extension{fusionauth.Extra{UserID: e.UserID}}
	u, err := c.ResolveUser(t.Context(), req, since)
	require.NoError(t, err)
	assert.Equal(t, userapi.ProofID, u.Proof)
	assert.Equal(t, server.Users()[0].ID, u.ID)
}

func TestRepeatCollidesWithTheFirst(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*userapi.CreateUserRequest){
		"IdempotencyKey": func(r *userapi.CreateUserRequest) { r.IdempotencyKey = "signup-7" },
		"ExternalID":     func(r *userapi.CreateUserRequest) { r.ExternalID, r.IdempotencyKey = "customer-42", "signup-7" },
		"": func(r *userapi.CreateUserRequest) {
			r.Extensions = []userapi.Extension{fusionauth.Extra{UserID: userID}}
		},
	} {
		c, server := phonePair(t)
		req := janesKeys()
		change(&req)
		id := create(t, c, req)
		_, err := c.RepeatUser(t.Context(), req)
		e := asError(t, err)
		assert.Equal(t, userapi.KindConflict, e.Kind)
		assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
		assert.Equal(t, id, e.UserID)
		last := e.FieldErrors[len(e.FieldErrors)-1]
		assert.Equal(t, field, last.Field)
		assert.Equal(t, "userId", last.VendorField)
		assert.Equal(t, userapi.CodeTaken, last.Code)
		assert.Equal(t, 1, server.UserCount())
	}
}

func TestRepeatNeedsAnID(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	_, err := c.RepeatUser(t.Context(), janesKeys())
	e := asError(t, err)
	assert.Equal(t, userapi.KindInvalid, e.Kind)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Equal(t, []string{"IdempotencyKey", "ExternalID"}, fieldNames(e))
	assert.Equal(t, "required", e.FieldErrors[0].Code)

	_, err = c.RepeatUser(t.Context(), userapi.CreateUserRequest{Email: "jane@example.com"})
	assert.Equal(t, []string{"IdempotencyKey", "ExternalID", "Password"}, fieldNames(asError(t, err)), "every fault at once")
	_, err = c.RepeatUser(t.Context(), userapi.CreateUserRequest{IdempotencyKey: "signup-7"})
	assert.Equal(t, []string{"Email", "Password"}, fieldNames(asError(t, err)))
	assert.Empty(t, server.Requests())
}

// A user that was deactivated is still there to be deleted.
func TestDeleteOfAnInactiveUser(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	id := create(t, c, janesKeys())
	require.NoError(t, c.Users.Deactivate(t.Context(), id))
	require.Equal(t, 1, server.UserCount())
	assert.False(t, server.Users()[0].Active)
	require.NoError(t, c.DeleteUser(t.Context(), id))
	err := c.DeleteUser(t.Context(), id)
	assert.Equal(t, id, asError(t, err).UserID)
	assert.Contains(t, err.Error(), "the user does not exist")
}
