package quickblox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// The vendor's own samples.
const (
	usersURL    = "https://api.quickblox.com/users.json"
	apiKey      = "28irlNAGasWDSupO9Vw0BBMZfuHrAUYKpmroS9yBORI"
	sampleToken = "cf5709d6013fdb7a6787fbeb8340afed8aec4c69"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return text
}

// newMocked returns a client whose requests go to its own mock. It tries once.
func newMocked(t testing.TB, cfg quickblox.Config) (*quickblox.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	cfg.HTTP.HTTPClient = &http.Client{Transport: mock}
	cfg.HTTP.Retry.MaxAttempts = 1
	c, err := quickblox.New(cfg)
	require.NoError(t, err)
	return c, mock
}

func newClient(t testing.TB) (*quickblox.Client, *httpmock.MockTransport) {
	t.Helper()
	return newMocked(t, quickblox.Config{APIKey: apiKey})
}

// A sent is a request that a mock received.
type sent struct {
	header http.Header
	body   []byte
}

// replying registers a reply to the create, and returns the recorded request.
func replying(mock *httpmock.MockTransport, status int, body []byte) *sent {
	got := &sent{}
	mock.RegisterResponder(http.MethodPost, usersURL, func(r *http.Request) (*http.Response, error) {
		got.header = r.Header.Clone()
		got.body, _ = io.ReadAll(r.Body)
		resp := httpmock.NewBytesResponse(status, body)
		resp.Header.Set("X-Request-Id", "f1d7a0f4-7f35-4b1a-9a3f-4e6f9d9f6c21")
		return resp, nil
	})
	return got
}

// keyless is the reply of an application that hides personal data.
const keyless = `{"user":{"id":96752798,"full_name":"John Doe","created_at":"2019-08-27T20:19:08Z"}}`

var john = userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox", FullName: "John Doe"}

// wantError returns the error as a *userapi.Error.
func wantError(t testing.TB, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestCreateSendsGoldenBytes(t *testing.T) {
	t.Parallel()
	native := func(name string) func(*testing.T, *quickblox.Client) error {
		return func(t *testing.T, c *quickblox.Client) error {
			var req quickblox.CreateUserRequest
			require.NoError(t, json.Unmarshal(fixture(t, name), &req))
			_, err := c.Users.Create(context.Background(), req)
			return err
		}
	}
	portable := func(req userapi.CreateUserRequest) func(*testing.T, *quickblox.Client) error {
		return func(_ *testing.T, c *quickblox.Client) error {
			_, err := c.CreateUser(context.Background(), req)
			return err
		}
	}
	const (
		johnGolden  = `{"user":{"login":"johndoe","full_name":"John Doe","password":"quickblox"}}`
		peterGolden = `{"user":{"login":"Peter","email":"peter@gmail.com","external_user_id":1236672,"facebook_id":"8887366",` +
			`"full_name":"Peter Smith","phone":"+73123555","website":"https://mysite.com","custom_data":"lead of marketing team",` +
			`"tag_list":"marketing,seo","password":"!Peter009"}}`
	)
	withKey, withToken := quickblox.Config{APIKey: apiKey}, quickblox.Config{SessionToken: sampleToken}
	peter := userapi.CreateUserRequest{
		ExternalID: "1236672", Username: "Peter", Email: "peter@gmail.com", Phone: "+73123555", Password: "!Peter009",
		GivenName: "Peter", FamilyName: "Smith", Tags: []string{"marketing", "seo"},
		Extensions: []userapi.Extension{quickblox.Extra{FacebookID: "8887366", Website: "https://mysite.com", CustomData: "lead of marketing team"}},
	}
	for _, tc := range []struct {
		name   string
		cfg    quickblox.Config
		create func(*testing.T, *quickblox.Client) error
		golden string
		sample string // the vendor's own request with these members
	}{
		{"native with API key", withKey, native("request_api_key.json"), johnGolden, "request_api_key.json"},
		{"portable with API key", withKey, portable(john), johnGolden, "request_api_key.json"},
		{"native with session", withToken, native("request_session.json"), peterGolden, "request_session.json"},
		{"portable with session", withToken, portable(peter), peterGolden, "request_session.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.cfg.HTTP.UserAgent = "signup/1.0"
			c, mock := newMocked(t, tc.cfg)
			got := replying(mock, http.StatusCreated, []byte(keyless))
			require.NoError(t, tc.create(t, c))
			assert.Equal(t, 1, mock.GetTotalCallCount())
			assert.True(t, tc.golden == string(got.body), "the body differs from the golden one")
			assert.True(t, jsonEqual(t, fixture(t, tc.sample), got.body), "the members differ from the vendor's sample")

			assert.Equal(t, "application/json", got.header.Get("Content-Type"))
			assert.Equal(t, "application/json", got.header.Get("Accept"))
			assert.Equal(t, "0.1.1", got.header.Get("QuickBlox-REST-API-Version"))
			assert.Regexp(t, `^Go enlist-go/`, got.header.Get("QB-SDK"))
			assert.Regexp(t, `^signup/1\.0 enlist-go/`, got.header.Get("User-Agent"))
			wantKey, wantToken := "ApiKey "+apiKey, ""
			if tc.cfg.SessionToken != "" {
				wantKey, wantToken = "", sampleToken
			}
			assert.True(t, wantKey == got.header.Get("Authorization"), "Authorization")
			assert.True(t, wantToken == got.header.Get("QB-Token"), "QB-Token")
			for _, never := range []string{"Idempotency-Key", "Cookie"} {
				assert.Empty(t, got.header.Values(never))
			}
		})
	}
}

func jsonEqual(t testing.TB, a, b []byte) bool {
	t.Helper()
	var compactA, compactB any
	require.NoError(t, json.Unmarshal(a, &compactA))
	require.NoError(t, json.Unmarshal(b, &compactB))
	return assert.ObjectsAreEqual(compactA, compactB)
}

// Absent, false, zero and empty are different.
func TestCreateSendsWhatIsSet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		user quickblox.NewUser
		want string
	}{
		{"least", quickblox.NewUser{Email: new("j@x.org"), Password: "p"}, `{"email":"j@x.org","password":"p"}`},
		{"false and zero and empty", quickblox.NewUser{
			Login: new("j"), Password: "p", BlobID: new(int64(0)), Website: new(""), CustomData: new(""),
			AllowSalesActivities: new(false), AllowStatisticsAnalysis: new(false), AgeOver16: new(false), ParentsContacts: new(""),
		}, `{"login":"j","blob_id":0,"website":"","custom_data":"","allow_sales_activities":false,"allow_statistics_analysis":false,` +
			`"age_over16":false,"parents_contacts":"","password":"p"}`},
		{"everything else", quickblox.NewUser{
			Login: new("j"), Password: `"\<é`, BlobID: new(int64(1) << 60), TwitterID: new("7"), AgeOver16: new(true), ParentsContacts: new("mum"),
		}, `{"login":"j","blob_id":1152921504606846976,"twitter_id":"7","age_over16":true,"parents_contacts":"mum","password":"\"\\\u003cé"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			got := replying(mock, http.StatusCreated, []byte(keyless))
			_, err := c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: tc.user})
			require.NoError(t, err)
			assert.True(t, `{"user":`+tc.want+`}` == string(got.body), "the body differs")
		})
	}
}

func TestNativeRequestChecks(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	_, err := c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: quickblox.NewUser{
		Login: new(" "), ExternalUserID: new(int64(1) << 31),
	}})
	e := wantError(t, err)
	assert.Equal(t, []userapi.FieldError{
		{Field: "Username", VendorField: "login", Code: "required", Message: "a login or an e-mail address must be set"},
		{Field: "Password", VendorField: "password", Code: "required", Message: "must be set"},
		{Field: "ExternalID", VendorField: "external_user_id", Code: "invalid", Message: "must be from 1 to 2147483647"},
	}, e.FieldErrors)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	require.ErrorIs(t, err, userapi.ErrInvalid)

	_, err = c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: quickblox.NewUser{Login: new("j"), Password: userapi.Redacted}})
	assert.Equal(t, "Password (password): must be the secret itself, not its redacted form",
		wantError(t, err).FieldErrors[0].Field+" (password): "+wantError(t, err).FieldErrors[0].Message)
	_, err = c.Users.Create(context.Background(), quickblox.CreateUserRequest{User: quickblox.NewUser{Login: new("j\xff"), Password: "p"}})
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.Zero(t, mock.GetTotalCallCount())
}

func TestCreateReadsTheReply(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	body := fixture(t, "create_201.json")
	replying(mock, http.StatusCreated, body)
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{
		Username: "peter ", Email: "Peter@Gmail.com", ExternalID: "1236672", Password: "quickblox",
	})
	require.NoError(t, err)
	at := time.Date(2019, 8, 27, 20, 19, 8, 0, time.UTC)
	assert.Equal(t, "quickblox", u.Provider)
	assert.Equal(t, "96752798", u.ID)
	assert.Equal(t, "Peter", u.Username)
	assert.Equal(t, "peter@gmail.com", u.Email)
	assert.Equal(t, "+73123555", u.Phone)
	assert.Equal(t, "Peter Smith", u.FullName)
	assert.Equal(t, "1236672", u.ExternalID)
	assert.True(t, at.Equal(u.CreatedAt))
	assert.Equal(t, userapi.ProofReply, u.Proof)
	assert.Equal(t, "f1d7a0f4-7f35-4b1a-9a3f-4e6f9d9f6c21", u.RequestID)
	assert.Equal(t, body, []byte(u.Raw))
	assert.Empty(t, u.Unmapped)

	native, ok := userapi.As[*quickblox.CreateUserResponse](u)
	require.True(t, ok)
	assert.Equal(t, http.StatusCreated, native.StatusCode())
	assert.Equal(t, u.RequestID, native.RequestID())
	assert.Equal(t, body, []byte(native.Raw()))
	_, ok = userapi.As[*quickblox.User](u)
	assert.False(t, ok)
	assert.Equal(t, quickblox.User{
		ID: 96752798, FullName: new("Peter Smith"), Email: new("peter@gmail.com"), Login: new("Peter"), Phone: new("+73123555"),
		Website: new("https://mysite.com"), CreatedAt: native.User.CreatedAt, UpdatedAt: native.User.UpdatedAt,
		ExternalUserID: new(quickblox.Number("1236672")), FacebookID: new(quickblox.Text("8887366")), CustomData: new("lead of marketing team"),
		AgeOver16: new(false), AllowStatisticsAnalysis: new(false), AllowSalesActivities: new(false), ParentsContacts: new(""),
		UserTags: quickblox.Tags{"marketing", "seo"},
	}, native.User)
	assert.True(t, at.Equal(native.User.UpdatedAt.Time))
	assert.True(t, native.User.LastRequestAt.IsZero())
}

// Replies with other times and settings, and their encoded forms. Null and unknown members are left
// out.
func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	var documented map[string]map[string]any
	require.NoError(t, json.Unmarshal(fixture(t, "create_201.json"), &documented))
	for name, v := range documented["user"] {
		if v == nil {
			delete(documented["user"], name)
		}
	}
	kept, err := json.Marshal(documented)
	require.NoError(t, err)
	for _, tc := range []struct{ name, reply, again string }{
		{"documented", string(fixture(t, "create_201.json")), string(kept)},
		{"id alone", `{"user":{"id":1}}`, `{"user":{"id":1}}`},
		{"id as text", `{"user":{"id":"96752798","login":"j"}}`, `{"user":{"id":96752798,"login":"j"}}`},
		{"ids as texts", `{"user":{"id":1,"external_user_id":"1236672","blob_id":"55","owner_id":"9"}}`, `{"user":{"id":1,"external_user_id":1236672,"blob_id":55,"owner_id":9}}`},
		{"texts as numbers", `{"user":{"id":1,"facebook_id":8887366,"twitter_id":7,"twitter_digits_id":8}}`, `{"user":{"id":1,"facebook_id":"8887366","twitter_id":"7","twitter_digits_id":"8"}}`},
		{"external id that is not a number", `{"user":{"id":1,"external_user_id":"ebdf831a"}}`, `{"user":{"id":1,"external_user_id":"ebdf831a"}}`},
		{"tags as array", `{"user":{"id":1,"user_tags":["marketing","seo"]}}`, `{"user":{"id":1,"user_tags":"marketing,seo"}}`},
		{"tags null", `{"user":{"id":1,"user_tags":null}}`, `{"user":{"id":1}}`},
		{"tags empty", `{"user":{"id":1,"user_tags":""}}`, `{"user":{"id":1}}`},
		{"all null", `{"user":{"id":1,"login":null,"external_user_id":null,"facebook_id":null,"created_at":null,"age_over16":null}}`, `{"user":{"id":1}}`},
		{"unknown members", `{"user":{"id":1,"shoe_size":44,"x":{"y":[]}},"meta":1}`, `{"user":{"id":1}}`},
		{"wrong types", `{"user":{"id":1,"login":["a"],"age_over16":"yes","email":{},"full_name":"John"}}`, `{"user":{"id":1,"full_name":"John"}}`},
		{"other types", `{"user":{"id":"1","phone":380501234567,"age_over16":"true","login":5}}`,
			`{"user":{"id":1,"phone":"380501234567","age_over16":true,"login":"5"}}`},
		{"times of the other forms", `{"user":{"id":1,"created_at":"2016-04-11 16:29:04 UTC","last_request_at":"2018-07-11 17:33:09 +0000"}}`,
			`{"user":{"id":1,"created_at":"2016-04-11 16:29:04 UTC","last_request_at":"2018-07-11 17:33:09 +0000"}}`},
		{"error members null", `{"user":{"id":1},"errors":null,"error":null}`, `{"user":{"id":1}}`},
		{"error members empty", `{"user":{"id":1},"errors":[],"error":""}`, `{"user":{"id":1}}`},
		{"error member without members", `{"user":{"id":1},"errors":{ }}`, `{"user":{"id":1}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			replying(mock, http.StatusCreated, []byte(tc.reply))
			// The vendor's handling of non-ASCII letters is not known, so they contradict nothing.
			u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "jöhn", Password: "quickblox"})
			require.NoError(t, err)
			native, ok := userapi.As[*quickblox.CreateUserResponse](u)
			require.True(t, ok)
			again, err := json.Marshal(native)
			require.NoError(t, err)
			assert.JSONEq(t, tc.again, string(again))

			var direct quickblox.CreateUserResponse
			require.NoError(t, json.Unmarshal([]byte(tc.reply), &direct))
			assert.Equal(t, native.User, direct.User)
		})
	}
}

// TestBrokenSuccess: a reply without a user is not a success. If the id is still readable, the user
// exists.
func TestBrokenSuccess(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		id     string // "" means unknown
	}{
		{"one blank", 201, " ", ""},
		{"text", 201, `"created"`, ""},
		{"user null", 201, `{"user":null}`, ""},
		{"user empty", 201, `{"user":{}}`, ""},
		{"user array", 201, `{"user":[{"id":1}]}`, ""},
		{"id elsewhere", 201, `{"id":1,"data":{"user":{"id":2}}}`, ""},
		{"id no number", 201, `{"user":{"id":"abc"}}`, ""},
		{"cut before the id", 201, `{"user":{"id":`, ""},
		{"cut in the id", 201, `{"user":{"id":967527`, ""},
		{"cut after the id", 201, `{"user":{"id":96752798,"login":"jo`, "96752798"},
		{"cut behind an id as text", 201, `{"user":{"id":"96752798","lo`, "96752798"},
		{"cut at the end", 201, `{"user":{"id":96752798}`, "96752798"},
		{"more behind the end", 201, `{"user":{"id":96752798}}}`, "96752798"},
		{"error beside the user", 201, `{"user":{"id":96752798},"errors":{"base":["partly"]}}`, "96752798"},
		{"error text beside the user", 201, `{"user":{"id":96752798},"error":"partly"}`, "96752798"},
		{"errors alone", 200, `{"errors":{"login":["has already been taken"]}}`, ""},
		{"accepted with an error message", 202, `{"code":null,"message":"No data was provided"}`, ""},
	} {
		t.Run(http.StatusText(tc.status)+" "+tc.name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			replying(mock, tc.status, []byte(tc.body))
			u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe", Password: "quickblox", Timezone: "Europe/Kyiv"})
			assert.Nil(t, u)
			e := wantError(t, err)
			require.ErrorIs(t, err, userapi.ErrProtocol)
			assert.True(t, userapi.MayHaveCreated(err))
			assert.Equal(t, tc.status, e.StatusCode)
			assert.Equal(t, 1, mock.GetTotalCallCount())
			assert.Equal(t, tc.id, e.UserID)
			if tc.id == "" {
				assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
				assert.Nil(t, e.User)
				return
			}
			assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			require.NotNil(t, e.User)
			assert.Equal(t, tc.id, e.User.ID)
			assert.Equal(t, []string{"Timezone"}, e.User.Unmapped)
			assert.Equal(t, tc.body, string(e.User.Raw))
			_, ok := userapi.As[*quickblox.CreateUserResponse](e.User)
			assert.True(t, ok)
		})
	}
}

// Incomplete bodies on a real connection.
func TestTruncatedReply(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		body string // "" means the vendor's; half of it is sent
		id   string
	}{
		{"id readable", "", "96752798"},
		{"id cut", `{"user":{"id":123456789012345678}}`, ""},
		{"whole to the reader", `{"user":{"id":7}}` + string(bytes.Repeat([]byte(" "), 17)), "7"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := quickbloxtest.NewServer(t)
			c, err := quickblox.New(s.Config())
			require.NoError(t, err)
			defer c.CloseIdleConnections()
			fault := userapitest.Fault{On: userapitest.Create, When: userapitest.AfterCommit, Do: userapitest.Truncate}
			if tc.body != "" {
				fault.Status, fault.Body = http.StatusCreated, []byte(tc.body)
			}
			s.Inject(fault)
			_, err = c.CreateUser(context.Background(), john)
			e := wantError(t, err)
			assert.Equal(t, userapi.KindProtocol, e.Kind)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, tc.id, e.UserID)
			assert.Equal(t, map[bool]userapi.Outcome{true: userapi.OutcomeCreated, false: userapi.OutcomeUnknown}[tc.id != ""], e.Outcome)
			assert.Equal(t, 1, s.UserCount())
			assert.Len(t, s.Requests(), 1)
		})
	}
}

// QuickBlox trims trailing white space of every text except the password.
func TestTrailingWhiteSpace(t *testing.T) {
	t.Parallel()
	s := quickbloxtest.NewServer(t)
	c, err := quickblox.New(s.Config())
	require.NoError(t, err)
	defer c.CloseIdleConnections()
	u, err := c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe \t", Password: "quickblox  ", FullName: "John Doe\n"})
	require.NoError(t, err)
	assert.Equal(t, "johndoe", u.Username)
	assert.Equal(t, "John Doe", u.FullName)
	_, err = c.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "johndoe  ", Password: "quickblox"})
	require.ErrorIs(t, err, userapi.ErrConflict)

	for password, want := range map[userapi.Secret]error{"quickblox  ": nil, "quickblox": userapi.ErrUnauthorized} {
		cfg := s.Config()
		cfg.APIKey, cfg.Session = "", s.SessionConfig()
		cfg.Session.Login, cfg.Session.Password = "johndoe", password
		user, err := quickblox.New(cfg)
		require.NoError(t, err)
		defer user.CloseIdleConnections()
		_, err = user.CreateUser(context.Background(), userapi.CreateUserRequest{Username: "second", Password: "quickblox"})
		require.ErrorIs(t, err, want)
	}
}
