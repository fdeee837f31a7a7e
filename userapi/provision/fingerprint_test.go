package provision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestFingerprint: a request is known again, whoever wrote its values, and by no
// secret; the ledger has nothing of it.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	base := func() userapi.CreateUserRequest {
		req := ann
		req.Tags = []string{"a", "b"}
		req.Attributes = map[string]any{"n": 1, "list": []string{"x"}, "big": json.Number("12345678901234567890")}
		req.Extensions = []userapi.Extension{&extra{N: nested{When: &when, Pin: "planted-pin"}}}
		return req
	}
	same := map[string]func(r *userapi.CreateUserRequest){
		"password":     func(r *userapi.CreateUserRequest) { r.Password = "" },
		"JSON numbers": func(r *userapi.CreateUserRequest) { r.Attributes["n"] = 1.0; r.Attributes["list"] = []any{"x"} },
		"empty lists": func(r *userapi.CreateUserRequest) {
			r.Extensions[0] = extra{N: nested{When: &when, Deep: map[string]any{}}}
		},
		"another secret": func(r *userapi.CreateUserRequest) { r.Extensions[0].(*extra).N = nested{When: &when, Pin: "other"} },
		"older key":      func(*userapi.CreateUserRequest) {},
	}
	other := map[string]func(r *userapi.CreateUserRequest){
		"moved text":  func(r *userapi.CreateUserRequest) { r.GivenName, r.FamilyName = "", "x" },
		"tags joined": func(r *userapi.CreateUserRequest) { r.Tags = []string{"ab"} },
		"strict":      func(r *userapi.CreateUserRequest) { r.Strict = true },
		"attribute":   func(r *userapi.CreateUserRequest) { r.Attributes["n"] = "1" },
		"extension":   func(r *userapi.CreateUserRequest) { r.Extensions = nil },
		"nested": func(r *userapi.CreateUserRequest) {
			later := when.Add(time.Second)
			r.Extensions[0].(*extra).N = nested{When: &later}
		},
	}
	for name, change := range same {
		require.NoError(t, useTwice(t, base(), base, change), name)
	}
	for name, change := range other {
		require.ErrorIs(t, useTwice(t, base(), base, change), userapi.ErrInvalid, name)
	}
}

type extra struct{ N nested }

type nested struct {
	When *time.Time
	Pin  userapi.Secret
	Deep map[string]any
}

func (extra) UserExtension() string { return "acme" }

// useTwice creates a user, and again with a changed request and an added key.
func useTwice(t *testing.T, first userapi.CreateUserRequest, base func() userapi.CreateUserRequest, change func(*userapi.CreateUserRequest)) error {
	t.Helper()
	ledger := &faulty{Ledger: new(provision.Memory)}
	var text strings.Builder
	ledger.store = func(records []provision.Record) error { fmt.Fprintf(&text, "%+v", records); return nil }
	targets := []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}}
	_, err := provisioner(t, ledger, targets, testKey).CreateUser(t.Context(), first)
	require.NoError(t, err)
	assert.NotContains(t, text.String(), "planted")
	second := base()
	change(&second)
	_, err = provisioner(t, ledger, targets, provision.RequestKeys("a newer key, of 30 bytes", "0123456789abcdef")).CreateUser(t.Context(), second)
	return err
}

// withAttributes returns the request of ann with attributes.
func withAttributes(a map[string]any) userapi.CreateUserRequest {
	req := ann
	req.Attributes = a
	return req
}

func withExtension(x userapi.Extension) userapi.CreateUserRequest {
	req := ann
	req.Extensions = []userapi.Extension{x}
	return req
}

func unchanged(*userapi.CreateUserRequest) {}

// TestFingerprintOfEqualValues: what is sent alike is one request, since a caller may
// have read it back from JSON in between.
func TestFingerprintOfEqualValues(t *testing.T) {
	t.Parallel()
	type address struct{ Zip, City string }
	at := time.UnixMilli(1790000000000)
	expires := func(at time.Time) userapi.CreateUserRequest {
		return withExtension(fusionauth.Extra{Expiry: fusionauth.Instant{Time: at}})
	}
	for name, pair := range map[string][2]userapi.CreateUserRequest{
		"struct read back": {
			withAttributes(map[string]any{"home": address{"1", "x"}}),
			withAttributes(map[string]any{"home": map[string]any{"Zip": "1", "City": "x"}}),
		},
		"text of a number": {withAttributes(map[string]any{"n": json.Number("1.0")}), withAttributes(map[string]any{"n": 1})},
		"exponent": {
			withAttributes(map[string]any{"n": 1e21}),
			withAttributes(map[string]any{"n": json.Number("1000000000000000000000")}),
		},
		"JSON": {
			withAttributes(map[string]any{"n": json.RawMessage(`{"b":1,"a":2}`)}),
			withAttributes(map[string]any{"n": map[string]any{"a": 2, "b": 1}}),
		},
		"JSON of an extension": {
			withExtension(odd{JSON: json.RawMessage(`{"b":1,"a":2.0}`)}), withExtension(odd{JSON: json.RawMessage(`{"a": 2, "b": 1}`)}),
		},
		"time zone": {expires(at.In(time.FixedZone("", 7200))), expires(at.UTC())},
		// time.Time has no JSON of its own for it, while the vendor's type has.
		"year 10000": {expires(time.UnixMilli(253402300800000)), expires(time.UnixMilli(253402300800000).UTC())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, useTwice(t, pair[0], func() userapi.CreateUserRequest { return pair[1] }, unchanged))
		})
	}
}

// TestFingerprintOfOtherValues: values that are only written alike are not one request,
// or the second person would be given the first one's users.
func TestFingerprintOfOtherValues(t *testing.T) {
	t.Parallel()
	a, c, b, d := "a", "c", `"b"`, `"c"`
	for name, pair := range map[string][2]userapi.CreateUserRequest{
		"secret attributes": {
			withAttributes(map[string]any{"a": userapi.Secret("s"), "b": "c"}),
			withAttributes(map[string]any{"a": "b", "c": userapi.Secret("s")}),
		},
		"empty lists in a list": {withExtension(odd{Lists: [][]string{{}, {"a"}}}), withExtension(odd{Lists: [][]string{{"a"}, {}}})},
		"nil pointers":          {withExtension(odd{Pointers: []*string{nil, &a}}), withExtension(odd{Pointers: []*string{&a, nil}})},
		"nil in a map": {
			withExtension(odd{Members: map[string]*string{"a": nil, "b": &d}}),
			withExtension(odd{Members: map[string]*string{"a": &b, "c": nil}}),
		},
		"nothing exported": {withExtension(odd{Number: big.NewInt(1)}), withExtension(odd{Number: big.NewInt(2)})},
		"embedded":         {withExtension(odd{embedded: embedded{a}}), withExtension(odd{embedded: embedded{c}})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, useTwice(t, pair[0], func() userapi.CreateUserRequest { return pair[1] }, unchanged), userapi.ErrInvalid)
		})
	}
}

// odd is an extension of values that are easily mistaken for each other.
type odd struct {
	embedded

	Lists    [][]string
	Pointers []*string
	Members  map[string]*string
	Number   *big.Int
	JSON     json.RawMessage
}

type embedded struct{ Name string }

func (odd) UserExtension() string { return "odd" }

// TestNamesThatAreNoText: JSON has one replacement for all bytes that are no UTF-8, so
// that such names cannot be told apart.
func TestNamesThatAreNoText(t *testing.T) {
	t.Parallel()
	idp := newVendor("idp")
	p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}})
	_, err := p.CreateUser(t.Context(), withAttributes(map[string]any{"\xff": 1, "\xfe": 2, "\xfd": 3}))
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.False(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "Attributes", failureOf(t, err).FieldErrors[0].Field)
	assert.Empty(t, idp.calls())
}

// TestFingerprintsAreOfOnePlace: whoever has the ledger alone must not see that two
// sign-ups, or two targets of one, were sent the same.
func TestFingerprintsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{{Name: "idp", Creator: full{newVendor("idp")}}, {Name: "chat", Creator: full{newVendor("chat")}}}, testKey)
	again := ann
	again.IdempotencyKey, again.Email = "sign-up 2", "planted-other@example.com"
	seen := map[string]bool{}
	for _, req := range []userapi.CreateUserRequest{ann, again} {
		_, err := p.CreateUser(t.Context(), req)
		require.NoError(t, err)
	}
	third := ann
	third.IdempotencyKey = "sign-up 3"
	_, err := p.CreateUser(t.Context(), third)
	require.ErrorIs(t, err, userapi.ErrConflict)
	for _, key := range []string{ann.IdempotencyKey, again.IdempotencyKey, third.IdempotencyKey} {
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

// TestAnotherRequestMayHaveUsers: that the request seems another one says nothing of the
// users that runs before have made.
func TestAnotherRequestMayHaveUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		idp, chat := newVendor("idp"), newVendor("chat")
		idp.after = func(context.Context, userapi.CreateUserRequest) error {
			return idp.fail(userapi.KindTimeout, userapi.OutcomeUnknown, 0)
		}
		idp.look = func() error { return idp.fail(userapi.KindUnavailable, userapi.OutcomeUnknown, 503) }
		p := provisioner(t, new(provision.Memory), []provision.Target{{Name: "idp", Creator: full{idp}}, {Name: "chat", Creator: full{chat}, After: []string{"idp"}}})
		_, err := p.CreateUser(t.Context(), withExtension(extra{N: nested{Deep: map[string]any{"a": 1}}}))
		require.True(t, userapi.MayHaveCreated(err))
		require.Equal(t, 1, idp.count())

		// The request comes back from JSON, which has no extensions.
		resumed, err := p.Resume(t.Context(), loadAnn)
		require.ErrorIs(t, err, userapi.ErrInvalid)
		assert.True(t, userapi.MayHaveCreated(err))
		require.Len(t, resumed, 1)
		assert.Equal(t, "idp unknown, chat not_sent", dispositions(resumed[0].Results))
	})
}

// TestLostRequestKeys: without the key of a fingerprint nothing is known of the request,
// but still of the user.
func TestLostRequestKeys(t *testing.T) {
	t.Parallel()
	ledger, idp := new(provision.Memory), newVendor("idp")
	targets := []provision.Target{{Name: "idp", Creator: full{idp}}}
	_, err := provisioner(t, ledger, targets, testKey).CreateUser(t.Context(), ann)
	require.NoError(t, err)
	results, err := provisioner(t, ledger, targets, provision.RequestKeys("fedcba9876543210")).CreateUser(t.Context(), ann)
	require.ErrorIs(t, err, userapi.ErrInvalid)
	assert.True(t, userapi.MayHaveCreated(err))
	assert.Equal(t, "idp created", dispositions(results))
	assert.Len(t, idp.calls(), 1)
}
