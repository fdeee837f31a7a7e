package fusionauth_test

import (
	"cmp"
	"net/http"
	"slices"
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

// phonePair is newPair with phone numbers as logins.
func phonePair(t *testing.T, opts ...fusionauthtest.Option) (*fusionauth.Client, *fusionauthtest.Server) {
	t.Helper()
	server := stillServer(t, opts...)
	cfg := server.Config()
	cfg.PhoneLogin = true
	quick(&cfg)
	return clientOf(t, cfg), server
}

// janesKeys returns a request with every key.
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

// resolve resolves a request and requires the id.
func resolve(t *testing.T, c *fusionauth.Client, req userapi.CreateUserRequest, since time.Time, id string) *userapi.User {
	t.Helper()
	u, err := c.ResolveUser(t.Context(), req, since)
	require.NoError(t, err)
	assert.Equal(t, id, u.ID)
	return u
}

// unresolved resolves a request and requires an error of a kind.
func unresolved(t *testing.T, c *fusionauth.Client, req userapi.CreateUserRequest, since time.Time, kind userapi.Kind) *userapi.Error {
	t.Helper()
	_, err := c.ResolveUser(t.Context(), req, since)
	e := asError(t, err)
	settled := kind == userapi.KindNotFound || kind == userapi.KindConflict
	assert.Equal(t, []any{kind, settled, "resolve user"}, []any{e.Kind, e.Outcome == userapi.OutcomeRejected, e.Op})
	assert.True(t, settled || e.Outcome == userapi.OutcomeUnknown)
	return e
}

// faults returns the fields of an error, as "Field/VendorField/Code".
func faults(e *userapi.Error) []string {
	var all []string
	for _, f := range e.FieldErrors {
		all = append(all, f.Field+"/"+f.VendorField+"/"+f.Code)
	}
	return all
}

// TestResolveByKeys: the first key of a look-up, and what it proves. If it is an id, a repeat
// collides with the first create and names the id's source.
func TestResolveByKeys(t *testing.T) {
	t.Parallel()
	ofID := func(field string) []string { return []string{field, "Email", "Username", "Phone"} }
	only := func(email, name, phone string, extensions ...userapi.Extension) func(*userapi.CreateUserRequest) {
		return func(r *userapi.CreateUserRequest) {
			r.Email, r.Username, r.Phone, r.Extensions = email, name, phone, extensions
		}
	}
	for _, tt := range []struct {
		name, uri string // "" for an id's own look-up
		change    func(*userapi.CreateUserRequest)
		compared  []string
	}{
		{"key", "", func(r *userapi.CreateUserRequest) { r.IdempotencyKey = "signup-7" }, ofID("IdempotencyKey")},
		{"a UUID as the key", "", func(r *userapi.CreateUserRequest) { r.IdempotencyKey = strings.ToUpper(userID) }, ofID("IdempotencyKey")},
		{"external id", "", func(r *userapi.CreateUserRequest) { r.ExternalID, r.IdempotencyKey = "customer-42", "signup-7" }, ofID("ExternalID")},
		{"own id", "", func(r *userapi.CreateUserRequest) {
			r.IdempotencyKey, r.Extensions = "signup-7", []userapi.Extension{fusionauth.Extra{UserID: strings.ToUpper(userID)}}
		}, ofID("userId")},
		{"all", "/api/user?email=jane%40example.com", func(*userapi.CreateUserRequest) {}, []string{"Email", "Username", "Phone"}},
		{"user name", "/api/user?username=JANE", only("", " JANE", ""), []string{"Username"}},
		{"phone", "/api/user?loginId=%28303%29+555-1212&loginIdTypes=phoneNumber", only(" ", "", "(303) 555-1212"), []string{"Phone"}},
		{"phone of the extension", "/api/user?loginId=%2B13035551212&loginIdTypes=phoneNumber", only("", "", "", fusionauth.Extra{PhoneNumber: "+13035551212"}), []string{"user.phoneNumber"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, server := phonePair(t)
			req, proof := janesKeys(), userapi.ProofMatch
			if tt.uri == "" {
				tt.change(&req)
				proof = userapi.ProofID
			}
			since := time.Now()
			id := create(t, c, req)
			tt.change(&req)
			u := resolve(t, c, req, since, id)
			assert.Equal(t, []any{proof, tt.compared}, []any{u.Proof, u.Compared})
			assert.Equal(t, []string{req.ExternalID, "jane@example.com"}, []string{u.ExternalID, u.Email})
			native, ok := userapi.As[*fusionauth.GetUserResponse](u)
			require.True(t, ok)
			assert.True(t, native.Token == "" && string(native.Raw()) == string(u.Raw))
			assert.Equal(t, []string{cmp.Or(tt.uri, "/api/user/"+id)}, looked(server))
			if tt.uri == "" {
				_, err := c.RepeatUser(t.Context(), req)
				e := asError(t, err)
				assert.Equal(t, id, e.UserID)
				assert.Equal(t, strings.TrimPrefix(tt.compared[0], "userId")+"/userId/taken", faults(e)[len(e.FieldErrors)-1])
			}
		})
	}
}

// TestResolveAsksByEveryKey: an id decides alone. Without an id each key is tried until one finds a
// user.
func TestResolveAsksByEveryKey(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	since := time.Now()
	e := unresolved(t, c, req, since, userapi.KindNotFound)
	asked := slices.Repeat([]string{"/api/user/" + e.UserID}, 3)
	assert.Equal(t, asked, looked(server))

	look := []string{"/api/user?email=jane%40example.com", "/api/user?username=Jane", "/api/user?loginId=303-555-1212&loginIdTypes=phoneNumber"}
	id := create(t, c, janesKeys())
	server.Inject(userapitest.Fault{On: userapitest.Lookup, Status: 404, Times: 2})
	resolve(t, c, janesKeys(), since, id) // by the phone number
	assert.Equal(t, append(asked, look...), looked(server))
}

// TestResolveCompares: the user has the request's id or one of its keys, and differs in another
// key.
func TestResolveCompares(t *testing.T) {
	t.Parallel()
	keep := func(*userapi.CreateUserRequest) {}
	const name, phone = "Username/user.username/different", "Phone/user.phoneNumber/different"
	for _, tt := range []struct {
		what          string
		theirs, asked func(*userapi.CreateUserRequest)
		differs       []string // nil if differences are not known
	}{
		{"e-mail", keep, func(r *userapi.CreateUserRequest) { r.Email = "other@example.com" }, []string{"Email/user.email/different"}},
		{"user name", keep, func(r *userapi.CreateUserRequest) { r.Username = "other" }, []string{name}},
		{"phone", keep, func(r *userapi.CreateUserRequest) { r.Phone = "303-555-1213" }, []string{phone}},
		{"keys that the user does not have", func(r *userapi.CreateUserRequest) { r.Username, r.Phone = "", "" }, keep, []string{name, phone}},
		{"an extension", keep, func(r *userapi.CreateUserRequest) { r.Phone = "303-555-1212 ext. 5" }, nil},
		{"a number that the server finds", keep, func(r *userapi.CreateUserRequest) { r.Phone = "303-555-1212 at home" }, nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			for _, externalID := range []string{"customer-42", ""} {
				c, _ := phonePair(t)
				theirs, asked := janesKeys(), janesKeys()
				theirs.ExternalID, asked.ExternalID = externalID, externalID
				tt.theirs(&theirs)
				tt.asked(&asked)
				since := time.Now()
				id := create(t, c, theirs)
				kind := userapi.KindConflict
				if tt.differs == nil {
					kind = userapi.KindUnknown
				}
				e := unresolved(t, c, asked, since, kind)
				assert.Equal(t, []string{id}, e.Candidates)
				assert.Equal(t, tt.differs, faults(e))
				assert.Equal(t, tt.differs == nil, e.Code == "ambiguous")
			}
		})
	}
}

// TestResolveAtAnOlderServer: a member that the server ignored does not make its user somebody
// else's.
func TestResolveAtAnOlderServer(t *testing.T) {
	t.Parallel()
	for _, externalID := range []string{"customer-42", ""} {
		c, _ := phonePair(t, fusionauthtest.WithServerBefore159())
		req, since := janesKeys(), time.Now()
		req.ExternalID = externalID
		u := resolve(t, c, req, since, create(t, c, req))
		assert.Len(t, u.Warnings, 1)
	}
}

// TestResolveFindsTwoUsers: one user has the e-mail address and another the user name. Neither is
// the request's.
func TestResolveFindsTwoUsers(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	since := time.Now()
	first := create(t, c, userapi.CreateUserRequest{Email: "jane@example.com", Password: password})
	create(t, c, userapi.CreateUserRequest{Username: "jane", Phone: "+13035551212", Password: password})
	e := unresolved(t, c, janesKeys(), since, userapi.KindConflict)
	assert.Equal(t, []string{first}, e.Candidates)
	assert.Len(t, looked(server), 2, "the second user's phone number is not asked for")
}

// TestInactiveUser: a deactivated user does not count as new, and can still be deleted.
func TestInactiveUser(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	since := time.Now()
	id := create(t, c, req)
	require.NoError(t, c.Users.Deactivate(t.Context(), id))
	require.Equal(t, 1, server.UserCount())
	assert.False(t, server.Users()[0].Active)
	assert.Equal(t, []string{id}, unresolved(t, c, req, since, userapi.KindUnknown).Candidates)
	require.NoError(t, c.DeleteUser(t.Context(), id))
	err := c.DeleteUser(t.Context(), id)
	assert.Equal(t, id, asError(t, err).UserID)
	assert.Contains(t, err.Error(), "the user does not exist")
}

// TestResolveLooksAtAge: the id of an IdempotencyKey belongs to one create, whatever the user's
// age. A login does not.
func TestResolveLooksAtAge(t *testing.T) {
	t.Parallel()
	c, _ := phonePair(t)
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	id := create(t, c, req)
	later := time.Now().Add(time.Hour)
	resolve(t, c, req, later, id)
	req.IdempotencyKey = ""
	e := unresolved(t, c, req, later, userapi.KindConflict)
	assert.Equal(t, []string{id}, e.Candidates)
	assert.Equal(t, []string{"/user.insertInstant/older"}, faults(e))
}

// TestResolveBeyondTheID: the zero time asks for the user of any create. Another time asks only for
// the user of this create.
func TestResolveBeyondTheID(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	since := time.Now()
	id := create(t, c, janesKeys())
	req := janesKeys()
	req.IdempotencyKey = "signup-7"
	u := resolve(t, c, req, time.Time{}, id)
	assert.Equal(t, userapi.ProofMatch, u.Proof)
	assert.Equal(t, []string{"Email", "Username", "Phone"}, u.Compared)
	assert.Len(t, looked(server), 2)
	unresolved(t, c, req, since, userapi.KindNotFound)

	own, external := janesKeys(), janesKeys()
	own.Extensions = []userapi.Extension{fusionauth.Extra{UserID: userID}}
	external.ExternalID = "customer-42"
	for fault, req := range map[string]userapi.CreateUserRequest{"/userId/different": own, "ExternalID/userId/different": external} {
		e := unresolved(t, c, req, time.Time{}, userapi.KindConflict)
		assert.Equal(t, []string{fault}, faults(e))
		assert.NotEqual(t, id, e.UserID)
		unresolved(t, c, req, since, userapi.KindNotFound)
	}
}

// TestResolveComparesNoAttribute: without PhoneLogin the phone number is only an attribute.
func TestResolveComparesNoAttribute(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t)
	since := time.Now()
	id := create(t, c, janesKeys())
	req := janesKeys()
	req.Phone = "+48500100200"
	assert.Equal(t, []string{"Email", "Username"}, resolve(t, c, req, since, id).Compared)
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
	resolve(t, c, req, since, create(t, c, req))
	req.Extensions = nil
	unresolved(t, c, req, since, userapi.KindNotFound)
	cfg.TenantID = ""
	assert.Equal(t, "TenantIdRequired", unresolved(t, clientOf(t, cfg), req, since, userapi.KindInvalid).Code)
}

func TestResolveWithNothingToAskFor(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	req := userapi.CreateUserRequest{Password: password, Extensions: []userapi.Extension{fusionauth.Extra{VerificationIDs: []userapi.Secret{"v1"}}}}
	assert.Equal(t, "absence_unproven", unresolved(t, c, req, time.Now(), userapi.KindUnknown).Code)
	assert.Empty(t, server.Requests())
}

// TestLostReplyOfARandomID: the error has the id that CreateUser chose.
func TestLostReplyOfARandomID(t *testing.T) {
	t.Parallel()
	c, server := phonePair(t)
	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Hangup})
	req := janesKeys()
	since := time.Now()
	_, err := c.CreateUser(t.Context(), req)
	req.Extensions = []userapi.Extension{fusionauth.Extra{UserID: asError(t, err).UserID}}
	assert.Equal(t, userapi.ProofID, resolve(t, c, req, since, server.Users()[0].ID).Proof)
}

// TestRepeatNeedsAnID: the error names every fault.
func TestRepeatNeedsAnID(t *testing.T) {
	t.Parallel()
	c, _ := phonePair(t)
	for missing, req := range map[string]userapi.CreateUserRequest{
		"IdempotencyKey ExternalID":       janesKeys(),
		"IdempotencyKey ExternalID Email": {Username: " "},
		"Email":                           {IdempotencyKey: "signup-7"},
	} {
		_, err := c.RepeatUser(t.Context(), req)
		assert.Equal(t, missing, strings.Join(fieldNames(asError(t, err)), " "))
		assert.Equal(t, "required", asError(t, err).FieldErrors[0].Code)
	}
}
