package mixintest

import (
	"encoding/json"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// timeLayout is how Mixin writes times.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

func (s *Server) create(r *fakehttp.Request, by session) (any, *apiError) {
	if !by.application || by.limited {
		return nil, errForbidden
	}
	var body struct {
		SessionSecret string `json:"session_secret"`
		FullName      string `json:"full_name"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return nil, errBadRequest
	}
	key, err := parseSessionSecret(body.SessionSecret)
	if err != nil {
		return nil, invalidField("session_secret", err.Error())
	}
	u := User{
		UserID: newID(), SessionID: newID(),
		FullName: body.FullName, SessionSecret: body.SessionSecret,
		CreatedAt: s.http.Now().UTC(),
	}
	a := newAccount(u)
	pinKey, err := a.setPinToken(key)
	if err != nil {
		return nil, invalidField("session_secret", "no PIN key can be shared with this key")
	}
	if !s.store.add(u, a, session{userID: u.UserID, sessionID: u.SessionID, key: key, pinKey: pinKey}) {
		return nil, errNoBalance
	}
	return a, nil
}

func newAccount(u User) account {
	code := newID()
	return account{
		profile: profile{
			Type: "user", UserID: u.UserID, IdentityNumber: "0", FullName: u.FullName,
			MuteUntil: "0001-01-01T00:00:00Z", CreatedAt: u.CreatedAt.Format(timeLayout),
		},
		SessionID: u.SessionID,
		CodeID:    code, CodeURL: "https://mixin.one/codes/" + code,
		ReceiveMessageSource: "EVERYBODY", AcceptConversationSource: "EVERYBODY", AcceptSearchSource: "EVERYBODY",
		FiatCurrency: "USD", Features: []string{},
	}
}

// me shows the session's own user.
func (s *Server) me(_ *fakehttp.Request, by session) (any, *apiError) {
	a, ok := s.store.account(by.userID)
	if !ok { // the application, which was not created here
		a = newAccount(User{UserID: by.userID, SessionID: by.sessionID})
	}
	a.Relationship = "ME"
	return a, nil
}

// get shows any user to anybody who is signed in.
func (s *Server) get(r *fakehttp.Request, _ session) (any, *apiError) {
	a, ok := s.store.account(r.PathValue("id"))
	if !ok {
		return nil, errNotFound
	}
	return a.profile, nil
}
