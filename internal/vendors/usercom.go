package vendors

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

func newUsercom(version usercom.Version) func(o userapi.HTTPOptions) (userapi.Creator, error) {
	return func(o userapi.HTTPOptions) (userapi.Creator, error) {
		return usercom.New(usercom.Config{APIKey: token, Version: version, HTTP: o})
	}
}

func startUsercom(more ...usercomtest.Option) func(o userapitest.ServerOptions) (*Fake, error) {
	return func(o userapitest.ServerOptions) (*Fake, error) {
		s, err := usercomtest.Start(append(more, usercomtest.WithHTTP(o), usercomtest.WithAPIKey(token))...)
		if err != nil {
			return nil, err
		}
		return newFake(s, s.Config().HTTP.HTTPClient, func(u usercomtest.User) User {
			return User{ID: strconv.FormatInt(u.ID, 10), Keys: map[string]string{"Email": u.Email, "ExternalID": u.UserID}, Attributes: u.Attributes, Lists: u.Lists}
		}), nil
	}
}

func usercomVendor() []*Vendor {
	byMail := Vendor{
		Package: "usercom", Name: "usercom-mail", New: newUsercom(usercom.V1), Start: startUsercom(),
		Creates:  regexp.MustCompile(`^/api/public/users/(update_or_create/)?$`),
		Looks:    6, // by the address as it is and in lower case
		Compared: map[string]string{"Email": "email"},
		Replies: map[string]Reply{
			"no id":  {201, `{"email":"other@example.org","name":"Ada"}`},
			"400":    {400, `{"errors":{"email":["Enter a valid email address."]}}`},
			"401":    {401, `{"detail":"Invalid token."}`},
			"403":    {403, `{"detail":"You do not have permission to perform this action."}`},
			"404":    {404, Page},
			"409":    {409, `{"detail":"Conflict."}`},
			"422":    {422, `{"detail":"Unprocessable."}`},
			"429":    {429, `{"detail":"Request was throttled. Expected available in 1 second."}`},
			"5xx":    {0, `{"detail":"A server error occurred."}`},
			"absent": {404, `{"detail":"Not found."}`},
		},
	}
	byID := byMail
	// By mail the second step is lists alone, and else attributes alone: a fault strikes either.
	byMail.Lists = []int64{77}
	byMail.Request = func(n int) userapi.CreateUserRequest {
		req := request(n)
		req.Attributes, req.Extensions = nil, []userapi.Extension{usercom.Extra{Lists: byMail.Lists}}
		return req
	}
	byID.Name, byID.StartSilent = "usercom", startUsercom(usercomtest.WithSilentUpdate())
	byID.Looks, byID.Unique = 3, []string{"ExternalID"}
	byID.Compared = map[string]string{"Email": "email", "ExternalID": "user_id"}
	byID.Request = func(n int) userapi.CreateUserRequest {
		req := request(n)
		req.ExternalID = fmt.Sprintf("crm/%s/%d", Planted, n)
		return req
	}
	byMail.Unfinished, byID.Unfinished = byMail.OneStep, byID.OneStep
	byMail.Unproven, byID.Unproven = "{}", `{"errors":["No such attribute."]}` // the reply to attributes may be empty
	native := func() (request, reply any) { return new(usercom.CreateUserRequest), new(usercom.CreateUserResponse) }
	john := userapi.CreateUserRequest{Email: "myemail@example.org", GivenName: "John", FamilyName: "Doe"}
	byID.Benches = []Bench{
		{
			Name: "usercom", New: newUsercom(usercom.V1), Request: john, Native: native,
			Reply: `{"updated_at":"2017-06-13T12:22:38.748397Z","companies":[{"id":14,"name":"Company name","member_since":"2018-06-14T08:49:56.515083Z"}],"key":"xSoYQG00fg9z","city":null,"linkedin_url":null,"tags":[],"last_contacted":null,"phone_number":null,"facebook_url":null,"notifications":true,"region":null,"timezone":null,"status":"visitor","gravatar_url":null,"twitter_url":null,"google_url":null,"os_type":null,"email":"myemail@example.org","score":0,"unsubscribed":false,"first_seen":null,"page_views":0,"last_ip":null,"chat_id":"Chat ID is deprecated and will be removed in future","browser":null,"gender":"unknown","resolution":null,"country":null,"name":"John Doe","created_at":"2017-06-13T12:22:38.748373Z","last_seen":null,"lists":[],"attributes":[],"browser_language":null,"id":20901703}`,
		},
		{
			Name: "usercom-v2", New: newUsercom(usercom.V2), Request: john, Native: native,
			Reply: `{"id":310455021,"user_key":"q7rtlm2xvb0d","custom_id":null,"name":"John Doe","email":"myemail@example.org","gender":"unknown","status":"visitor","phone_number":null,"timezone":null,"city":null,"region":null,"country":null,"unsubscribed":false,"browser_language":null,"score":0,"created_at":"2026-03-02T08:15:30.104233Z","updated_at":"2026-03-02T08:15:30.104251Z","companies":[],"lists":[],"tags":[{"id":9001,"name":"newsletter"}],"notifications":true,"web_push_subscription":false,"facebook_url":null,"google_url":null,"gravatar_url":null,"linkedin_url":null,"twitter_url":null,"assigned_to":null}`,
		},
	}
	return []*Vendor{&byID, &byMail}
}
