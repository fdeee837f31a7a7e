package benchmarks_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// A vendor is one way to create a user, beside a baseline that does the same.
type vendor struct {
	name    string
	client  func(tb testing.TB, opts userapi.HTTPOptions) userapi.Creator
	request userapi.CreateUserRequest
	reply   string
	plain   baseline
	// sign is the baseline's, where the vendor wants one: without it allocations are
	// counted, with it throughput is compared.
	sign func(path string, body []byte) (string, error)
	// next and nextPlain make the request of the next user, where no two users may
	// have the same; nil for request and plain.request.
	next      func() userapi.CreateUserRequest
	nextPlain func() any
}

// nextMixin is a user with a session key of its own, as every user has at Mixin.
func nextMixin() userapi.CreateUserRequest {
	_, key, _ := ed25519.GenerateKey(nil) // never fails: crypto/rand
	return userapi.CreateUserRequest{FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}}}
}

func nextPlainMixin() any {
	public, _, _ := ed25519.GenerateKey(nil) // never fails: crypto/rand
	return mixin.CreateUserRequest{FullName: new("Bot User"), SessionSecret: base64.RawURLEncoding.EncodeToString(public)}
}

// signMixin signs as a program would that uses golang-jwt and nothing else.
func signMixin(path string, body []byte) (string, error) {
	sum := sha256.Sum256(append([]byte("POST"+path), body...))
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"uid": userID, "sid": sessionID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"jti": rand.Text(), "sig": hex.EncodeToString(sum[:]), "scp": "FULL",
	}).SignedString(botKey)
	return "Bearer " + token, err
}

func must[C userapi.Creator](tb testing.TB) func(C, error) userapi.Creator {
	return func(c C, err error) userapi.Creator {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return c
	}
}

// header returns what the client sends, credentials included.
func header(pairs ...string) http.Header {
	h := http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"enlist-go/devel"},
	}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

const (
	userID    = "06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"
	sessionID = "0bf54b1c-7d6f-4c6b-9e4d-6beaec131923"
	bearer    = "Bearer eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"
)

var botKey = ed25519.NewKeyFromSeed([]byte("a key for these benchmarks alone"))

var vendors = []vendor{
	{
		name: "quickblox",
		client: func(tb testing.TB, o userapi.HTTPOptions) userapi.Creator {
			return must[*quickblox.Client](tb)(quickblox.New(quickblox.Config{APIKey: "key", HTTP: o}))
		},
		request: userapi.CreateUserRequest{Username: "Peter", Email: "peter@gmail.com", Password: "!Peter009", FullName: "Peter Smith", Phone: "+73123555", ExternalID: "1236672"},
		reply:   `{"user":{"id":96752798,"full_name":"Peter Smith","email":"peter@gmail.com","login":"Peter","phone":"+73123555","website":"https://mysite.com","created_at":"2019-08-27T20:19:08Z","updated_at":"2019-08-27T20:19:08Z","last_request_at":null,"external_user_id":1236672,"facebook_id":"8887366","blob_id":null,"custom_data":"lead of marketing team","age_over16":false,"allow_statistics_analysis":false,"allow_sales_activities":false,"parents_contacts":"","user_tags":"marketing,seo"}}`,
		plain: baseline{
			path:   "/users.json",
			header: header("Authorization", "ApiKey key", "QuickBlox-REST-API-Version", "0.1.1", "QB-SDK", "Go"),
			request: quickblox.CreateUserRequest{User: quickblox.NewUser{
				Login: new("Peter"), Email: new("peter@gmail.com"), Password: "!Peter009", FullName: new("Peter Smith"), Phone: new("+73123555"), ExternalUserID: new(int64(1236672)),
			}},
			reply: func() any { return new(quickblox.CreateUserResponse) },
		},
	},
	{
		name: "usercom",
		client: func(tb testing.TB, o userapi.HTTPOptions) userapi.Creator {
			return must[*usercom.Client](tb)(usercom.New(usercom.Config{App: "acme", APIKey: "key", HTTP: o}))
		},
		request: userapi.CreateUserRequest{Email: "myemail@example.org", GivenName: "John", FamilyName: "Doe"},
		reply:   `{"updated_at":"2017-06-13T12:22:38.748397Z","companies":[{"id":14,"name":"Company name","member_since":"2018-06-14T08:49:56.515083Z"}],"key":"xSoYQG00fg9z","city":null,"linkedin_url":null,"tags":[],"last_contacted":null,"phone_number":null,"facebook_url":null,"notifications":true,"region":null,"timezone":null,"status":"visitor","gravatar_url":null,"twitter_url":null,"google_url":null,"os_type":null,"email":"myemail@example.org","score":0,"unsubscribed":false,"first_seen":null,"page_views":0,"last_ip":null,"chat_id":"Chat ID is deprecated and will be removed in future","browser":null,"gender":"unknown","resolution":null,"country":null,"name":"John Doe","created_at":"2017-06-13T12:22:38.748373Z","last_seen":null,"lists":[],"attributes":[],"browser_language":null,"id":20901703}`,
		plain: baseline{
			path: "/users/", header: header("Authorization", "Token key"),
			request: usercom.CreateUserRequest{Email: new("myemail@example.org"), FirstName: new("John"), LastName: new("Doe")},
			reply:   func() any { return new(usercom.CreateUserResponse) },
		},
	},
	{
		name: "fusionauth",
		client: func(tb testing.TB, o userapi.HTTPOptions) userapi.Creator {
			return must[*fusionauth.Client](tb)(fusionauth.New(fusionauth.Config{APIKey: "key", HTTP: o}))
		},
		request: userapi.CreateUserRequest{ExternalID: userID, Email: "peter@example.com", Username: "peter", Password: "!Peter009", FullName: "Peter Smith"},
		reply:   `{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","tokenExpirationInstant":1700000000000,"user":{"active":true,"connectorId":"e3306678-a53a-4964-9040-1c96f36dda72","email":"peter@example.com","fullName":"Peter Smith","id":"` + userID + `","insertInstant":1700000000000,"lastUpdateInstant":1700000000000,"memberships":[],"passwordChangeRequired":false,"passwordLastUpdateInstant":1700000000000,"preferredLanguages":[],"registrations":[],"tenantId":"30663132-6464-6665-3032-326466613934","twoFactor":{},"username":"peter","usernameStatus":"ACTIVE","verified":true}}`,
		plain: baseline{
			path: "/api/user/" + userID, header: header("Authorization", "key"),
			request: fusionauth.CreateUserRequest{User: fusionauth.NewUser{Email: new("peter@example.com"), Username: new("peter"), Password: "!Peter009", FullName: new("Peter Smith")}},
			reply:   func() any { return new(fusionauth.CreateUserResponse) },
		},
	},
	{
		name: "mixin",
		client: func(tb testing.TB, o userapi.HTTPOptions) userapi.Creator {
			return must[*mixin.Client](tb)(mixin.New(mixin.Config{Keystore: mixin.Keystore{UserID: userID, SessionID: sessionID, PrivateKey: botKey}, HTTP: o}))
		},
		request: userapi.CreateUserRequest{FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: botKey}}},
		reply:   `{"data":{"type":"user","user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09","identity_number":"7000","full_name":"","avatar_url":"","relationship":"ME","mute_until":"0001-01-01T00:00:00Z","created_at":"2018-05-03T06:03:56.867971412Z","is_verified":false,"session_id":"0bf54b1c-7d6f-4c6b-9e4d-6beaec131923","phone":"+8613800013800","pin_token":"m0/+Q1E6i4/S5mzMAQTxwIK8+hX6AuoiP+/yFnuiNJ3PQY5FiKQS0ELeHGJWgH6i","invitation_code":"","code_id":"dabcf1c2-6a5e-4ea3-ad51-6e6641a06c7c","code_url":"https://mixin.one/codes/dabcf1c2-6a5e-4ea3-ad51-6e6641a06c7c","has_pin":false,"receive_message_source":"EVERYBODY"}}`,
		plain: baseline{
			path: "/users", header: header("Authorization", bearer, "X-Request-Id", sessionID),
			request: mixin.CreateUserRequest{FullName: new("Bot User"), SessionSecret: "p58A96p-F1oRy7CaDnoy9IcI5ZStT87EUjDV1qM3PFU"},
			reply:   func() any { return new(struct{ Data mixin.CreateUserResponse }) },
		},
		sign: signMixin, next: nextMixin, nextPlain: nextPlainMixin,
	},
}

// host is the address that the RoundTripper in memory stands for.
const host = "https://vendor.example"
