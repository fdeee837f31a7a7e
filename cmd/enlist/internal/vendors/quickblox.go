package vendors

import (
	"slices"
	"strconv"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

var quickbloxVendor = vendor{
	name:        quickblox.Name,
	credentials: []string{"API_KEY", "SESSION_TOKEN", "AUTH_KEY", "AUTH_SECRET", "PASSWORD"},
	settings:    []string{"URL", "APPLICATION_ID", "LOGIN", "EMAIL"},
	needs:       []string{"API_KEY API_KEY_FILE"},
	host:        "api.quickblox.com",
	variable: map[string]string{
		"Config":                       "API_KEY SESSION_TOKEN AUTH_SECRET",
		"Config.APIKey":                "API_KEY",
		"Config.SessionToken":          "SESSION_TOKEN",
		"Config.Session":               "LOGIN EMAIL",
		"Config.Session.ApplicationID": "APPLICATION_ID",
		"Config.Session.AuthKey":       "AUTH_KEY",
		"Config.Session.AuthSecret":    "AUTH_SECRET",
		"Config.Session.Password":      "PASSWORD",
		"Config.HTTP.BaseURL":          "URL",
	},
	member: map[string]string{
		"Config.Session":               "login or email",
		"Config.Session.ApplicationID": "application_id",
		"Config.HTTP.BaseURL":          "url",
	},
	make: makeQuickBlox,
}

func makeQuickBlox(s Settings, l *lookup, http userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := quickblox.Config{APIKey: l.secret("API_KEY"), SessionToken: l.secret("SESSION_TOKEN"), HTTP: http}
	session := quickblox.SessionConfig{
		ApplicationID: s.ApplicationID,
		AuthKey:       l.secret("AUTH_KEY").Reveal(),
		AuthSecret:    l.secret("AUTH_SECRET"),
		Login:         l.setting("LOGIN", s.Login),
		Email:         l.setting("EMAIL", s.Email),
		Password:      l.secret("PASSWORD"),
	}
	if text := l.setting("APPLICATION_ID", ""); text != "" && (s.ApplicationID == 0 || l.own("APPLICATION_ID") != "") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			id = -1 // New refuses it
		}
		session.ApplicationID = id
	}
	if session != (quickblox.SessionConfig{}) {
		cfg.Session = &session
	}
	if cfg.APIKey == "" && cfg.SessionToken == "" && cfg.Session == nil {
		if !slices.ContainsFunc(l.vendor.credentials, func(suffix string) bool { return l.isSet(l.own, suffix) || l.isSet(l.vendors, suffix) }) {
			l.fault("%s must be set, or SESSION_TOKEN, or APPLICATION_ID with AUTH_KEY and AUTH_SECRET, with the same prefix", l.variables("API_KEY API_KEY_FILE"))
		}
		return nil, nil
	}
	return quickblox.New(cfg)
}
