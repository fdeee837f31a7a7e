package vendors

import (
	"strings"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

var mixinVendor = vendor{
	name:        mixin.Name,
	credentials: []string{"KEYSTORE"},
	settings:    []string{"URL", "SESSION_KEYS"},
	needs:       []string{"KEYSTORE KEYSTORE_FILE"},
	host:        "api.mixin.one",
	variable: map[string]string{
		"Config.HTTP.BaseURL":       "URL",
		"Config.Keystore.UserID":    "KEYSTORE",
		"Config.Keystore.SessionID": "KEYSTORE",
	},
	member: map[string]string{"Config.HTTP.BaseURL": "url"},
	make:   makeMixin,
}

func makeMixin(s Settings, l *lookup, http userapi.HTTPOptions) (userapi.Creator, error) {
	cfg := mixin.Config{HTTP: http}
	if dir := l.setting("SESSION_KEYS", s.SessionKeys); dir != "" {
		cfg.SessionKeys = mixin.KeyDir(dir)
	}
	before := len(l.faults)
	text := strings.TrimSpace(l.secret("KEYSTORE").Reveal())
	if text != "" && text[0] != '{' { // the path of a file with it
		secret, err := ReadSecret(text)
		if err != nil {
			l.fault("the file for %s %v", l.variables("KEYSTORE"), err)
		}
		text = secret.Reveal()
	}
	if text == "" {
		if len(l.faults) == before {
			l.fault("%s must be set", l.variables("KEYSTORE KEYSTORE_FILE"))
		}
		return nil, nil
	}
	var err error
	if cfg.Keystore, err = mixin.ParseKeystore([]byte(text)); err != nil {
		for line := range strings.Lines(err.Error()) {
			l.fault("%s: %s", l.variables("KEYSTORE"), strings.TrimSpace(strings.TrimPrefix(line, "mixin: invalid keystore: ")))
		}
		return nil, nil
	}
	l.owner = cfg.Keystore.UserID
	return mixin.New(cfg)
}
