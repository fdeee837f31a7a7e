package vendors

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"regexp"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// MixinKeystore is that of the application whose users Mixin's clients create.
func MixinKeystore() mixin.Keystore {
	return mixin.Keystore{
		UserID: "6e2b2a4c-3b0c-4f7a-9a53-0d1f3f3c9f01", SessionID: "6e2b2a4c-3b0c-4f7a-9a53-0d1f3f3c9f02", PrivateKey: plantedKey("application", 0),
	}
}

// plantedKey returns a key whose seed begins with what is planted.
func plantedKey(name string, n int) crypto.Signer {
	return ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%s-%-11.11s-%012d", Planted, name, n))
}

func newMixin(o userapi.HTTPOptions) (userapi.Creator, error) {
	return mixin.New(mixin.Config{Keystore: MixinKeystore(), HTTP: o})
}

func mixinVendor() []*Vendor {
	refusal := func(code int, description string) Reply {
		return Reply{202, fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"%s"}}`, code, description)}
	}
	return []*Vendor{{
		Package: "mixin", Name: "mixin", New: newMixin,
		Start: func(o userapitest.ServerOptions) (*Fake, error) {
			s, err := mixintest.Start(mixintest.WithHTTP(o), mixintest.WithKeystore(MixinKeystore()))
			if err != nil {
				return nil, err
			}
			return newFake(s, s.Config().HTTP.HTTPClient, func(u mixintest.User) User {
				return User{ID: u.UserID, Keys: map[string]string{"FullName": u.FullName}}
			}), nil
		},
		Request: func(n int) userapi.CreateUserRequest {
			req := request(n)
			req.Extensions = []userapi.Extension{mixin.Extra{SessionKey: plantedKey("session", n)}}
			return req
		},
		Creates:  regexp.MustCompile(`^/users$`),
		Recorded: true,
		Clock:    true,
		Replies: map[string]Reply{
			"no id":  {200, `{"data":{"type":"user","full_name":"Ada"}}`},
			"400":    {202, `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"session_secret","reason":"is invalid"}}}`},
			"401":    refusal(401, "Unauthorized, maybe invalid token."),
			"403":    refusal(403, "Access denied."),
			"404":    refusal(404, "The endpoint is not found."),
			"409":    {409, refusal(403, "Access denied.").Body},
			"422":    refusal(20117, "Insufficient balance."),
			"429":    refusal(429, "Too many requests."),
			"5xx":    {0, `{"error":{"status":500,"code":500,"description":"Internal Server Error."}}`},
			"absent": refusal(10404, "User not found."),
		},
		Benches: []Bench{{
			Name: "mixin", New: newMixin,
			Request: userapi.CreateUserRequest{FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: plantedKey("session", 0)}}},
			Native: func() (request, reply any) {
				return new(mixin.CreateUserRequest), new(struct{ Data mixin.CreateUserResponse })
			},
			Reply: `{"data":{"type":"user","user_id":"06aed1e3-bd77-4a59-991a-5bb5ae6fbb09","identity_number":"7000","full_name":"","avatar_url":"","relationship":"ME","mute_until":"0001-01-01T00:00:00Z","created_at":"2018-05-03T06:03:56.867971412Z","is_verified":false,"session_id":"0bf54b1c-7d6f-4c6b-9e4d-6beaec131923","phone":"+8613800013800","pin_token":"m0/+Q1E6i4/S5mzMAQTxwIK8+hX6AuoiP+/yFnuiNJ3PQY5FiKQS0ELeHGJWgH6i","invitation_code":"","code_id":"dabcf1c2-6a5e-4ea3-ad51-6e6641a06c7c","code_url":"https://mixin.one/codes/dabcf1c2-6a5e-4ea3-ad51-6e6641a06c7c","has_pin":false,"receive_message_source":"EVERYBODY"}}`,
		}},
	}}
}
