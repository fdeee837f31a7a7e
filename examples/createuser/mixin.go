package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/userapi"
)

var mixinVendor = vendor{
	name:      mixin.Name,
	variables: []string{"MIXIN_KEYSTORE", "MIXIN_URL"},
	needs:     "MIXIN_KEYSTORE or -keystore",
	variableOf: map[string]string{
		"Config.HTTP.BaseURL":       "MIXIN_URL",
		"Config.Keystore.UserID":    "MIXIN_KEYSTORE: client_id or app_id",
		"Config.Keystore.SessionID": "MIXIN_KEYSTORE: session_id",
	},
	configure: configureMixin,
	fake:      fakeMixin,
	sample:    sampleMixin,
	returned:  returnedByMixin,
	find:      "Mixin has no call that finds a user again whose id is not known",
}

func configureMixin(s *settings, t *target) {
	t.storeKey(s)
	if s.sessionKeys == nil {
		s.fault("mixin: -session-key-file must be set: without its session key the new user is lost")
	}
	text := s.secret("MIXIN_KEYSTORE").Reveal()
	if text == "" {
		s.fault("mixin: MIXIN_KEYSTORE or -keystore must be set")
		return
	}
	keystore, err := mixin.ParseKeystore([]byte(text))
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			s.fault("MIXIN_KEYSTORE: %s", strings.TrimSpace(strings.TrimPrefix(line, "mixin: invalid keystore: ")))
		}
		return
	}
	address := s.text("MIXIN_URL")
	c, err := mixin.New(mixin.Config{
		Keystore: keystore, SessionKeys: s.sessionKeys, HTTP: userapi.HTTPOptions{BaseURL: address},
	})
	t.use(s, c, err, vendorAt(address, "api.mixin.one"))
}

func fakeMixin(s *settings, t *target) {
	srv, err := mixintest.Start()
	if !t.started(s, err) {
		return
	}
	t.close = srv.Close
	cfg := srv.Config()
	cfg.SessionKeys = memoryKeys{}
	if s.sessionKeys != nil {
		cfg.SessionKeys = s.sessionKeys
	}
	t.storeKey(s)
	c, err := mixin.New(cfg)
	t.use(s, c, err, fakeAt(srv.URL()))
}

// storeKey notes where the session key goes, and refuses a file that exists.
func (t *target) storeKey(s *settings) {
	where := "kept in memory only"
	if t.keys = s.sessionKeys; t.keys != nil {
		where = "kept in " + t.keys.path
		if _, err := os.Lstat(t.keys.path); err == nil {
			s.fault("mixin: -session-key-file: the file exists; it may hold the only key of a user")
		}
		if dir, err := os.Stat(filepath.Dir(t.keys.path)); err != nil || !dir.IsDir() {
			s.fault("mixin: -session-key-file: there is no such folder")
		}
	}
	t.more = append(t.more, member{"SessionKey", "new, " + where})
}

func sampleMixin(req userapi.CreateUserRequest) (userapi.CreateUserRequest, []member) {
	return userapi.CreateUserRequest{FullName: "Bot User", Strict: req.Strict}, nil
}

func returnedByMixin(u *userapi.User) []member {
	r, ok := userapi.As[*mixin.CreateUserResponse](u)
	if !ok {
		return nil
	}
	return []member{{"session_id", r.SessionID}, {"identity_number", shown(r.IdentityNumber)}}
}
