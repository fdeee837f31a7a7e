package mixintest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// timeLayout is the layout of Mixin's times.
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
	s.http.CountCreate(false)
	key, err := parseSessionSecret(body.SessionSecret)
	if err != nil {
		return nil, invalidField("session_secret", err.Error())
	}
	u := User{
		UserID: newID(), SessionID: newID(),
		FullName: body.FullName, SessionSecret: body.SessionSecret,
		CreatedAt: s.http.Now().UTC(),
	}
	token, pinKey, err := newPinToken(key, u.SessionID)
	if err != nil {
		return nil, invalidField("session_secret", "no PIN key can be shared with this key")
	}
	a, paid := s.store.add(
		&person{user: u, codeID: newID(), token: token},
		session{userID: u.UserID, sessionID: u.SessionID, key: key, pinKey: pinKey},
	)
	if !paid {
		return nil, errNoBalance
	}
	return a, nil
}

// noNumber is the identity number of users.
const noNumber = "0"

// account returns the person as replies show it.
func (p *person) account() account {
	u := &p.user
	a := account{
		profile: profile{
			Type: "user", UserID: u.UserID, IdentityNumber: noNumber, FullName: u.FullName, AvatarURL: p.avatarURL,
			MuteUntil: "0001-01-01T00:00:00Z", CreatedAt: u.CreatedAt.Format(timeLayout), App: p.app,
		},
		SessionID: u.SessionID,
		PinToken:  p.token.text(), PinTokenBase64: base64.RawURLEncoding.EncodeToString(p.token.token),
		ServerPublicKey: p.token.serverKey(),
		CodeID:          p.codeID, CodeURL: "https://mixin.one/codes/" + p.codeID,
		HasPin: p.pin.isSet(), HasSafe: p.spendKey != "", SpendPublicKey: p.spendKey,
		TipKeyBase64:         base64.RawURLEncoding.EncodeToString(p.pin.tip),
		ReceiveMessageSource: "EVERYBODY", AcceptConversationSource: "EVERYBODY", AcceptSearchSource: "EVERYBODY",
		FiatCurrency: "USD", Features: []string{},
	}
	if p.pin.tip != nil {
		a.TipCounter = tipCounter
	}
	if p.app != nil {
		a.IdentityNumber = p.app.AppNumber
	}
	return a
}

// The application's profile.
const (
	appName   = "Application"
	appNumber = "7000100000"
)

func newApplication(userID, sessionID string, now time.Time) *person {
	return &person{
		user:   User{UserID: userID, SessionID: sessionID, FullName: appName, CreatedAt: now.UTC()},
		app:    &app{Type: "app", AppID: userID, AppNumber: appNumber, Name: appName},
		codeID: newID(),
	}
}

// me shows the session's own user.
func (s *Server) me(_ *fakehttp.Request, by session) (any, *apiError) {
	a, _ := s.store.account(by.userID)
	a.Relationship = "ME"
	return a, nil
}

// get shows any user, or the application, to every session.
func (s *Server) get(r *fakehttp.Request, _ session) (any, *apiError) {
	return shown(s.store.account(strings.ToLower(r.PathValue("id"))))
}

// search finds the application by its identity number. Users have none. Source: Mixin's docs,
// "Search User".
func (s *Server) search(r *fakehttp.Request, _ session) (any, *apiError) {
	return shown(s.store.numbered(r.PathValue("number")))
}

func shown(a account, ok bool) (any, *apiError) {
	if !ok {
		return nil, errNotFound
	}
	return a.profile, nil
}

// fetch shows the existing users of a list. Source: Mixin's docs, "Read Users".
func (s *Server) fetch(r *fakehttp.Request, _ session) (any, *apiError) {
	var ids []string
	if json.Unmarshal(r.Body, &ids) != nil {
		return nil, errBadRequest
	}
	found := []profile{}
	for i, id := range ids {
		if a, ok := s.store.account(strings.ToLower(id)); ok && !slices.Contains(ids[:i], id) {
			found = append(found, a.profile)
		}
	}
	return found, nil
}

// minAvatar is the smallest accepted image size.
const minAvatar = 1024

// updateProfile changes the name and the image of the session's own user; "" changes nothing.
// Sources: Mixin's bot-api-go-client, UpdateUserMe; baizhiheizi/mixin_bot, for accepted images.
func (s *Server) updateProfile(r *fakehttp.Request, by session) (any, *apiError) {
	var body struct {
		FullName     string `json:"full_name"`
		AvatarBase64 string `json:"avatar_base64"`
	}
	switch {
	case by.limited:
		return nil, errForbidden
	case json.Unmarshal(r.Body, &body) != nil:
		return nil, errBadRequest
	}
	if body.AvatarBase64 != "" {
		image, err := decodeBase64(body.AvatarBase64)
		kind := http.DetectContentType(image)
		if err != nil || len(image) <= minAvatar || !slices.Contains([]string{"image/png", "image/jpeg", "image/gif"}, kind) {
			return nil, invalidField("avatar_base64", "not the base64 of a PNG, JPEG or GIF of more than 1024 bytes")
		}
	}
	return s.changed(by, func(p *person) *apiError {
		if body.FullName != "" {
			p.user.FullName = body.FullName
		}
		if body.AvatarBase64 != "" {
			p.avatarURL = "https://mixin-images.zeromesh.net/" + newID() + "=s256"
		}
		return nil
	})
}
