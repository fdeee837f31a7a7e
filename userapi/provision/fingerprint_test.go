package provision_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// odd is an extension with values that are easily confused.
type odd struct {
	embedded

	Inner    halves
	Second   string
	Lists    [][]string
	Pointers []*string
	Members  map[string]*string
	Maps     map[string]map[string]string
	Any      map[string]any
	Number   *big.Int
	When     *time.Time
	JSON     json.RawMessage
	Addr     netip.Addr
	Key      ed25519.PrivateKey
	Pin      userapi.Secret
}

type (
	embedded struct{ Name string }
	halves   struct{ First, Second string }
	twin     odd // at another vendor
)

func (odd) UserExtension() string  { return "odd" }
func (twin) UserExtension() string { return "twin" }

// own is an extension for no vendor.
type own struct{ Carried string }

func (own) UserExtension() string { return "" }

// TestFingerprint: a request is recognised, whatever the form of its values, and without its
// secrets. It may have been stored as JSON in between. Different values with the same text are
// different requests. Otherwise a second person would get the first one's users.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	attribute := func(v any) userapi.CreateUserRequest {
		return with(func(r *userapi.CreateUserRequest) { r.Attributes = map[string]any{"n": v} })
	}
	attributes := func(a map[string]any) userapi.CreateUserRequest {
		return with(func(r *userapi.CreateUserRequest) { r.Attributes = a })
	}
	extended := func(x ...userapi.Extension) userapi.CreateUserRequest {
		return with(func(r *userapi.CreateUserRequest) { r.Extensions = x })
	}
	tags := func(tags ...string) userapi.CreateUserRequest {
		return with(func(r *userapi.CreateUserRequest) { r.Tags = tags })
	}
	key := func(seed string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(strings.Repeat(seed, 32))) }
	expires := func(at time.Time) userapi.CreateUserRequest {
		return extended(fusionauth.Extra{Expiry: fusionauth.Instant{Time: at}})
	}
	when := time.UnixMilli(1790000000000)
	later, year10000 := when.Add(time.Second), time.UnixMilli(253402300800000)
	a, c, b, d := "a", "c", `"b"`, `"c"`
	type address struct{ Zip, City string }
	none := ann

	type pairs = map[string][2]userapi.CreateUserRequest
	for same, list := range map[bool]pairs{true: {
		"password":             {none, with(func(r *userapi.CreateUserRequest) { r.Password = "" })},
		"JSON numbers":         {attribute(1), attribute(1.0)},
		"big numbers":          {attribute(json.Number("12345678901234567890")), attribute(uint64(12345678901234567890))},
		"text of a number":     {attribute(1), attribute(json.Number("1.0"))},
		"exponent":             {attribute(1e21), attribute(json.Number("1000000000000000000000"))},
		"lists":                {attribute([]string{"x"}), attribute([]any{"x"})},
		"struct read back":     {attribute(address{"1", "x"}), attribute(map[string]any{"Zip": "1", "City": "x"})},
		"JSON":                 {attribute(json.RawMessage(`{"b":1,"a":2}`)), attribute(map[string]any{"a": 2, "b": 1})},
		"JSON of an extension": {extended(odd{JSON: json.RawMessage(`{"b":1,"a":2.0}`)}), extended(odd{JSON: json.RawMessage(`{ "a": 2, "b": 1 }`)})},
		"empty lists":          {extended(odd{Second: "x"}), extended(odd{Second: "x", Any: map[string]any{}, Lists: [][]string{}})},
		"a pointer":            {extended(odd{Second: "x"}), extended(&odd{Second: "x"})},
		"a nil one":            {extended((*odd)(nil)), extended((*twin)(nil))},
		"another secret":       {extended(odd{Pin: "planted-pin"}), extended(odd{Pin: "other"})},
		"another private key":  {extended(odd{Key: key("a")}), extended(odd{Key: key("b")})},
		"the program's own":    {extended(odd{Second: "x"}, own{"a"}), extended(own{"b"}, odd{Second: "x"})},
		"order of vendors":     {extended(odd{Second: "x"}, twin{Second: "y"}), extended(twin{Second: "y"}, odd{Second: "x"})},
		"time zone":            {expires(when.In(time.FixedZone("", 7200))), expires(when.UTC())},
		// time.Time has no JSON form for it, but the vendor's type has one.
		"year 10000": {expires(year10000), expires(year10000.UTC())},
	}, false: {
		"fields":                {with(func(r *userapi.CreateUserRequest) { r.GivenName = "x" }), with(func(r *userapi.CreateUserRequest) { r.FamilyName = "x" })},
		"strict":                {none, with(func(r *userapi.CreateUserRequest) { r.Strict = true })},
		"texts":                 {tags("as", "b"), tags("a", "sb")},
		"texts joined":          {tags("a", "b"), tags("ab")},
		"an extension":          {none, extended(odd{Second: "x"})},
		"vendors":               {extended(odd{Second: "x"}), extended(twin{Second: "x"})},
		"ends":                  {extended(odd{Inner: halves{"1", "2"}}), extended(odd{Inner: halves{"1", ""}, Second: "2"})},
		"lists":                 {extended(odd{Lists: [][]string{{"a"}, {"b"}}}), extended(odd{Lists: [][]string{{"a", "b"}}})},
		"empty lists in a list": {extended(odd{Lists: [][]string{{}, {"a"}}}), extended(odd{Lists: [][]string{{"a"}, {}}})},
		"names":                 {extended(odd{Members: map[string]*string{"a": &a}}), extended(odd{Members: map[string]*string{"b": &a}})},
		"nil pointers":          {extended(odd{Pointers: []*string{nil, &a}}), extended(odd{Pointers: []*string{&a, nil}})},
		"nil in a map":          {extended(odd{Members: map[string]*string{"a": nil, "b": &d}}), extended(odd{Members: map[string]*string{"a": &b, "c": nil}})},
		"maps": {
			extended(odd{Maps: map[string]map[string]string{"a": {"b": "c"}, "d": {"e": `"f"`}, "g": {"h": "i"}}}),
			extended(odd{Maps: map[string]map[string]string{"a": {"b": "c", "d": `"e"`, "f": `"g"`, "h": "i"}}}),
		},
		"names in JSON":     {attribute(map[string]any{"a": 1}), attribute(map[string]any{"b": 1})},
		"truth":             {attribute(true), attribute(false)},
		"number or text":    {attribute(1), attribute("1")},
		"secret attributes": {attributes(map[string]any{"a": userapi.Secret("s"), "b": "c"}), attributes(map[string]any{"a": "b", "c": userapi.Secret("s")})},
		"nothing exported":  {extended(odd{Number: big.NewInt(1)}), extended(odd{Number: big.NewInt(2)})},
		"addresses":         {extended(odd{Addr: netip.MustParseAddr("::1")}), extended(odd{Addr: netip.MustParseAddr("::2")})},
		"embedded":          {extended(odd{embedded: embedded{a}}), extended(odd{embedded: embedded{c}})},
		"times":             {extended(odd{When: &when}), extended(odd{When: &later})},
	}} {
		for name, pair := range list {
			t.Run(fmt.Sprint(name, " ", same), func(t *testing.T) {
				t.Parallel()
				_, ledger, p := single(t)
				done(t, "idp created")(p.CreateUser(t.Context(), pair[0]))
				results, err := p.CreateUser(t.Context(), pair[1])
				if same {
					done(t, "idp created")(results, err)
				} else {
					left(t, "idp created", "request_changed")(results, err)
				}
				done(t, "idp created")(p.CreateUser(t.Context(), pair[0]))
				assert.NotContains(t, fmt.Sprintf("%+v", only(t, ledger, ann.IdempotencyKey, "idp")), "planted")
			})
		}
	}
}

// TestFingerprintsAreOfOnePlace: a reader of the ledger cannot see that two sign-ups, or two
// targets of one, were sent the same.
func TestFingerprintsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, beside(newVendor("idp"), newVendor("chat")), testKey)
	seen := map[string]bool{}
	for _, key := range []string{"sign-up 1", "sign-up 2", "sign-up 3"} {
		req := ann
		req.IdempotencyKey = key
		_, _ = p.CreateUser(t.Context(), req)
		records, err := ledger.Load(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, records, 2)
		assert.Equal(t, records[0].Request, records[1].Request, "of the sign-up, at whichever target")
		for _, fingerprint := range []string{records[0].Request, records[0].Sent, records[1].Sent} {
			require.NotEmpty(t, fingerprint)
			assert.False(t, seen[fingerprint], "%s has a fingerprint twice", key)
			seen[fingerprint] = true
		}
	}
}

// TestRequestKeys: the newest key is used for new fingerprints, so that an old key can be removed
// later. Without the key of a fingerprint the request is unknown, but the user is still known.
func TestRequestKeys(t *testing.T) {
	t.Parallel()
	const older, newest = userapi.Secret("0123456789abcdef"), userapi.Secret("a newer key, of 30 bytes")
	idp, ledger := newVendor("idp"), new(provision.Memory)
	with := func(newest userapi.Secret, older ...userapi.Secret) *provision.Provisioner {
		return provisioner(t, ledger, one("idp", full{idp}), provision.RequestKeys(newest, older...))
	}
	done(t, "idp created")(with(older).CreateUser(t.Context(), ann))
	done(t, "idp created")(with(newest, older).CreateUser(t.Context(), ann))
	left(t, "idp created", "request_changed")(with(newest).CreateUser(t.Context(), ann))
	done(t, "idp created")(with(newest, older).CreateUser(t.Context(), person("bob")))
	done(t, "idp created")(with(newest).CreateUser(t.Context(), person("bob")))
	left(t, "idp created", "request_changed")(with(older).CreateUser(t.Context(), person("bob")))
	assert.Len(t, idp.calls(), 2)
}

// TestFingerprintStays: ledgers outlive versions. A new form of fingerprints needs a new scheme,
// and the old scheme must still be known.
func TestFingerprintStays(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}, testKey)
	_, err := p.CreateUser(t.Context(), userapi.CreateUserRequest{
		IdempotencyKey: "sign-up 1", Email: "ann@example.com", Password: "planted-password", Tags: []string{"a", "b"},
		Attributes: map[string]any{"n": 1.5, "list": []any{"x", true, nil}},
	})
	require.NoError(t, err)
	records, err := ledger.Load(t.Context(), "sign-up 1")
	require.NoError(t, err)
	assert.Equal(t, "1.d92120aac82f8c85aa0b8507c6bc237f25a8947a8fe042d90c24f2efb0a4a589", records[0].Request)
	assert.Equal(t, "1.e2aa5ec46702ea6e21481dee519fa760d30e12914ff4024fdb222afe404bb9ea", records[0].Sent)
}
