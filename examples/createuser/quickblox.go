package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
)

// quickbloxSession are the variables that obtain sessions.
var quickbloxSession = []string{
	"QUICKBLOX_APPLICATION_ID", "QUICKBLOX_AUTH_KEY", "QUICKBLOX_AUTH_SECRET",
	"QUICKBLOX_LOGIN", "QUICKBLOX_EMAIL", "QUICKBLOX_PASSWORD",
}

var quickbloxVendor = vendor{
	name:      quickblox.Name,
	variables: append([]string{"QUICKBLOX_API_KEY", "QUICKBLOX_SESSION_TOKEN", "QUICKBLOX_URL"}, quickbloxSession...),
	needs:     "QUICKBLOX_API_KEY, or one of its alternatives",
	variableOf: map[string]string{
		"Config":                       "QUICKBLOX_API_KEY, QUICKBLOX_SESSION_TOKEN, QUICKBLOX_APPLICATION_ID",
		"Config.APIKey":                "QUICKBLOX_API_KEY",
		"Config.SessionToken":          "QUICKBLOX_SESSION_TOKEN",
		"Config.Session":               "QUICKBLOX_LOGIN, QUICKBLOX_EMAIL",
		"Config.Session.ApplicationID": "QUICKBLOX_APPLICATION_ID",
		"Config.Session.AuthKey":       "QUICKBLOX_AUTH_KEY",
		"Config.Session.AuthSecret":    "QUICKBLOX_AUTH_SECRET",
		"Config.Session.Password":      "QUICKBLOX_PASSWORD",
		"Config.HTTP.BaseURL":          "QUICKBLOX_URL",
	},
	configure: configureQuickBlox,
	fake:      fakeQuickBlox,
	sample:    sampleQuickBlox,
	returned:  returnedByQuickBlox,
	find:      "look the user up by login, e-mail or external id, for example in QuickBlox's dashboard",
}

func configureQuickBlox(s *settings, t *target) {
	address := s.text("QUICKBLOX_URL")
	cfg := quickblox.Config{
		APIKey:       s.secret("QUICKBLOX_API_KEY"),
		SessionToken: s.secret("QUICKBLOX_SESSION_TOKEN"),
		HTTP:         userapi.HTTPOptions{BaseURL: address},
	}
	if slices.ContainsFunc(quickbloxSession, s.isSet) {
		id, err := strconv.ParseInt(s.text("QUICKBLOX_APPLICATION_ID"), 10, 64)
		if err != nil {
			id = 0 // which New refuses
		}
		cfg.Session = &quickblox.SessionConfig{
			ApplicationID: id,
			AuthKey:       s.text("QUICKBLOX_AUTH_KEY"),
			AuthSecret:    s.secret("QUICKBLOX_AUTH_SECRET"),
			Login:         s.text("QUICKBLOX_LOGIN"),
			Email:         s.text("QUICKBLOX_EMAIL"),
			Password:      s.secret("QUICKBLOX_PASSWORD"),
		}
	}
	c, err := quickblox.New(cfg)
	t.use(s, c, err, vendorAt(address, "api.quickblox.com"))
}

func fakeQuickBlox(s *settings, t *target) {
	srv, err := quickbloxtest.Start()
	if !t.started(s, err) {
		return
	}
	t.close = srv.Close
	cfg := srv.Config()
	cfg.APIKey, cfg.Session = "", srv.SessionConfig() // a session, to sign for real
	c, err := quickblox.New(cfg)
	t.use(s, c, err, fakeAt(srv.URL()))
}

func sampleQuickBlox(req userapi.CreateUserRequest) (userapi.CreateUserRequest, []member) {
	x := quickblox.Extra{FacebookID: "8887366", Website: "https://mysite.com", CustomData: "lead of marketing team"}
	return userapi.CreateUserRequest{
		Username: "Peter", Email: "peter@gmail.com", Phone: "+73123555",
		Password:   cmp.Or(req.Password, "!Peter009"),
		ExternalID: "1236672", FullName: "Peter Smith",
		Tags:       []string{"marketing", "seo"},
		Extensions: []userapi.Extension{x}, Strict: req.Strict,
	}, []member{{"FacebookID", x.FacebookID}, {"Website", x.Website}, {"CustomData", x.CustomData}}
}

func returnedByQuickBlox(u *userapi.User) []member {
	r, ok := userapi.As[*quickblox.CreateUserResponse](u)
	if !ok {
		return nil
	}
	return []member{
		{"facebook_id", shown(r.User.FacebookID)},
		{"website", shown(r.User.Website)},
		{"user_tags", strings.Join(r.User.UserTags, ",")},
		{"custom_data", shown(r.User.CustomData)},
	}
}
