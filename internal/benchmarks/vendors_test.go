package benchmarks_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/lenient"
)

// A bench is one way to create a user, beside a baseline that does the same.
type bench struct {
	vendors.Bench
	plain baseline
	// sign is the baseline's, where the vendor wants one: without it allocations are
	// counted, with it throughput is compared.
	sign func(path string, body []byte) (string, error)
	// next and nextPlain make the request of the next user, where no two users may
	// have the same; nil for Request and plain.request.
	next      func() userapi.CreateUserRequest
	nextPlain func() any
}

// benches returns what the vendors have the benchmarks do. The baselines send what the
// clients send, headers and all.
func benches(tb testing.TB) (all []*bench) {
	tb.Helper()
	for _, v := range vendors.All() {
		for _, of := range v.Benches {
			b := &bench{Bench: of}
			sent := &recorder{canned: canned{[]byte(of.Reply)}}
			if _, err := b.client(tb, userapi.HTTPOptions{BaseURL: host, HTTPClient: &http.Client{Transport: sent}}).CreateUser(tb.Context(), of.Request); err != nil {
				tb.Fatal(of.Name, err)
			}
			request, reply := of.Native()
			if err := json.Unmarshal(sent.sent, request); err != nil {
				tb.Fatal(of.Name, err)
			}
			replied := plain(reflect.TypeOf(reply).Elem())
			b.plain = baseline{
				path: sent.path, header: sent.header, request: reflect.ValueOf(request).Elem().Interface(),
				reply: func() any { return reflect.New(replied).Interface() },
			}
			if v.Package == "mixin" {
				b.sign, b.next, b.nextPlain = signMixin, nextMixin, nextPlainMixin
			}
			all = append(all, b)
		}
	}
	return all
}

// plain returns a vendor's struct without its methods, as a program would declare it that
// decodes with encoding/json alone. The types of single values stay.
func plain(t reflect.Type) reflect.Type {
	switch {
	case t.PkgPath() == reflect.TypeFor[lenient.Text]().PkgPath():
		return t
	case t.Kind() == reflect.Pointer:
		return reflect.PointerTo(plain(t.Elem()))
	case t.Kind() == reflect.Slice && t.Name() == "":
		return reflect.SliceOf(plain(t.Elem()))
	case t.Kind() != reflect.Struct:
		return t
	}
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous {
			fields = append(fields, reflect.StructField{Name: f.Name, Tag: f.Tag, Type: plain(f.Type)})
		}
	}
	return reflect.StructOf(fields)
}

func (v *bench) client(tb testing.TB, opts userapi.HTTPOptions) userapi.Creator {
	tb.Helper()
	c, err := v.New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// A recorder keeps what was sent.
type recorder struct {
	canned
	path   string
	header http.Header
	sent   []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.path, r.header = req.URL.RequestURI(), req.Header.Clone()
	r.sent, _ = io.ReadAll(req.Body)
	return r.canned.RoundTrip(req)
}

// nextMixin is a user with a session key of its own, as every user has at Mixin.
func nextMixin() userapi.CreateUserRequest {
	_, key, _ := ed25519.GenerateKey(nil) // never fails: crypto/rand
	return userapi.CreateUserRequest{FullName: "Bot User", Extensions: []userapi.Extension{mixin.Extra{SessionKey: key}}}
}

func nextPlainMixin() any {
	public, _, _ := ed25519.GenerateKey(nil) // never fails: crypto/rand
	return mixin.CreateUserRequest{FullName: new("Bot User"), SessionSecret: base64.RawURLEncoding.EncodeToString(public)}
}

// signMixin signs as a program would that uses golang-jwt and nothing else.
func signMixin(path string, body []byte) (string, error) {
	sum := sha256.Sum256(append([]byte("POST"+path), body...))
	now, ks := time.Now(), vendors.MixinKeystore()
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"uid": ks.UserID, "sid": ks.SessionID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"jti": rand.Text(), "sig": hex.EncodeToString(sum[:]), "scp": "FULL",
	}).SignedString(ks.PrivateKey)
	return "Bearer " + token, err
}

// host is the address that the RoundTripper in memory stands for.
const host = "https://vendor.example"
