package mixin_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

const (
	usersURL  = "https://api.mixin.one/users"
	userID    = "06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"
	newID     = "9c3d2b1a-0f4e-4d6c-8b7a-6e5f4d3c2b04" // of a user that is created
	sessionID = "a34c07a9-755d-4b54-94c5-e45e9a2dd43e"
	deviceID  = "00a5a4ae-dcdc-48db-ab8e-a7eef69b441d"
	// sampleSecret is the session_secret of the vendor's sample, sampleSig the claim
	// sig of its token.
	sampleSecret = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDMTuli9K9k7F+L7Rq34se23nQeV2yvjVGCZyRTbp8qNASnRq6N679ZflgVxNUsr2qkHN4eqvafrQ9IIcRXfofMlWWIU6MrgVVD0UEVyH4jKA5gUr4smU/SDnVLqb3TojYMELIKHgqnrjqDJ0b+vMUG1Iix4fi+CvjSiJzsWPOavQIDAQAB"
	sampleSig    = "127aea9e72fa02bea407adcba043b32c4a4a7e64b30547720de297b164e91ea2"
	// edSecret is an Ed25519 key in the same form as Mixin's own clients send it.
	edSecret = "p58A96p-F1oRy7CaDnoy9IcI5ZStT87EUjDV1qM3PFU"
)

// quick is a policy whose waits are too short to matter.
var quick = userapi.RetryPolicy{BaseWait: time.Microsecond, MaxWait: time.Millisecond}

// appKey returns a key that signs for the application.
func appKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// userKey returns a session key for a new user.
func userKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("a seed that only these tests use"))
}

// config returns settings whose requests go to a mock.
func config(mock *httpmock.MockTransport) mixin.Config {
	return mixin.Config{
		Keystore: mixin.Keystore{UserID: userID, SessionID: sessionID, PrivateKey: appKey()},
		HTTP:     userapi.HTTPOptions{HTTPClient: &http.Client{Transport: mock}, Retry: quick},
	}
}

// clientOf returns a client with settings that New takes.
func clientOf(t testing.TB, cfg mixin.Config) *mixin.Client {
	t.Helper()
	c, err := mixin.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// newClient returns a client whose requests go to a mock of its own.
func newClient(t testing.TB) (*mixin.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	c, err := mixin.New(config(mock))
	require.NoError(t, err)
	return c, mock
}

// received is a request as the mock saw it.
type received struct {
	header http.Header
	body   string
	claims map[string]any
}

// answer makes the mock answer with a status and a body, and returns what it gets.
func answer(mock *httpmock.MockTransport, url string, status int, body string) *[]received {
	var got []received
	mock.RegisterResponder(http.MethodPost, url, func(r *http.Request) (*http.Response, error) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		in := received{header: r.Header.Clone(), body: string(text)}
		if parts := strings.Split(r.Header.Get("Authorization"), "."); len(parts) == 3 {
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			_ = json.Unmarshal(payload, &in.claims)
		}
		got = append(got, in)
		resp := httpmock.NewStringResponse(status, body)
		resp.Header.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		return resp, nil
	})
	return &got
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// asError returns the error as the contract's.
var asError = mixin.AsError

const created = `{"data":{"type":"user","user_id":"` + newID + `"}}`

// TestTheVendorsSample sends what the vendor's own sample sends: the same bytes,
// under the same signature of them.
func TestTheVendorsSample(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	cfg := config(mock)
	cfg.DeviceID = strings.ToUpper(deviceID)
	c := clientOf(t, cfg)
	got := answer(mock, usersURL, 200, testdata(t, "create_user_response.json"))

	var req mixin.CreateUserRequest
	require.NoError(t, json.Unmarshal([]byte(testdata(t, "create_user_request.json")), &req))
	assert.Equal(t, sampleSecret, req.SessionSecret)
	resp, err := c.Users.Create(t.Context(), req)
	require.NoError(t, err)

	require.Len(t, *got, 1)
	in := (*got)[0]
	assert.Equal(t, `{"full_name":"Bot User","session_secret":"`+sampleSecret+`"}`, in.body)
	assert.Equal(t, testdata(t, "create_user_request.json"), in.body)
	assert.Equal(t, sampleSig, in.claims["sig"])
	assert.Equal(t, []string{deviceID}, in.header["Mixin-Device-Id"])
	assert.Equal(t, []string{"application/json"}, in.header["Content-Type"])
	assert.Equal(t, []string{"application/json"}, in.header["Accept"])

	assert.Equal(t, userID, resp.UserID)
	assert.Equal(t, "0bf54b1c-7d6f-4c6b-9e4d-6beaec131923", resp.SessionID)
	assert.Equal(t, 200, resp.StatusCode())
	assert.Equal(t, in.header.Get("X-Request-Id"), resp.RequestID())
	assert.Equal(t, testdata(t, "create_user_response.json"), string(resp.Raw()))
	assert.Equal(t, time.Date(2018, 5, 3, 6, 3, 56, 867971412, time.UTC), resp.CreatedAt.Time)
	assert.Equal(t, "+8613800013800", *resp.Phone)
	assert.Empty(t, *resp.FullName)
	assert.Equal(t, mixin.Everybody, resp.ReceiveMessageSource)
	require.NotNil(t, resp.MuteUntil)
	assert.True(t, resp.MuteUntil.IsZero())
}

// TestTheKeyIsTheClientsOwn: the caller may wipe its key once the client is made.
func TestTheKeyIsTheClientsOwn(t *testing.T) {
	t.Parallel()
	for _, pointer := range []bool{false, true} {
		mock := httpmock.NewMockTransport()
		cfg := config(mock)
		key := appKey()
		cfg.Keystore.PrivateKey = key
		if pointer {
			cfg.Keystore.PrivateKey = &key
		}
		c := clientOf(t, cfg)
		clear(key)
		got := answer(mock, usersURL, 200, created)
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		require.NoError(t, err)
		token := strings.TrimPrefix((*got)[0].header.Get("Authorization"), "Bearer ")
		dot := strings.LastIndex(token, ".")
		signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		require.NoError(t, err)
		require.True(t, ed25519.Verify(appKey().Public().(ed25519.PublicKey), []byte(token[:dot]), signature))
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change   func(*mixin.Config)
		url      string
		uri      string
		lifetime float64
		scope    string
	}{
		"by default": {func(*mixin.Config) {}, usersURL, "/users", 300, "FULL"},
		"a path in the base URL": {
			func(c *mixin.Config) { c.HTTP.BaseURL = "https://proxy.example/mixin%2Fapi/" },
			"https://proxy.example/mixin%2Fapi/users", "/mixin%2Fapi/users", 300, "FULL",
		},
		"lifetime and scope": {
			func(c *mixin.Config) { c.TokenLifetime, c.Scope = time.Hour, "PROFILE:READ" },
			usersURL, "/users", 3600, "PROFILE:READ",
		},
		"upper-case ids": {
			func(c *mixin.Config) {
				c.Keystore.UserID, c.Keystore.SessionID = strings.ToUpper(userID), strings.ToUpper(sessionID)
			},
			usersURL, "/users", 300, "FULL",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mock := httpmock.NewMockTransport()
			cfg := config(mock)
			tt.change(&cfg)
			c := clientOf(t, cfg)
			got := answer(mock, tt.url, 202, `{"error":{"status":202,"code":429,"description":"Too Many Requests."}}`)
			before := float64(time.Now().Unix())
			_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			require.ErrorIs(t, err, userapi.ErrRateLimited)

			require.Len(t, *got, 3, "by the default policy")
			seen := map[any]bool{}
			for _, in := range *got {
				assert.Equal(t, `{"session_secret":"`+edSecret+`"}`, in.body)
				sum := sha256.Sum256([]byte("POST" + tt.uri + in.body))
				assert.Equal(t, hex.EncodeToString(sum[:]), in.claims["sig"])
				assert.Equal(t, in.header.Get("X-Request-Id"), in.claims["jti"])
				assert.False(t, seen[in.claims["jti"]], "an id is used twice")
				seen[in.claims["jti"]] = true
				assert.Equal(t, userID, in.claims["uid"])
				assert.Equal(t, sessionID, in.claims["sid"])
				assert.Equal(t, tt.scope, in.claims["scp"])
				assert.InDelta(t, before, in.claims["iat"], 5)
				assert.InDelta(t, tt.lifetime, in.claims["exp"].(float64)-in.claims["iat"].(float64), 0)
				assert.Empty(t, in.header["Mixin-Device-Id"])
				assert.Empty(t, in.header["Idempotency-Key"])
			}
		})
	}
}

// TestTodaysReply reads every member that is documented today.
func TestTodaysReply(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	body := testdata(t, "create_user_response_today.json")
	answer(mock, usersURL, 200, body)
	r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret, FullName: new("Bot User")})
	require.NoError(t, err)

	require.True(t, r.PinToken.Reveal() == "TMTHk/ENQhgFsInM9fYIqjQtLLFjYfVZc/pUgSdM2Q4=", "pin_token")
	require.True(t, r.PinTokenBase64.Reveal() == "TMTHk_ENQhgFsInM9fYIqjQtLLFjYfVZc_pUgSdM2Q4", "pin_token_base64")
	assert.Equal(t, mixin.Contacts, r.AcceptConversationSource)
	assert.Equal(t, mixin.Nobody, r.AcceptSearchSource)
	threshold, ok := r.TransferConfirmationThreshold.Float64()
	assert.True(t, ok)
	assert.InDelta(t, 100.5, threshold, 0)
	counter, ok := r.TipCounter.Int64()
	assert.True(t, ok)
	assert.Zero(t, counter)
	assert.Equal(t, "none", *r.Membership.Plan)

	// Encoded again it has the same members, with the secrets redacted.
	var want struct{ Data map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &want))
	delete(want.Data, "a_member_of_tomorrow")
	want.Data["pin_token"], want.Data["pin_token_base64"] = userapi.Redacted, userapi.Redacted
	text, err := json.Marshal(r)
	require.NoError(t, err)
	expected, err := json.Marshal(want.Data)
	require.NoError(t, err)
	assert.JSONEq(t, string(expected), string(text))
}

func TestOddMembersAreTolerated(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nulls":             `{"data":{"user_id":"` + newID + `","full_name":null,"created_at":null,"membership":null,"features":null,"has_pin":null,"pin_token":null}}`,
		"other types":       `{"data":{"full_name":7,"has_pin":"no","membership":[],"pin_token":{},"receive_message_source":1,"user_id":"` + newID + `","phone":"x"}}`,
		"numbers as texts":  `{"data":{"user_id":"` + newID + `","transfer_notification_threshold":"1.5","tip_counter":"3","identity_number":7000}}`,
		"unknown enums":     `{"data":{"user_id":"` + newID + `","receive_message_source":"FRIENDS_OF_FRIENDS"}}`,
		"odd times":         `{"data":{"user_id":"` + newID + `","created_at":"yesterday","mute_until":12}}`,
		"an error of null":  `{"data":{"user_id":"` + newID + `"},"error":null}`,
		"accepted with 202": `{"data":{"user_id":"` + newID + `"}}`,
		"white space":       " \n{ \"data\" : { \"user_id\" : \"" + newID + "\" } } \n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			answer(mock, usersURL, 202, body)
			r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			require.NoError(t, err)
			assert.Equal(t, newID, r.UserID)
			assert.Equal(t, body, string(r.Raw()))
			_, err = json.Marshal(r)
			require.NoError(t, err)
		})
	}
}

// TestBrokenSuccesses: no status of success is taken for one.
func TestBrokenSuccesses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		id     string // read in spite of the fault
	}{
		"empty":                     {200, ``, ""},
		"no content":                {204, ``, ""},
		"empty object":              {200, `{}`, ""},
		"null":                      {200, `null`, ""},
		"empty data":                {200, `{"data":{}}`, ""},
		"null data":                 {200, `{"data":null}`, ""},
		"list of data":              {200, `{"data":[{"user_id":"` + newID + `"}]}`, ""},
		"empty id":                  {200, `{"data":{"user_id":""}}`, ""},
		"id elsewhere":              {200, `{"user_id":"` + newID + `","data":{"app":{"user_id":"` + newID + `"}}}`, ""},
		"HTML":                      {200, `<html>ok</html>`, ""},
		"cut off before the id":     {200, `{"data":{"type":"user","user_id":"9c3d`, ""},
		"cut off after the id":      {200, `{"data":{"type":"user","user_id":"` + newID + `","session_id":"d1`, newID},
		"cut off at the id":         {200, `{"data":{"type":"user","user_id":"` + newID + `"`, ""},
		"id of a blank":             {200, `{"data":{"user_id":" "}}`, ""},
		"id of the text null":       {200, `{"data":{"user_id":"null"}}`, ""},
		"id of a number":            {200, `{"data":{"user_id":5}}`, ""},
		"id of a fraction":          {200, `{"data":{"user_id":5.5}}`, ""},
		"id with a line break":      {200, `{"data":{"user_id":"` + newID + `\nforged"}}`, ""},
		"id and more, cut off":      {200, `{"data":{"user_id":"` + newID + `\nforged","x`, ""},
		"id of a number, cut off":   {200, `{"data":{"user_id":5,"x`, ""},
		"id in another case":        {200, `{"data":{"USER_ID":"` + newID + `"}}`, ""},
		"number beside another id":  {200, `{"data":{"user_id":5,"uſer_id":"` + newID + `"}}`, ""},
		"an error without a code":   {200, `{"error":{"description":"odd"}}`, ""},
		"an error of text and data": {200, `{"data":{"user_id":"` + newID + `"},"error":"odd"}`, newID},
		"error of text, cut off":    {200, `{"error":"odd","data":{"user_id":"` + newID + `"},"x`, ""},
		"an error cut off":          {200, `{"data":{"user_id":"` + newID + `"},"error":{"code":2011`, ""},
		"an error hardly begun":     {200, `{"data":{"user_id":"` + newID + `"},"error":{`, ""},
		"an error behind a fault":   {200, `{"data":{"user_id":"` + newID + `",},"\u0065rror" : ["odd"]}`, ""},
		"no error yet":              {200, `{"data":{"user_id":"` + newID + `"},"error":`, newID},
		"an error of null, cut off": {200, `{"error":null,"data":{"user_id":"` + newID + `"},"error":nul`, newID},
		"an error within the data":  {200, `{"data":{"user_id":"` + newID + `","error":{"code":20117}},"a":"error","x`, newID},
		"an error twice":            {200, `{"error":"odd","error":null,"data":{"user_id":"` + newID + `"}}`, newID},
		"foreign errors and data":   {201, `{"data":{"user_id":"` + newID + `"},"errors":["odd"]}`, newID},
		"foreign errors twice":      {201, `{"errors":["odd"],"data":{"user_id":"` + newID + `"},"errors":[]}`, newID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			got := answer(mock, usersURL, tt.status, tt.body)
			r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			assert.Nil(t, r)
			require.ErrorIs(t, err, userapi.ErrProtocol)
			assert.True(t, userapi.MayHaveCreated(err))
			e := asError(t, err)
			assert.Len(t, *got, 1)
			assert.Equal(t, tt.status, e.StatusCode)
			assert.NotContains(t, err.Error(), "\n")
			if tt.id == "" {
				assert.Empty(t, e.UserID)
				assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
				assert.Nil(t, e.User)
				return
			}
			assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
			require.NotNil(t, e.User)
			assert.Equal(t, tt.id, e.User.ID)
			assert.Equal(t, tt.id, e.UserID)
			assert.Equal(t, tt.body, string(e.User.Raw))
		})
	}
	t.Run("an error, longer than the limit", func(t *testing.T) {
		t.Parallel()
		body := `{"data":{"user_id":"` + newID + `"},"error":"odd"}`
		mock := httpmock.NewMockTransport()
		cfg := config(mock)
		cfg.HTTP.MaxResponseBytes = int64(len(body))
		c := clientOf(t, cfg)
		answer(mock, usersURL, 200, body+strings.Repeat(" ", 100))
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		require.ErrorIs(t, err, userapi.ErrProtocol)
		e := asError(t, err)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.Nil(t, e.User)
		var vendor *mixin.APIError
		require.ErrorAs(t, err, &vendor)
		assert.Equal(t, "odd", vendor.Description)
	})
	t.Run("longer than the limit, behind the user", func(t *testing.T) {
		t.Parallel()
		mock := httpmock.NewMockTransport()
		cfg := config(mock)
		cfg.HTTP.MaxResponseBytes = int64(len(created))
		c := clientOf(t, cfg)
		answer(mock, usersURL, 200, created+strings.Repeat(" ", 100))
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		require.ErrorIs(t, err, userapi.ErrProtocol)
		e := asError(t, err)
		assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	})
}

// TestTheExactNameWins: package json takes names in any case, the last of them.
func TestTheExactNameWins(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"data":{"user_id":"` + newID + `","USER_ID":"` + userID + `"}}`,
		`{"data":{"USER_ID":"` + userID + `","user_id":"` + newID + `","User_Id":"` + userID + `"}}`,
		`{"data":{"user_id":"` + newID + `","uſer_id":"` + userID + `","phone":7}}`,
		`{"data":{"user_id":"` + newID + `"},"DATA":{"user_id":"` + userID + `"}}`,
		`{"data":{"user_id":"` + newID + `","phone":7},"Data":{"user_id":"` + userID + `"}}`,
		`{"data":{"user_id":"` + strings.ToUpper(newID) + `"}}`,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			answer(mock, usersURL, 200, body)
			u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: extra()})
			require.NoError(t, err)
			assert.Equal(t, newID, u.ID)
			var reply map[string]mixin.CreateUserResponse
			require.NoError(t, json.Unmarshal([]byte(body), &reply))
			assert.True(t, strings.EqualFold(newID, reply["data"].UserID))
		})
	}
}

// TestMembersOfAnotherType: what was not said is not claimed.
func TestMembersOfAnotherType(t *testing.T) {
	t.Parallel()
	const data = `{"user_id":"` + newID + `","session_id":7,"is_verified":"true","has_pin":"no","is_scam":1,"phone":48123,` +
		`"full_name":["a"],"membership":[],"pin_token":{},"tip_counter":"3","biography":"b","relationship":null}`
	c, mock := newClient(t)
	answer(mock, usersURL, 200, `{"data":`+data+`}`)
	r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
	require.NoError(t, err)
	assert.Equal(t, 200, r.StatusCode())
	var inner mixin.CreateUserResponse
	require.NoError(t, json.Unmarshal([]byte(data), &inner))
	assert.Empty(t, r.SessionID, "it is not a session's id")
	for _, got := range []*mixin.CreateUserResponse{r, &inner} {
		assert.Equal(t, newID, got.UserID)
		assert.Equal(t, new(true), got.IsVerified)
		assert.Nil(t, got.HasPin)
		assert.Nil(t, got.IsScam)
		assert.Equal(t, new("48123"), got.Phone)
		assert.Nil(t, got.FullName)
		assert.Nil(t, got.Membership)
		assert.Empty(t, got.PinToken)
		assert.Equal(t, new(mixin.Number("3")), got.TipCounter)
		assert.Equal(t, new("b"), got.Biography)
		assert.Nil(t, got.Relationship)
	}
}

// TestErrorsInBrokenReplies: a code that can be read decides over the data, also in a
// reply that is broken off.
func TestErrorsInBrokenReplies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":{"code":20117},"data":{"user_id":"` + newID + `"},"x`,
		`{"data":{"user_id":"` + newID + `"},"error":{"code":20117},"x`,
		`{"data":{"user_id":"` + newID + `"},"error":{"status":202,"code":20117,"descr`,
		`{"data":{"user_id":"` + newID + `"},"error":null,"err\u006fr":{"status":202,"code":"20117"}`,
		`{"data":{"user_id":"` + newID + `",},"error":{"code":20117}}`,
		`{"error":{"code":20117},"error":null,"data":{"user_id":"` + newID + `"}}`,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			answer(mock, usersURL, 200, body)
			_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
			require.ErrorIs(t, err, userapi.ErrForbidden)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
			assert.Equal(t, "20117", e.Code)
			assert.Nil(t, e.User)
		})
	}
}

func TestErrorReplies(t *testing.T) {
	t.Parallel()
	c, mock := newClient(t)
	got := answer(mock, usersURL, 202,
		`{"data":{"user_id":"u"},"error":{"status":202,"code":10002,"description":"Bot User is invalid","extra":{"field":"full_name","reason":"Bot User"}}}`)
	r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret, FullName: new("Bot User")})
	assert.Nil(t, r)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeRejected, e.Outcome)
	assert.Equal(t, "10002", e.Code)
	assert.Equal(t, "[…] is invalid", e.Message)
	assert.Equal(t, []userapi.FieldError{{Field: "FullName", VendorField: "full_name", Code: "invalid", Message: "[…]"}}, e.FieldErrors)
	assert.Equal(t, (*got)[0].header.Get("X-Request-Id"), e.RequestID)
	assert.Equal(t, 1, e.Attempts)
	var vendor *mixin.APIError
	require.ErrorAs(t, err, &vendor)
	assert.Equal(t, 10002, vendor.Code)
	assert.Equal(t, 202, vendor.StatusCode)
	assert.NotContains(t, err.Error(), "Bot User")
	assert.Equal(t, "mixin: create user: invalid request (status 202, code 10002): FullName (full_name): invalid, no user was created, request "+e.RequestID, err.Error())
}

// TestRequestIDs: the reply's own id is told, ours where it has none, and a foreign
// one is odd but no failure.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reply  func(sent string) string
		warned bool
	}{
		"echoed":  {func(sent string) string { return sent }, false},
		"missing": {func(string) string { return "" }, false},
		"foreign": {func(string) string { return "11111111-2222-4333-8444-555555555555" }, true},
	} {
		for _, fail := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c, mock := newClient(t)
				var sent string
				mock.RegisterResponder(http.MethodPost, usersURL, func(r *http.Request) (*http.Response, error) {
					sent = r.Header.Get("X-Request-Id")
					body := created
					if fail {
						body = `{"error":{"status":202,"code":403}}`
					}
					resp := httpmock.NewStringResponse(200, body)
					if id := tt.reply(sent); id != "" {
						resp.Header.Set("X-Request-Id", id)
					}
					return resp, nil
				})
				want := func() string {
					if id := tt.reply(sent); id != "" {
						return id
					}
					return sent
				}
				u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Extensions: []userapi.Extension{mixin.Extra{SessionKey: userKey()}}})
				if fail {
					e := asError(t, err)
					assert.Equal(t, want(), e.RequestID)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, want(), u.RequestID)
				if !tt.warned {
					assert.Empty(t, u.Warnings)
					return
				}
				require.Len(t, u.Warnings, 1)
				assert.Contains(t, u.Warnings[0], sent)
			})
		}
	}
	t.Run("no reply", func(t *testing.T) {
		t.Parallel()
		c, mock := newClient(t)
		var sent string
		mock.RegisterResponder(http.MethodPost, usersURL, func(r *http.Request) (*http.Response, error) {
			sent = r.Header.Get("X-Request-Id")
			return nil, errors.New("gone")
		})
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret})
		e := asError(t, err)
		assert.NotEmpty(t, sent)
		assert.Equal(t, sent, e.RequestID)
		assert.Equal(t, userapi.OutcomeUnknown, e.Outcome)
		assert.Equal(t, 1, mock.GetTotalCallCount())
	})
}

func TestNativeFaults(t *testing.T) {
	t.Parallel()
	private := base64.RawURLEncoding.EncodeToString(appKey())
	for name, secret := range map[string]string{
		"missing":             "",
		"not base64":          "***",
		"31 bytes":            base64.RawURLEncoding.EncodeToString(make([]byte, 31)),
		"a private key":       private,
		"hex":                 hex.EncodeToString(make([]byte, 32)),
		"of Ed25519 in DER":   "MCowBQYDK2VwAyEAp58A96p+F1oRy7CaDnoy9IcI5ZStT87EUjDV1qM3PFU=",
		"RSA of 512 bits":     "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==",
		"with a line break":   edSecret[:20] + "\n" + edSecret[20:],
		"the OpenSSH form":    "AAAAC3NzaC1lZDI1NTE5AAAAIKefAPeqfhdaEcuwmg56MvSHCOWUrU/OxFIw1dajNzxV",
		"with something more": edSecret + " ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, mock := newClient(t)
			r, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: secret, FullName: new("a\xff")})
			assert.Nil(t, r)
			require.ErrorIs(t, err, userapi.ErrInvalid)
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			require.Len(t, e.FieldErrors, 2, "every fault at once")
			assert.Equal(t, "FullName", e.FieldErrors[0].Field)
			assert.Equal(t, "session_secret", e.FieldErrors[1].VendorField)
			if secret != "" {
				require.False(t, strings.Contains(err.Error(), secret), "a value shows")
			}
			assert.Zero(t, mock.GetTotalCallCount())
		})
	}
}

func TestSessionSecretsThatAreTaken(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		sampleSecret, edSecret, edSecret + "=",
		strings.NewReplacer("-", "+", "_", "/").Replace(edSecret),
		strings.NewReplacer("-", "+", "_", "/").Replace(edSecret) + "=",
	} {
		c, mock := newClient(t)
		got := answer(mock, usersURL, 200, created)
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: secret})
		require.NoError(t, err)
		assert.Equal(t, `{"session_secret":"`+secret+`"}`, (*got)[0].body)
	}
}

// TestOptionalMembers: unset, empty and set differ, and nothing is sent as null.
func TestOptionalMembers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name *string
		want string
	}{
		{nil, `{"session_secret":"` + edSecret + `"}`},
		{new(""), `{"full_name":"","session_secret":"` + edSecret + `"}`},
		{new("Ł <>&"), `{"full_name":"Ł \u003c\u003e\u0026","session_secret":"` + edSecret + `"}`},
		{new(`😀 "q" \`), `{"full_name":"😀 \"q\" \\","session_secret":"` + edSecret + `"}`},
		{new(strings.Repeat("x", 5000)), `{"full_name":"` + strings.Repeat("x", 5000) + `","session_secret":"` + edSecret + `"}`},
	} {
		c, mock := newClient(t)
		got := answer(mock, usersURL, 200, created)
		_, err := c.Users.Create(t.Context(), mixin.CreateUserRequest{SessionSecret: edSecret, FullName: tt.name})
		require.NoError(t, err)
		assert.Equal(t, tt.want, (*got)[0].body)
		sum := sha256.Sum256([]byte("POST/users" + tt.want))
		assert.Equal(t, hex.EncodeToString(sum[:]), (*got)[0].claims["sig"])
	}
}
