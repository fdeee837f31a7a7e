package faultmatrix_test

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// A fake is a vendor's fake, which knows the truth.
type fake interface {
	userapitest.Backend
	Requests() []userapitest.Request
	Close()
	// creator makes a client; opts has a BaseURL.
	creator(opts userapi.HTTPOptions) (userapi.Creator, error)
	// client trusts the fake's certificate; nil without TLS.
	client() *http.Client
	// made returns the ids of the users that have all of a request's keys.
	made(req userapi.CreateUserRequest) []string
	// unfinished names the users that have a request's keys and not its attributes,
	// where setting those is a second step.
	unfinished(req userapi.CreateUserRequest) []string
}

// A vendor is a column of the matrix.
type vendor struct {
	name string
	// start begins a fake. silent: a taken user_id is updated in silence, at User.com.
	start func(o userapitest.ServerOptions, silent bool) (fake, error)
	// request returns a request with every secret planted. Different n give different
	// users.
	request func(n int) userapi.CreateUserRequest
	// creates reports whether a request is one that makes a user.
	creates func(method, path string) bool
	// replies are the vendor's own, by name.
	replies map[string]reply
	// looks is how many look-ups three looks that miss take; 0 where none is answered.
	looks int
}

type reply struct {
	status int
	body   string
}

// planted is in every secret and in every text of a request.
const planted = "pLanTed"

// absent is the reply to a look-up that finds nobody.
const absent = "absent"

const (
	htmlPage     = "<html><head><title>Oops</title></head><body>Something is wrong</body></html>"
	plantedToken = planted + "0123456789" + planted + "0123456789" + planted + "0123456789abcdefghijklm"
)

func post(path ...string) func(method, p string) bool {
	return func(method, p string) bool {
		if method != http.MethodPost {
			return false
		}
		for _, prefix := range path {
			if p == prefix || strings.HasSuffix(prefix, "*") && strings.HasPrefix(p, strings.TrimSuffix(prefix, "*")) {
				return true
			}
		}
		return false
	}
}

func vendors() []*vendor {
	return []*vendor{
		mixinVendor(),
		quickbloxVendor("quickblox", false),
		quickbloxVendor("quickblox-app", true),
		fusionauthVendor(),
		usercomVendor("usercom", true),
		usercomVendor("usercom-mail", false),
	}
}

// plantedKey returns a key whose seed begins with what is planted.
func plantedKey(name string, n int) crypto.Signer {
	return ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%s-%-11.11s-%012d", planted, name, n))
}

type mixinFake struct{ *mixintest.Server }

func (f mixinFake) creator(opts userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := f.Config()
	cfg.HTTP = opts
	return mixin.New(cfg)
}

func (f mixinFake) client() *http.Client { return f.Config().HTTP.HTTPClient }

func (f mixinFake) unfinished(userapi.CreateUserRequest) []string { return nil }

func (f mixinFake) made(req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Users() {
		if u.FullName == req.FullName {
			ids = append(ids, u.UserID)
		}
	}
	return ids
}

func mixinVendor() *vendor {
	refusal := func(code int, description string) string {
		return fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"%s"}}`, code, description)
	}
	return &vendor{
		name: "mixin",
		start: func(o userapitest.ServerOptions, _ bool) (fake, error) {
			s, err := mixintest.Start(mixintest.WithHTTP(o), mixintest.WithKeystore(mixin.Keystore{
				UserID: "6e2b2a4c-3b0c-4f7a-9a53-0d1f3f3c9f01", SessionID: "6e2b2a4c-3b0c-4f7a-9a53-0d1f3f3c9f02",
				PrivateKey: plantedKey("application", 0),
			}))
			return mixinFake{s}, err
		},
		request: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				IdempotencyKey: fmt.Sprintf("%s-key-%d", planted, n), FullName: fmt.Sprintf("Ada %s %d", planted, n), Password: userapi.Secret(fmt.Sprintf("!%s-%d", planted, n)),
				Extensions: []userapi.Extension{mixin.Extra{SessionKey: plantedKey("session", n)}},
			}
		},
		creates: post("/users"),
		replies: map[string]reply{
			"no id": {200, `{"data":{"type":"user","full_name":"Ada"}}`},
			"400":   {202, `{"error":{"status":202,"code":10002,"description":"The request data has invalid field.","extra":{"field":"session_secret","reason":"is invalid"}}}`},
			"401":   {202, refusal(401, "Unauthorized, maybe invalid token.")},
			"403":   {202, refusal(403, "Access denied.")},
			"404":   {202, refusal(404, "The endpoint is not found.")},
			"409":   {409, refusal(403, "Access denied.")},
			"422":   {202, refusal(20117, "Insufficient balance.")},
			"429":   {202, refusal(429, "Too many requests.")},
			"5xx":   {0, `{"error":{"status":500,"code":500,"description":"Internal Server Error."}}`},
			absent:  {202, refusal(10404, "User not found.")},
		},
	}
}

type quickbloxFake struct {
	*quickbloxtest.Server
	application bool
}

func (f quickbloxFake) creator(opts userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := quickblox.Config{APIKey: f.APIKey(), HTTP: opts}
	if f.application {
		cfg.APIKey, cfg.Session = "", f.SessionConfig()
	}
	return quickblox.New(cfg)
}

func (f quickbloxFake) client() *http.Client { return f.Config().HTTP.HTTPClient }

func (f quickbloxFake) unfinished(userapi.CreateUserRequest) []string { return nil }

func (f quickbloxFake) made(req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Users() {
		if u.Login == req.Username && u.Email == req.Email {
			ids = append(ids, strconv.FormatInt(u.ID, 10))
		}
	}
	return ids
}

func quickbloxVendor(name string, application bool) *vendor {
	looks := 9 // by three keys
	if application {
		looks = 0
	}
	return &vendor{
		name: name,
		start: func(o userapitest.ServerOptions, _ bool) (fake, error) {
			s, err := quickbloxtest.Start(quickbloxtest.WithHTTP(o), quickbloxtest.WithAPIKey(plantedToken),
				quickbloxtest.WithApplication(76730, "auth-key", planted+"-auth-secret"))
			return quickbloxFake{s, application}, err
		},
		request: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				ExternalID: strconv.Itoa(471100 + n), Username: fmt.Sprintf("ada.%s%d", planted, n), Email: fmt.Sprintf("ada+%s%d@example.org", planted, n),
				Password: userapi.Secret(fmt.Sprintf("!%s-%d", planted, n)), FullName: "Ada " + planted,
				IdempotencyKey: fmt.Sprintf("%s-key-%d", planted, n), Tags: []string{planted}, Attributes: map[string]any{planted: planted},
			}
		},
		creates: post("/users.json"),
		looks:   looks,
		replies: map[string]reply{
			"no id": {201, `{"user":{"full_name":"Ada","email":null}}`},
			"400":   {400, `{"code":null,"message":"No data was provided"}`},
			"401":   {401, `{"errors":["Unauthorized"]}`},
			"403":   {422, `{"errors":{"base":["Forbidden. Need user."]}}`},
			"404":   {404, `{"code":null,"message":"Couldn't find user"}`},
			"409":   {409, `{"errors":["Conflict"]}`},
			"422":   {422, `{"errors":{"password":["is too short (minimum is 8 characters)"]}}`},
			"429":   {429, `{"errors":["Too many requests"]}`},
			"5xx":   {0, `{"errors":["try again later"]}`},
			absent:  {404, `{"code":null,"message":"Couldn't find user"}`},
		},
	}
}

type fusionauthFake struct{ *fusionauthtest.Server }

func (f fusionauthFake) creator(opts userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := f.Config()
	cfg.HTTP = opts
	return fusionauth.New(cfg)
}

func (f fusionauthFake) client() *http.Client { return f.Config().HTTP.HTTPClient }

func (f fusionauthFake) unfinished(userapi.CreateUserRequest) []string { return nil }

func (f fusionauthFake) made(req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Users() {
		if strings.EqualFold(u.Username, req.Username) && strings.EqualFold(u.Email, req.Email) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func fusionauthVendor() *vendor {
	general := func(code string) string {
		return `{"fieldErrors":{},"generalErrors":[{"code":"` + code + `","message":"It failed."}]}`
	}
	return &vendor{
		name: "fusionauth",
		start: func(o userapitest.ServerOptions, _ bool) (fake, error) {
			s, err := fusionauthtest.Start(fusionauthtest.WithHTTP(o), fusionauthtest.WithAPIKey(plantedToken))
			return fusionauthFake{s}, err
		},
		request: func(n int) userapi.CreateUserRequest {
			return userapi.CreateUserRequest{
				Username: fmt.Sprintf("ada.%s%d", planted, n), Email: fmt.Sprintf("ada+%s%d@example.org", planted, n),
				Password: userapi.Secret(fmt.Sprintf("!%s-%d", planted, n)), FullName: "Ada " + planted,
				Attributes: map[string]any{planted: planted},
			}
		},
		creates: post("/api/user", "/api/user/*"),
		looks:   3,
		replies: map[string]reply{
			"no id":              {200, `{"user":{"email":"other@example.org"}}`},
			"400":                {400, `{"fieldErrors":{"user.password":[{"code":"[tooShort]user.password","message":"Too short."}]},"generalErrors":[]}`},
			"401":                {401, ""},
			"403":                {403, htmlPage},
			"404":                {404, ""},
			"409":                {409, general("[conflict]")},
			"422":                {422, general("[invalid]")},
			"429":                {429, general("[RateLimitedException]")},
			"5xx":                {0, general("[Exception]")},
			absent:               {404, ""},
			"504 of a proxy":     {0, `{"message":"upstream timed out"}`},
			"webhook":            {504, general("[WebhookTransactionException]")},
			"retryable conflict": {409, general("[retryableConflict]")},
		},
	}
}

type usercomFake struct{ *usercomtest.Server }

func (f usercomFake) creator(opts userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := f.Config()
	opts.BaseURL += "/api/public"
	cfg.HTTP = opts
	return usercom.New(cfg)
}

func (f usercomFake) client() *http.Client { return f.Config().HTTP.HTTPClient }

func (f usercomFake) made(req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Users() {
		if u.Email == req.Email && u.UserID == req.ExternalID {
			ids = append(ids, strconv.FormatInt(u.ID, 10))
		}
	}
	return ids
}

func (f usercomFake) unfinished(req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Users() {
		for name := range req.Attributes {
			if u.Email == req.Email && u.Attributes[name] == nil {
				ids = append(ids, strconv.FormatInt(u.ID, 10))
			}
		}
	}
	return ids
}

func usercomVendor(name string, keyed bool) *vendor {
	looks := 6 // by the address as it is and in lower case
	if keyed {
		looks = 3
	}
	return &vendor{
		name: name,
		start: func(o userapitest.ServerOptions, silent bool) (fake, error) {
			opts := []usercomtest.Option{usercomtest.WithHTTP(o), usercomtest.WithAPIKey(plantedToken)}
			if silent {
				opts = append(opts, usercomtest.WithSilentUpdate())
			}
			s, err := usercomtest.Start(opts...)
			return usercomFake{s}, err
		},
		request: func(n int) userapi.CreateUserRequest {
			req := userapi.CreateUserRequest{
				Email: fmt.Sprintf("ada+%s%d@example.org", planted, n), Phone: fmt.Sprintf("+4850010%04d", n), FullName: "Ada " + planted,
				Password: userapi.Secret(fmt.Sprintf("!%s-%d", planted, n)), Tags: []string{planted}, Attributes: map[string]any{planted: planted},
				IdempotencyKey: fmt.Sprintf("%s-key-%d", planted, n),
			}
			if keyed {
				req.ExternalID = fmt.Sprintf("crm/%s/%d", planted, n)
			}
			return req
		},
		creates: post("/api/public/users/", "/api/public/users/update_or_create/"),
		looks:   looks,
		replies: map[string]reply{
			"no id": {201, `{"email":"other@example.org","name":"Ada"}`},
			"400":   {400, `{"errors":{"email":["Enter a valid email address."]}}`},
			"401":   {401, `{"detail":"Invalid token."}`},
			"403":   {403, `{"detail":"You do not have permission to perform this action."}`},
			"404":   {404, htmlPage},
			"409":   {409, `{"detail":"Conflict."}`},
			"422":   {422, `{"detail":"Unprocessable."}`},
			"429":   {429, `{"detail":"Request was throttled. Expected available in 1 second."}`},
			"5xx":   {0, `{"detail":"A server error occurred."}`},
			absent:  {404, `{"detail":"Not found."}`},
		},
	}
}
