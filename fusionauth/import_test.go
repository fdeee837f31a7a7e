package fusionauth_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
)

// sampleImport returns FusionAuth's own sample of an import.
func sampleImport(t *testing.T) (sample []byte, req fusionauth.ImportRequest) {
	t.Helper()
	sample, err := os.ReadFile("testdata/import.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(sample, &req))
	return sample, req
}

func TestImportSendsTheVendorsSample(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, "")
	sample, req := sampleImport(t)
	req.Users[0].ID = new("AAAAAAAA-0000-4000-8000-000000000001")
	req.TenantID, req.ValidateDBConstraints = tenantA, new(true)
	resp, err := c.Users.Import(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, []string{"aaaaaaaa-0000-4000-8000-000000000001"}, resp.UserIDs)
	assert.Equal(t, "/api/user/import", got.path)
	assert.Equal(t, tenantA, got.header.Get("X-FusionAuth-TenantId"))
	want := strings.TrimSuffix(strings.TrimSpace(string(sample)), "}]}") + `,"id":"AAAAAAAA-0000-4000-8000-000000000001"}],"validateDbConstraints":true}`
	same, err := sameJSON(want, string(got.body))
	require.NoError(t, err)
	assert.True(t, same, "the body is the vendor's sample with what was added")
}

// sameJSON compares two texts as JSON and does not show them.
func sameJSON(a, b string) (bool, error) {
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		return false, err
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		return false, err
	}
	return assert.ObjectsAreEqual(x, y), nil
}

// A hash is sent with its salt, even an empty one. A plain password has none.
func TestImportSendsSalts(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := reply(mock, 200, "")
	users := []fusionauth.NewUser{
		{ID: new(userID), Username: new("a"), Password: "hAsH", EncryptionScheme: "plug-in"},
		{ID: new(tenantB), Username: new("b"), Password: "plain"},
	}
	_, err := c.Users.Import(t.Context(), fusionauth.ImportRequest{Users: users})
	require.NoError(t, err)
	assert.True(t, string(got.body) == `{"users":[`+
		`{"encryptionScheme":"plug-in","id":"`+userID+`","username":"a","password":"hAsH","salt":""},`+
		`{"id":"`+tenantB+`","username":"b","password":"plain"}]}`, "the body is as expected")
}

// Import gives ids to users without one, and does not change the request.
func TestImportChoosesIDs(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	req := fusionauth.ImportRequest{Users: []fusionauth.NewUser{
		{Username: new("a"), Password: password, Active: new(true)}, {Username: new("b"), Password: password, ID: new(strings.ToUpper(userID))},
	}}
	resp, err := c.Users.Import(t.Context(), req)
	require.NoError(t, err)
	assert.Nil(t, req.Users[0].ID)
	assert.Equal(t, userID, resp.UserIDs[1])
	users := server.Users()
	require.Len(t, users, 2)
	assert.Equal(t, []string{users[0].ID, users[1].ID}, resp.UserIDs)
	assert.True(t, users[0].Active && !users[1].Active)
}

func TestImportIsRefusedHere(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	for name, tt := range map[string]struct {
		req   fusionauth.ImportRequest
		field string
	}{
		"nobody":      {fusionauth.ImportRequest{}, "users"},
		"tenant":      {fusionauth.ImportRequest{TenantID: "acme", Users: []fusionauth.NewUser{{Username: new("a"), Password: password}}}, "ImportRequest.TenantID"},
		"id":          {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Password: password}, {ID: new("x"), Username: new("b"), Password: password}}}, "users[1].id"},
		"no name":     {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Password: password}}}, "users[0].email"},
		"birth date":  {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), BirthDate: "9181-63-65"}}}, "users[0].birthDate"},
		"redacted":    {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Password: userapi.Redacted}}}, "users[0].password"},
		"secret data": {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Data: fusionauth.Data{"k": userapi.Secret("s")}}}}, "users[0].data"},
		"secret of the event": {fusionauth.ImportRequest{
			Users: []fusionauth.NewUser{{Username: new("a"), Password: password}}, EventInfo: fusionauth.EventInfo{Data: fusionauth.Data{"k": userapi.Secret("s")}},
		}, ""},
		"redacted text": {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Password: password, FullName: new(userapi.Redacted)}}}, ""},
		"salt alone":    {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Password: password, Salt: "c2FsdA=="}}}, "users[0].salt"},
		"registration": {fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Username: new("a"), Registrations: []fusionauth.Registration{
			{ApplicationID: new("x")},
		}}}}, "users[0].registrations[0].applicationId"},
	} {
		_, err := c.Users.Import(t.Context(), tt.req)
		e := asError(t, err)
		assert.Equal(t, userapi.KindInvalid, e.Kind, name)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome, name)
		require.NotEmpty(t, e.FieldErrors, name)
		assert.Equal(t, tt.field, e.FieldErrors[0].VendorField, name)
	}
	assert.Empty(t, server.Requests())
}

func TestImportErrors(t *testing.T) {
	t.Parallel()
	const failed = `{"fieldErrors":{},"generalErrors":[{"code":"[ImportRequestFailed]","message":"An error occurred during the import request."}]}`
	for name, tt := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		code    string
	}{
		"taken":  {400, `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email","message":"m"}]}}`, userapi.KindConflict, userapi.OutcomeRejected, ""},
		"twice":  {400, `{"fieldErrors":{"user.username":[{"code":"[invalid]user.username","message":"m"}]}}`, userapi.KindInvalid, userapi.OutcomeRejected, ""},
		"failed": {500, failed, userapi.KindUnavailable, userapi.OutcomeUnknown, "ImportRequestFailed"},
		"key":    {401, "", userapi.KindUnauthorized, userapi.OutcomeRejected, ""},
		"page":   {200, "<html>", userapi.KindProtocol, userapi.OutcomeUnknown, ""},
		"error":  {200, failed, userapi.KindProtocol, userapi.OutcomeUnknown, ""},
	} {
		c, mock := newClient(t)
		reply(mock, tt.status, tt.body)
		_, err := c.Users.Import(t.Context(), fusionauth.ImportRequest{Users: []fusionauth.NewUser{{Email: new("ada@example.org"), Password: planted}}})
		e := asError(t, err)
		assert.Equal(t, tt.kind, e.Kind, name)
		assert.Equal(t, tt.outcome, e.Outcome, name)
		assert.Equal(t, tt.code, e.Code, name)
		assert.Equal(t, "import users", e.Op, name)
		assert.Equal(t, userapi.SubjectCreate, e.Subject, name)
		assert.NotContains(t, fmt.Sprintf("%+v %v", e, e.Err), planted, name)
	}
}

// A request's values are never shown, even if it has many users.
func TestImportHidesWhatIsEchoed(t *testing.T) {
	t.Parallel()
	var users []fusionauth.NewUser
	for i := range 200 {
		users = append(users, fusionauth.NewUser{Email: new(fmt.Sprintf("%s%d@example.org", planted, i)), Password: planted, Salt: planted, EncryptionScheme: "plug-in"})
	}
	for _, n := range []int{1, 200} {
		c, mock := newClient(t)
		reply(mock, 400, `{"fieldErrors":{"user.email":[{"code":"[duplicate]user.email","message":"`+planted+`7@example.org"}]},"generalErrors":[{"code":"[`+planted+`]","message":"`+planted+`"}]}`)
		req := fusionauth.ImportRequest{Users: users[:n]}
		_, err := c.Users.Import(t.Context(), req)
		e := asError(t, err)
		assert.Equal(t, "user.email", e.FieldErrors[0].VendorField)
		assertHidden(t, "error", *e)
		req.Users = []fusionauth.NewUser{{Email: new("ada@example.org"), Password: planted, Salt: planted}}
		assertHidden(t, "request", req)
		assertHidden(t, "hash", fusionauth.PasswordHash{Hash: planted, Salt: planted, Scheme: planted})
	}
}

func TestImportedByTheFakesSample(t *testing.T) {
	t.Parallel()
	c, server := newPair(t, fusionauthtest.WithTenants(tenantA), fusionauthtest.WithApplications(fusionauthtest.Application{
		ID: "00000000-0000-0000-0000-000000000002", Roles: []string{"moderator"},
	}))
	_, req := sampleImport(t)
	_, err := c.Users.Import(t.Context(), req)
	require.NoError(t, err)
	resp, err := c.Users.GetByEmail(t.Context(), "example@fusionauth.io")
	require.NoError(t, err)
	require.Len(t, resp.User.Registrations, 1)
	assert.Equal(t, []string{"moderator"}, resp.User.Registrations[0].Roles)
	assert.Equal(t, 1, server.UserCount())
}
