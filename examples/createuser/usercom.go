package main

import (
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

var usercomVendor = vendor{
	name:      usercom.Name,
	variables: []string{"USERCOM_APP", "USERCOM_API_KEY", "USERCOM_URL"},
	needs:     "USERCOM_APP and USERCOM_API_KEY",
	variableOf: map[string]string{
		"Config.App":          "USERCOM_APP",
		"Config.APIKey":       "USERCOM_API_KEY",
		"Config.HTTP.BaseURL": "USERCOM_URL",
	},
	configure: configureUserCom,
	fake:      fakeUserCom,
	sample:    sampleUserCom,
	returned:  returnedByUserCom,
	find:      "look the user up by user_id, e-mail or phone number",
}

func configureUserCom(s *settings, t *target) {
	app, address := s.text("USERCOM_APP"), s.text("USERCOM_URL")
	c, err := usercom.New(usercom.Config{
		App: app, APIKey: s.secret("USERCOM_API_KEY"), HTTP: userapi.HTTPOptions{BaseURL: address},
	})
	t.use(s, c, err, vendorAt(address, "application "+app))
}

func fakeUserCom(s *settings, t *target) {
	srv, err := usercomtest.Start()
	if !t.started(s, err) {
		return
	}
	t.close = srv.Close
	c, err := usercom.New(srv.Config())
	t.use(s, c, err, fakeAt(srv.URL()))
}

func sampleUserCom(req userapi.CreateUserRequest) (userapi.CreateUserRequest, []member) {
	return userapi.CreateUserRequest{
		Email: "myemail@example.org", GivenName: "John", FamilyName: "Doe", Strict: req.Strict,
	}, nil
}

func returnedByUserCom(u *userapi.User) []member {
	r, ok := userapi.As[*usercom.CreateUserResponse](u)
	if !ok {
		return nil
	}
	return []member{{"key", shown(r.Key)}, {"status", string(r.Status)}, {"gender", string(r.Gender)}}
}
