package vendors

import (
	"regexp"
	"strconv"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func newQuickblox(o userapi.HTTPOptions) (userapi.Creator, error) {
	return quickblox.New(quickblox.Config{APIKey: token, HTTP: o})
}

func quickbloxVendor() []*Vendor {
	const secret = Planted + "-auth-secret"
	byKey := Vendor{
		Package: "quickblox", Name: "quickblox", New: newQuickblox,
		Start: func(o userapitest.ServerOptions) (*Fake, error) {
			s, err := quickbloxtest.Start(quickbloxtest.WithHTTP(o), quickbloxtest.WithAPIKey(token), quickbloxtest.WithApplication(76730, "auth-key", secret))
			if err != nil {
				return nil, err
			}
			return newFake(s, s.Config().HTTP.HTTPClient, func(u quickbloxtest.User) User {
				keys := map[string]string{"Username": u.Login, "Email": u.Email}
				if u.ExternalUserID != 0 {
					keys["ExternalID"] = strconv.FormatInt(u.ExternalUserID, 10)
				}
				return User{ID: strconv.FormatInt(u.ID, 10), Keys: keys}
			}), nil
		},
		Request: func(n int) userapi.CreateUserRequest {
			req := request(n)
			req.ExternalID = strconv.Itoa(471100 + n)
			return req
		},
		Creates:  regexp.MustCompile(`^/users\.json$`),
		Looks:    9, // by three keys
		Unique:   []string{"Username", "Email", "ExternalID"},
		Compared: map[string]string{"Username": "login", "Email": "email", "ExternalID": "external_user_id"},
		Replies: map[string]Reply{
			"no id":  {201, `{"user":{"full_name":"Ada","email":null}}`},
			"400":    {400, `{"code":null,"message":"No data was provided"}`},
			"401":    {401, `{"errors":["Unauthorized"]}`},
			"403":    {422, `{"errors":{"base":["Forbidden. Need user."]}}`},
			"404":    {404, `{"code":null,"message":"Couldn't find user"}`},
			"409":    {409, `{"errors":["Conflict"]}`},
			"422":    {422, `{"errors":{"password":["is too short (minimum is 8 characters)"]}}`},
			"429":    {429, `{"errors":["Too many requests"]}`},
			"5xx":    {0, `{"errors":["try again later"]}`},
			"absent": {404, `{"code":null,"message":"Couldn't find user"}`},
		},
		Benches: []Bench{{
			Name: "quickblox", New: newQuickblox,
			Request: userapi.CreateUserRequest{Username: "Peter", Email: "peter@gmail.com", Password: "!Peter009", FullName: "Peter Smith", Phone: "+73123555", ExternalID: "1236672"},
			Native: func() (request, reply any) {
				return new(quickblox.CreateUserRequest), new(quickblox.CreateUserResponse)
			},
			Reply: `{"user":{"id":96752798,"full_name":"Peter Smith","email":"peter@gmail.com","login":"Peter","phone":"+73123555","website":"https://mysite.com","created_at":"2019-08-27T20:19:08Z","updated_at":"2019-08-27T20:19:08Z","last_request_at":null,"external_user_id":1236672,"facebook_id":"8887366","blob_id":null,"custom_data":"lead of marketing team","age_over16":false,"allow_statistics_analysis":false,"allow_sales_activities":false,"parents_contacts":"","user_tags":"marketing,seo"}}`,
		}},
	}
	bySession := byKey
	bySession.Name, bySession.Sessions, bySession.Benches = "quickblox-app", true, nil
	bySession.Looks, bySession.Unique = 0, []string{"Username"} // that collides by one key as by the others
	bySession.New = func(o userapi.HTTPOptions) (userapi.Creator, error) {
		return quickblox.New(quickblox.Config{Session: &quickblox.SessionConfig{ApplicationID: 76730, AuthKey: "auth-key", AuthSecret: secret}, HTTP: o})
	}
	return []*Vendor{&byKey, &bySession}
}
