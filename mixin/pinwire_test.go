package mixin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// A sent is a request that the mock received.
type sent struct {
	method, uri string
	header      http.Header
	body        string
	members     map[string]any
}

// verifyToken checks the token as the server does, and returns its claims.
func (s sent) verifyToken(t testing.TB, key ed25519.PublicKey) map[string]any {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(s.header.Get("Authorization"), "Bearer "), ".")
	require.Len(t, parts, 3)
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	require.True(t, ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature), "not the user's signature")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	assert.Equal(t, requestSig(s.method, s.uri, []byte(s.body)), claims["sig"])
	assert.Equal(t, newUserID, claims["uid"])
	assert.Equal(t, newSessionID, claims["sid"])
	assert.Equal(t, s.header.Get("X-Request-Id"), claims["jti"])
	return claims
}

// userClient returns a client of the vectors' user and its recorded requests. reply answers each
// request.
func userClient(t testing.TB, change func(*Config), reply func(n int, r *http.Request) (*http.Response, error)) (*Client, *[]sent) {
	t.Helper()
	v := ed25519Vector(t)
	mock := httpmock.NewMockTransport()
	got := new([]sent)
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		in := sent{method: r.Method, uri: r.URL.RequestURI(), header: r.Header.Clone()}
		if r.Body != nil {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			in.body = string(text)
			_ = json.Unmarshal(text, &in.members)
		}
		*got = append(*got, in)
		return reply(len(*got), r)
	})
	cfg := Config{
		Keystore: Keystore{
			UserID: strings.ToUpper(newUserID), SessionID: newSessionID, PrivateKey: readVectors(t).key(t, "ed25519"),
			PinToken: userapi.Secret(v.TokenStd), ServerPublicKey: v.Edwards,
		},
		HTTP: userapi.HTTPOptions{
			HTTPClient: &http.Client{Transport: mock},
			Retry:      userapi.RetryPolicy{BaseWait: time.Microsecond, MaxWait: time.Millisecond, MaxAttempts: 4},
		},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	return c, got
}

// pinClient is userClient for calls with a PIN. Such a call first reads the user's profile. The
// profile has no TIP key, and that request is not recorded.
func pinClient(t testing.TB, change func(*Config), reply func(n int, r *http.Request) (*http.Response, error)) (*Client, *[]sent) {
	t.Helper()
	return userClient(t, func(cfg *Config) {
		if change != nil {
			change(cfg)
		}
		cfg.HTTP.HTTPClient.Transport = profiled{cfg.HTTP.HTTPClient.Transport, cfg.Keystore.UserID}
	}, reply)
}

// profiled answers GET /me of a user.
type profiled struct {
	next   http.RoundTripper
	userID string
}

func (p profiled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method+r.URL.Path != "GET/me" {
		return p.next.RoundTrip(r)
	}
	return httpmock.NewStringResponse(200, `{"data":{"user_id":"`+p.userID+`","has_pin":true,"has_safe":false,"tip_key_base64":""}}`), nil
}

func answering(status int, body string) func(int, *http.Request) (*http.Response, error) {
	return func(_ int, r *http.Request) (*http.Response, error) {
		resp := httpmock.NewStringResponse(status, body)
		resp.Header.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		return resp, nil
	}
}

// asError returns the error as a *userapi.Error.
func asError(t testing.TB, err error) *userapi.Error {
	t.Helper()
	var e *userapi.Error
	require.ErrorAs(t, err, &e)
	return e
}

// own is the profile in the vendor's document about updating a PIN, for the vectors' user.
const own = `{"data":{"type":"user","user_id":"` + newUserID + `","identity_number":"0","session_id":"` + newSessionID +
	`","pin_token":"","phone":"","full_name":"Bot User","biography":"","avatar_url":"","created_at":"2018-05-03T06:03:56.867971412Z"}}`

const oldDigits, newDigits = "730518", "204961"

// TestPINWire compares each call with a PIN byte for byte.
func TestPINWire(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	session := readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey)
	tip := readPINVectors(t).spendKey(t)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	public := hex.EncodeToString(tip[32:])
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	type pins map[string]struct {
		enc  *base64.Encoding
		want func(members map[string]any) []byte
	}
	plain := func(pin string) func(map[string]any) []byte {
		return func(map[string]any) []byte { return []byte(pin) }
	}
	tipSet := func(map[string]any) []byte { return append(bytes.Clone(tip[32:]), 0, 0, 0, 0, 0, 0, 0, 1) }
	for name, tt := range map[string]struct {
		call func(context.Context, *Client) (*GetUserResponse, error)
		path string
		body string // has placeholders for members that vary
		pins pins
		op   string
	}{
		"first TIP key": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.PIN.Update(ctx, PIN{}, TIPPIN(tip))
			},
			"/pin/update", `{"old_pin_base64":"","pin_base64":"<pin_base64>"}`,
			pins{"pin_base64": {raw, tipSet}}, "update PIN",
		},
		"digits to TIP key": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.PIN.Update(ctx, DigitsPIN(oldDigits), TIPPIN(tip))
			},
			"/pin/update", `{"old_pin_base64":"<old_pin_base64>","pin_base64":"<pin_base64>"}`,
			pins{"old_pin_base64": {raw, plain(oldDigits)}, "pin_base64": {raw, tipSet}}, "update PIN",
		},
		"first digits": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.PIN.Update(ctx, PIN{}, DigitsPIN(newDigits))
			},
			"/pin/update", `{"old_pin":"","pin":"<pin>"}`,
			pins{"pin": {std, plain(newDigits)}}, "update PIN",
		},
		"digits to digits": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.PIN.Update(ctx, DigitsPIN(oldDigits), DigitsPIN(newDigits))
			},
			"/pin/update", `{"old_pin":"<old_pin>","pin":"<pin>"}`,
			pins{"old_pin": {std, plain(oldDigits)}, "pin": {std, plain(newDigits)}}, "update PIN",
		},
		"verify digits": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.PIN.Verify(ctx, DigitsPIN(oldDigits))
			},
			"/pin/verify", `{"pin":"<pin>"}`, pins{"pin": {std, plain(oldDigits)}}, "verify PIN",
		},
		"verify a TIP key": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) { return c.PIN.Verify(ctx, TIPPIN(tip)) },
			"/pin/verify", `{"pin_base64":"<pin_base64>","timestamp":<timestamp>}`,
			pins{"pin_base64": {raw, func(m map[string]any) []byte {
				return ed25519.Sign(tip, fmt.Appendf(nil, "TIP:VERIFY:%032s", m["timestamp"]))
			}}}, "verify PIN",
		},
		"register": {
			func(ctx context.Context, c *Client) (*GetUserResponse, error) {
				return c.Safe.Register(ctx, tip, TIPPIN(other))
			},
			"/safe/users", `{"public_key":"` + public + `","signature":"` + raw.EncodeToString(spendSignature(tip, newUserID)) + `","pin_base64":"<pin_base64>"}`,
			pins{"pin_base64": {raw, func(map[string]any) []byte { return tipRegistration(other, newUserID, public) }}}, "register with Safe",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			c, got := pinClient(t, func(cfg *Config) {
				cfg.HTTP.Logger = slog.New(slog.NewTextHandler(&log, nil))
			}, answering(200, own))
			before := time.Now()
			u, err := tt.call(t.Context(), c)
			after := time.Now()
			require.NoError(t, err)
			assert.Equal(t, newUserID, u.UserID)
			assert.Equal(t, own, string(u.Raw()))
			require.Len(t, *got, 1)
			in := (*got)[0]
			assert.Equal(t, "POST", in.method)
			assert.Equal(t, tt.path, in.uri)
			assert.Equal(t, []string{"application/json"}, in.header["Content-Type"])
			in.verifyToken(t, session)

			want := tt.body
			decoder := json.NewDecoder(strings.NewReader(in.body))
			decoder.UseNumber()
			members := map[string]any{}
			require.NoError(t, decoder.Decode(&members))
			for name, value := range members {
				want = strings.Replace(want, "<"+name+">", fmt.Sprint(value), 1)
			}
			assert.Equal(t, want, in.body)
			if ns, ok := members["timestamp"]; ok {
				timestamp, err := strconv.ParseInt(fmt.Sprint(ns), 10, 64)
				require.NoError(t, err)
				assert.False(t, timestamp < before.UnixNano() || timestamp > after.UnixNano())
			}
			var last uint64
			for _, name := range []string{"old_pin_base64", "old_pin", "pin_base64", "pin"} {
				pin, ok := tt.pins[name]
				if !ok {
					continue
				}
				text, _ := members[name].(string)
				_, err := pin.enc.DecodeString(text)
				require.NoError(t, err, name)
				opened := decrypt(t, v.Shared, text)
				require.True(t, bytes.Equal(pin.want(members), opened.pin), name)
				assert.Greater(t, opened.iterator, last, name)
				last = opened.iterator
				assert.False(t, opened.unix < before.Unix() || opened.unix > after.Unix())
			}
			assert.Contains(t, log.String(), "route="+tt.path)
			assert.Contains(t, log.String(), tt.op)
			requireNoneIn(t, "log", log.String(), append(keyForms(t, tip), oldDigits, newDigits))
		})
	}
}

// pinCalls returns the calls with a PIN.
func pinCalls(t testing.TB) map[string]func(context.Context, *Client) (*GetUserResponse, error) {
	t.Helper()
	tip := readPINVectors(t).spendKey(t)
	return map[string]func(context.Context, *Client) (*GetUserResponse, error){
		"update": func(ctx context.Context, c *Client) (*GetUserResponse, error) {
			return c.PIN.Update(ctx, PIN{}, TIPPIN(tip))
		},
		"verify": func(ctx context.Context, c *Client) (*GetUserResponse, error) {
			return c.PIN.Verify(ctx, DigitsPIN(oldDigits))
		},
		"register": func(ctx context.Context, c *Client) (*GetUserResponse, error) {
			return c.Safe.Register(ctx, tip, TIPPIN(tip))
		},
	}
}

// TestPINReplies: after no reply is a PIN sent again.
func TestPINReplies(t *testing.T) {
	t.Parallel()
	failure := func(code int) string {
		return fmt.Sprintf(`{"error":{"status":202,"code":%d,"description":"What.","extra":{"reason":"x"}}}`, code)
	}
	const unknown, refused = userapi.OutcomeUnknown, userapi.OutcomeRejected
	for name, tt := range map[string]struct {
		status  int
		body    string
		kind    userapi.Kind
		outcome userapi.Outcome
		code    string
		fault   PINFault
	}{
		"20118":              {202, failure(20118), userapi.KindInvalid, refused, "20118", PINForm},
		"20119":              {202, failure(20119), userapi.KindInvalid, refused, "20119", PINRefused},
		"400":                {202, failure(400), userapi.KindInvalid, refused, "400", 0},
		"401":                {202, failure(401), userapi.KindUnauthorized, refused, "401", 0},
		"403":                {202, failure(403), userapi.KindForbidden, refused, "403", 0},
		"404":                {202, failure(404), userapi.KindNotFound, refused, "404", 0},
		"429":                {202, failure(429), userapi.KindRateLimited, refused, "429", 0},
		"429 of a proxy":     {429, "slow down", userapi.KindRateLimited, refused, "", 0},
		"500":                {500, failure(500), userapi.KindUnavailable, unknown, "500", 0},
		"502 of a proxy":     {502, "<html></html>", userapi.KindUnavailable, unknown, "", 0},
		"408":                {408, "", userapi.KindUnavailable, unknown, "", 0},
		"307":                {307, "", userapi.KindProtocol, refused, "", 0},
		"a page":             {200, "<html></html>", userapi.KindProtocol, unknown, "", 0},
		"nothing":            {200, "", userapi.KindProtocol, unknown, "", 0},
		"cut off":            {200, own[:60], userapi.KindProtocol, unknown, "", 0},
		"a list":             {200, `[]`, userapi.KindProtocol, unknown, "", 0},
		"another user":       {200, `{"data":{"user_id":"` + testUserID + `"}}`, userapi.KindProtocol, unknown, "", 0},
		"no UUID":            {200, `{"data":{"user_id":"7000"}}`, userapi.KindProtocol, unknown, "", 0},
		"an error with data": {200, `{"data":{"user_id":"` + newUserID + `"},"error":{"code":20119}}`, userapi.KindInvalid, refused, "20119", PINRefused},
		"an odd error":       {200, `{"data":{"user_id":"` + newUserID + `"},"error":"x"}`, userapi.KindProtocol, unknown, "", 0},
		"errors of others":   {200, `{"data":{},"errors":["x"]}`, userapi.KindProtocol, unknown, "", 0},
		"errors twice":       {200, `{"errors":["x"],"data":{"user_id":"` + newUserID + `"},"errors":null}`, userapi.KindProtocol, unknown, "", 0},
	} {
		for call, do := range pinCalls(t) {
			t.Run(name+", "+call, func(t *testing.T) {
				t.Parallel()
				c, got := pinClient(t, nil, answering(tt.status, tt.body))
				u, err := do(t.Context(), c)
				assert.Nil(t, u)
				e := asError(t, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.Equal(t, tt.outcome, e.Outcome)
				assert.Equal(t, tt.code, e.Code)
				assert.Equal(t, newUserID, e.UserID)
				assert.Equal(t, 1, e.Attempts)
				assert.Nil(t, e.User)
				assert.NotEmpty(t, e.RequestID)
				assert.Len(t, *got, 1, "sent once")
				fault, is := IsPINError(err)
				assert.Equal(t, tt.fault, fault)
				assert.Equal(t, tt.fault != 0, is)
			})
		}
	}
}

// TestEmptyReplies: an empty object is a documented answer only to verifying a PIN.
func TestEmptyReplies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"data":{}}`, `{"data":null}`, ` { "data" : { } } `, `{"data":""}`, `{"error":null}`} {
		for call, do := range pinCalls(t) {
			c, got := pinClient(t, nil, answering(200, body))
			u, err := do(t.Context(), c)
			assert.Len(t, *got, 1)
			if call != "verify" {
				require.ErrorIs(t, err, userapi.ErrProtocol, body)
				assert.True(t, userapi.MayHaveCreated(err), "it may have been done")
				continue
			}
			require.NoError(t, err, body)
			assert.Empty(t, u.UserID)
			assert.Equal(t, 200, u.StatusCode())
		}
	}
	for _, body := range []string{
		`{"data":{"full_name":"x"}}`, `{"data":[]}`, `{"data":true}`, `null`, `{"success":false}`, `{"data":{},"result":"failed"}`,
		`{"code":20119,"description":"PIN incorrect."}`, `{"user_id":"` + testUserID + `"}`,
		`{"data":{"user_id":"` + testUserID + `"},"data":{}}`, `{"data":{},"data":{}}`, `{"data":{"full_name":"x"},"d\u0061ta":null}`,
		`{"error":null,"data":{},"error":null}`, `{"DATA":{}}`, `{"Data":{"user_id":"` + testUserID + `"},"data":{}}`, `{"data":{},"Error":null}`,
	} {
		c, _ := pinClient(t, nil, answering(200, body))
		_, err := c.PIN.Verify(t.Context(), DigitsPIN(oldDigits))
		require.ErrorIs(t, err, userapi.ErrProtocol, body)
	}
}

// TestPINErrorsMaskDigits: an error does not keep a PIN that Mixin repeats.
func TestPINErrorsMaskDigits(t *testing.T) {
	t.Parallel()
	c, _ := pinClient(t, nil, answering(200, `{"error":{"status":202,"code":20119,"description":"PIN `+oldDigits+` incorrect","extra":{"field":"pin","reason":"`+oldDigits+` is wrong"}}}`))
	_, err := c.PIN.Verify(t.Context(), DigitsPIN(oldDigits))
	e := asError(t, err)
	assert.False(t, strings.Contains(e.Message+fmt.Sprint(e.FieldErrors), oldDigits), "the digits are shown")
	assert.Contains(t, e.Message, "incorrect")
}

// TestPINRefusalTellsTheTime: the next PIN is dated by the refusal.
func TestPINRefusalTellsTheTime(t *testing.T) {
	t.Parallel()
	const off = 2 * time.Minute
	v := ed25519Vector(t)
	c, got := pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
		resp, err := answering(200, `{"error":{"status":202,"code":20119}}`)(n, r)
		resp.Header.Set("X-Server-Time", strconv.FormatInt(time.Now().Add(off).UnixNano(), 10))
		return resp, err
	})
	for range 2 {
		_, err := c.PIN.Verify(t.Context(), DigitsPIN(oldDigits))
		require.Error(t, err)
	}
	require.Len(t, *got, 2)
	text, _ := (*got)[1].members["pin"].(string)
	assert.InDelta(t, time.Now().Add(off).Unix(), decrypt(t, v.Shared, text).unix, 60)
}

// TestPINSkew: after a refused token the same PIN is not sent again. The refusal shows the time for
// the next call and its PIN.
func TestPINSkew(t *testing.T) {
	t.Parallel()
	const off = time.Hour
	tip := readPINVectors(t).spendKey(t)
	v := ed25519Vector(t)
	for call, do := range pinCalls(t) {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			c, got := pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
				body := own
				if n == 1 {
					body = `{"error":{"status":202,"code":401,"description":"Unauthorized."}}`
				}
				resp, err := answering(200, body)(n, r)
				resp.Header.Set("X-Server-Time", strconv.FormatInt(time.Now().Add(off).UnixNano(), 10))
				return resp, err
			})
			_, err := do(t.Context(), c)
			require.ErrorIs(t, err, userapi.ErrUnauthorized)
			require.False(t, userapi.MayHaveCreated(err))
			require.Len(t, *got, 1, "sent once")

			_, err = do(t.Context(), c)
			require.NoError(t, err)
			require.Len(t, *got, 2)
			iat, _ := (*got)[1].verifyToken(t, readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey))["iat"].(float64)
			assert.InDelta(t, time.Now().Add(off).Unix(), iat, 60)
			var iterators []uint64
			for _, in := range *got {
				for name, value := range in.members {
					if text, _ := value.(string); strings.HasPrefix(name, "pin") {
						opened := decrypt(t, v.Shared, text)
						iterators = append(iterators, opened.iterator)
						if len(iterators) == 2 {
							assert.InDelta(t, time.Now().Add(off).Unix(), opened.unix, 60)
						}
					}
				}
			}
			require.Len(t, iterators, 2)
			assert.Greater(t, iterators[1], iterators[0])
		})
	}
	// A look-up learns the time too, and is repeated automatically.
	c, got := userClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
		body := own
		if n == 1 {
			body = `{"error":{"status":202,"code":401}}`
		}
		resp, err := answering(200, body)(n, r)
		resp.Header.Set("X-Server-Time", strconv.FormatInt(time.Now().Add(off).UnixNano(), 10))
		return resp, err
	})
	_, err := c.Users.Me(t.Context())
	require.NoError(t, err)
	_, err = c.PIN.Verify(t.Context(), TIPPIN(tip))
	require.NoError(t, err)
	require.Equal(t, "GET /me, GET /me, GET /me, GET /safe/me, POST /pin/verify", paths(got))
	timestamp, _ := (*got)[4].members["timestamp"].(float64)
	assert.InDelta(t, float64(time.Now().Add(off).UnixNano()), timestamp, 60e9)
}

// errDial is net/http's error without a connection.
var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrUnexpectedEOF}

// TestPINNotSent: if nothing was written there is another attempt, with the PIN encrypted again.
func TestPINNotSent(t *testing.T) {
	t.Parallel()
	v := ed25519Vector(t)
	for call, do := range pinCalls(t) {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			c, got := pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
				if n < 3 {
					return nil, errDial
				}
				return answering(200, own)(n, r)
			})
			_, err := do(t.Context(), c)
			require.NoError(t, err)
			require.Len(t, *got, 3)
			seen := map[string]bool{}
			var last uint64
			for _, in := range *got {
				in.verifyToken(t, readVectors(t).key(t, "ed25519").Public().(ed25519.PublicKey))
				for name, value := range in.members {
					if text, _ := value.(string); strings.HasPrefix(name, "pin") {
						seen[text] = true
						iterator := decrypt(t, v.Shared, text).iterator
						assert.Greater(t, iterator, last)
						last = iterator
					}
				}
			}
			assert.Len(t, seen, 3, "a PIN text was used twice")
		})
	}
	// The policy limits the attempts.
	c, got := pinClient(t, nil, func(int, *http.Request) (*http.Response, error) { return nil, errDial })
	_, err := c.PIN.Verify(t.Context(), DigitsPIN(oldDigits))
	e := asError(t, err)
	assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
	assert.Len(t, *got, 4)
}

// TestPINsInTurn: a client's calls with a PIN run one after another, so that no iterator overtakes
// another. A waiting call can be canceled.
func TestPINsInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := ed25519Vector(t)
		release := make(chan struct{})
		var mu sync.Mutex
		var open, most int
		var iterators []uint64
		c, got := pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			<-release
			mu.Lock()
			open--
			mu.Unlock()
			return answering(200, own)(n, r)
		})
		const calls = 20
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				_, err := c.PIN.Verify(t.Context(), DigitsPIN(oldDigits))
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		assert.Len(t, *got, 1)

		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := c.PIN.Verify(ctx, DigitsPIN(oldDigits))
			left <- err
		}()
		synctest.Wait()
		cancel()
		e := asError(t, <-left)
		assert.Equal(t, userapi.KindCanceled, e.Kind)
		assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		_, err := c.Safe.Register(short, readPINVectors(t).spendKey(t), TIPPIN(readPINVectors(t).spendKey(t)))
		require.ErrorIs(t, err, userapi.ErrTimeout)

		close(release)
		wg.Wait()
		assert.Equal(t, 1, most)
		assert.Len(t, *got, calls)
		for _, in := range *got {
			text, _ := in.members["pin"].(string)
			iterators = append(iterators, decrypt(t, v.Shared, text).iterator)
		}
		for i := 1; i < len(iterators); i++ {
			assert.Greater(t, iterators[i], iterators[i-1])
		}
		_, err = c.PIN.Verify(ctx, DigitsPIN(oldDigits)) // canceled, although no other call runs
		require.ErrorIs(t, err, userapi.ErrCanceled)
		assert.Len(t, *got, calls)
	})
}

func TestPINArguments(t *testing.T) {
	t.Parallel()
	tip := readPINVectors(t).spendKey(t)
	halves := bytes.Clone(tip)
	halves[40] ^= 1
	redacted := DigitsPIN(userapi.Redacted)
	c, got := pinClient(t, nil, answering(200, own))
	update := func(old, pin PIN) func() error {
		return func() error { _, err := c.PIN.Update(t.Context(), old, pin); return err }
	}
	verify := func(pin PIN) func() error {
		return func() error { _, err := c.PIN.Verify(t.Context(), pin); return err }
	}
	register := func(spend ed25519.PrivateKey, pin PIN) func() error {
		return func() error { _, err := c.Safe.Register(t.Context(), spend, pin); return err }
	}
	for name, tt := range map[string]struct {
		call   func() error
		op     string
		fields []string
	}{
		"no new PIN":          {update(PIN{}, PIN{}), "update PIN", []string{"pin_base64"}},
		"old TIP key":         {update(TIPPIN(tip), TIPPIN(tip)), "update PIN", []string{"old_pin_base64"}},
		"TIP key to digits":   {update(TIPPIN(tip), DigitsPIN(newDigits)), "update PIN", []string{"old_pin"}},
		"five digits":         {update(PIN{}, DigitsPIN("12345")), "update PIN", []string{"pin"}},
		"seven digits":        {verify(DigitsPIN("1234567")), "verify PIN", []string{"pin"}},
		"letters":             {verify(DigitsPIN("12345a")), "verify PIN", []string{"pin"}},
		"other digits":        {verify(DigitsPIN("١٢٣")), "verify PIN", []string{"pin"}},
		"redacted":            {verify(redacted), "verify PIN", []string{"pin"}},
		"no digits":           {update(DigitsPIN(""), DigitsPIN("")), "update PIN", []string{"old_pin", "pin"}},
		"no PIN":              {verify(PIN{}), "verify PIN", []string{"pin_base64"}},
		"nil TIP key":         {verify(TIPPIN(nil)), "verify PIN", []string{"pin_base64"}},
		"a seed as TIP key":   {update(PIN{}, TIPPIN(ed25519.PrivateKey(tip.Seed()))), "update PIN", []string{"pin_base64"}},
		"halves not one":      {update(DigitsPIN("1"), TIPPIN(ed25519.PrivateKey(halves))), "update PIN", []string{"old_pin_base64", "pin_base64"}},
		"digits for Safe":     {register(tip, DigitsPIN(oldDigits)), "register with Safe", []string{"pin_base64"}},
		"nothing for Safe":    {register(nil, PIN{}), "register with Safe", []string{"public_key", "pin_base64"}},
		"a seed as spend key": {register(ed25519.PrivateKey(tip.Seed()), TIPPIN(tip)), "register with Safe", []string{"public_key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.call()
			requireLocal(t, err, tt.op, tt.fields...)
			requireNoLeak(t, err, append(keyForms(t, tip), oldDigits, newDigits, "1234567", "12345a"))
		})
	}
	assert.Empty(t, *got)
}

// TestPINErrorsShowNothing: the server quotes the request.
func TestPINErrorsShowNothing(t *testing.T) {
	t.Parallel()
	tip := readPINVectors(t).spendKey(t)
	for call, do := range pinCalls(t) {
		var quoted []string
		c, _ := pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			return nil, errDial
		})
		_, err := do(t.Context(), c)
		require.Error(t, err)
		requireNoLeak(t, err, append(keyForms(t, tip), oldDigits))

		var got *[]sent
		c, got = pinClient(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			if n < 3 {
				return nil, errDial // the renewed body is quoted
			}
			in := (*got)[n-1]
			quoted = []string{strings.TrimPrefix(in.header.Get("Authorization"), "Bearer ")}
			for _, value := range in.members {
				if text, _ := value.(string); text != "" {
					quoted = append(quoted, text)
				}
			}
			description, _ := json.Marshal("No: " + strings.Join(quoted, " "))
			extra, _ := json.Marshal(map[string]string{"field": "pin_base64", "reason": quoted[len(quoted)-1]})
			return answering(202, `{"error":{"status":202,"code":20119,"description":`+string(description)+`,"extra":`+string(extra)+`}}`)(n, r)
		})
		_, err = do(t.Context(), c)
		e := asError(t, err)
		require.GreaterOrEqual(t, len(quoted), 2)
		require.Len(t, e.FieldErrors, 1)
		assert.Equal(t, "pin_base64", e.FieldErrors[0].VendorField)
		assert.Equal(t, "[…]", e.FieldErrors[0].Message)
		assert.Contains(t, e.Message, "No: […]", call)
		requireNoLeak(t, err, append(quoted, oldDigits))
		var vendor *APIError
		require.ErrorAs(t, err, &vendor)
		requireNoLeak(t, vendor, quoted)
	}
}

// TestStartAtDuringACall: a refused token returns the call's iterators, but does not undo StartAt.
func TestStartAtDuringACall(t *testing.T) {
	t.Parallel()
	const n = uint64(3e18)
	var c *Client
	c, got := userClient(t, nil, func(_ int, r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			assert.NoError(t, c.PIN.StartAt(n)) // as from another goroutine
		}
		return httpmock.NewStringResponse(202, `{"error":{"status":202,"code":401}}`), nil
	})
	for range 2 {
		_, err := c.PIN.Update(t.Context(), PIN{}, DigitsPIN(newDigits))
		require.ErrorIs(t, err, userapi.ErrUnauthorized)
	}
	last := (*got)[len(*got)-1]
	assert.GreaterOrEqual(t, decrypt(t, ed25519Vector(t).Shared, last.members["pin"].(string)).iterator, n)
}
