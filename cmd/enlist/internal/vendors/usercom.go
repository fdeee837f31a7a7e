package vendors

import (
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

var usercomVendor = vendor{
	name:        usercom.Name,
	credentials: []string{"API_KEY"},
	settings:    []string{"URL", "APP", "VERSION"},
	needs:       []string{"APP", "API_KEY API_KEY_FILE"},
	variable: map[string]string{
		"Config.App":          "APP",
		"Config.APIKey":       "API_KEY API_KEY_FILE",
		"Config.HTTP.BaseURL": "URL",
	},
	member: map[string]string{"Config.App": "app", "Config.HTTP.BaseURL": "url"},
	make:   makeUserCom,
}

func makeUserCom(s Settings, l *lookup, http userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := usercom.Config{App: l.setting("APP", s.App), APIKey: l.secret("API_KEY"), HTTP: http}
	switch version := l.setting("VERSION", s.Version); version {
	case "", "v1":
	case "v2":
		cfg.Version = usercom.V2
	default:
		l.fault("version in the settings, or %s, must be v1 or v2", l.variables("VERSION"))
	}
	return usercom.New(cfg)
}
