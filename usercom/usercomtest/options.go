package usercomtest

import (
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An Option changes how a Server behaves.
type Option func(*settings)

type settings struct {
	http         userapitest.ServerOptions
	apiKey       userapi.Secret
	silentUpdate bool
	language     language
	lists        []int64
}

// WithHTTP sets the server's address, TLS, clock and so on.
func WithHTTP(o userapitest.ServerOptions) Option { return func(s *settings) { s.http = o } }

// WithAPIKey sets the one key that the server accepts.
func WithAPIKey(key userapi.Secret) Option { return func(s *settings) { s.apiKey = key } }

// WithSilentUpdate answers a create whose user_id is taken with 201 and the user
// that has it, updated, instead of a 400. What User.com itself does is not
// documented.
func WithSilentUpdate() Option { return func(s *settings) { s.silentUpdate = true } }

// WithPolish makes Polish the application's language: texts in errors are Polish, unless a request's
// Accept-Language asks for English.
func WithPolish() Option { return func(s *settings) { s.language = polish } }

// WithPolishOnly is like WithPolish, and no Accept-Language changes it. Whether User.com itself looks
// at that header is not documented.
func WithPolishOnly() Option { return func(s *settings) { s.language = polishOnly } }

// WithLists sets the lists that exist, by their ids. Without it every list exists.
func WithLists(ids ...int64) Option { return func(s *settings) { s.lists = ids } }
