package bulk_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
)

func instant(ms int64) fusionauth.Instant { return fusionauth.Instant{Time: time.UnixMilli(ms).UTC()} }

// TestMembers sets members of each type, from the texts of CSV and from JSON.
func TestMembers(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{}, &quickblox.Extra{}, usercom.Extra{}}})
	hash := fusionauth.PasswordHash{Hash: planted, Salt: " s,alt ", Scheme: "bcrypt", Factor: 10}
	registration := func(r fusionauth.Registration) fusionauth.Extra { return fusionauth.Extra{Registration: &r} }
	tests := []struct {
		name string
		row  map[string]any
		want userapi.Extension
	}{
		{"a hash, part by part", map[string]any{
			"fusionauth.password_hash.hash": planted, "fusionauth.password_hash.salt": " s,alt ", "fusionauth.password_hash.scheme": "bcrypt", "fusionauth.password_hash.factor": "10",
		}, fusionauth.Extra{PasswordHash: hash}},
		{"a hash as JSON", map[string]any{"fusionauth.password_hash": `{"Hash":"` + planted + `","Salt":" s,alt ","Scheme":"bcrypt","Factor":10}`}, fusionauth.Extra{PasswordHash: hash}},
		{"an empty cell sets nothing", map[string]any{"fusionauth.password_hash.hash": "", "fusionauth.factor": " ", "fusionauth.registration.roles": nil, "quickblox.age_over16": ""}, nil},
		{"a registration", map[string]any{
			"fusionauth.registration.application_id": "a-1", "fusionauth.registration.roles": "admin; user", "fusionauth.registration.verified": "Yes",
			"fusionauth.registration.data": `{"n":9007199254740993}`, "fusionauth.registration.tokens": `{"Google":"` + planted + `"}`, "fusionauth.registration.insert_instant": "1596743322123",
		}, registration(fusionauth.Registration{
			ApplicationID: new("a-1"), Roles: []string{"admin", "user"}, Verified: new(true), Data: fusionauth.Data{"n": json.Number("9007199254740993")},
			Tokens: map[string]userapi.Secret{"Google": planted}, InsertInstant: instant(1596743322123),
		})},
		{"lists as JSON", map[string]any{
			"fusionauth.preferred_languages": []any{"en", "pl"}, "fusionauth.verification_ids": []any{planted, "a,b"}, "fusionauth.memberships": []any{map[string]any{"groupId": "g-1"}},
		}, fusionauth.Extra{PreferredLanguages: []string{"en", "pl"}, VerificationIDs: []userapi.Secret{planted, "a,b"}, Memberships: []fusionauth.NewMembership{{GroupID: new("g-1")}}}},
		{"lists as texts", map[string]any{
			"fusionauth.preferred_languages": `["en","pl"]`, "fusionauth.verification_ids": "a,b", "fusionauth.memberships": `[{"groupId":"g-1"}]`, "fusionauth.two_factor.recovery_codes": planted,
		}, fusionauth.Extra{
			PreferredLanguages: []string{"en", "pl"}, VerificationIDs: []userapi.Secret{"a,b"}, Memberships: []fusionauth.NewMembership{{GroupID: new("g-1")}},
			TwoFactor: fusionauth.TwoFactor{RecoveryCodes: []userapi.Secret{planted}},
		}},
		{"times", map[string]any{"fusionauth.expiry": "2026-11-30T09:00:00+01:00", "fusionauth.birth_date": "1815-12-10"}, fusionauth.Extra{Expiry: instant(1796025600000), BirthDate: "1815-12-10"}},
		{"a time of PostgreSQL's", map[string]any{"fusionauth.expiry": "2026-11-30 09:00:00+01"}, fusionauth.Extra{Expiry: instant(1796025600000)}},
		{"a day", map[string]any{"fusionauth.expiry": "2026-11-30"}, fusionauth.Extra{Expiry: instant(1795996800000)}},
		{"milliseconds", map[string]any{"fusionauth.expiry": json.Number("1796025600000")}, fusionauth.Extra{Expiry: instant(1796025600000)}},
		{"truths", map[string]any{"fusionauth.skip_verification": "t", "fusionauth.password_change_required": false, "fusionauth.disable_domain_block": "0", "fusionauth.send_set_password_email": "NO"},
			fusionauth.Extra{SkipVerification: new(true), PasswordChangeRequired: new(false), DisableDomainBlock: new(false), SendSetPasswordEmail: new(false)}},
		{"names", map[string]any{
			"quickblox.blob_id": "9007199254740993", "quickblox.facebook_id": json.Number("8887366"), "quickblox.twitter_id": "007", "quickblox.age_over16": "true", "quickblox.custom_data": "a, b",
		}, &quickblox.Extra{BlobID: new(int64(9007199254740993)), FacebookID: "8887366", TwitterID: "007", AgeOver16: new(true), CustomData: "a, b"}},
		{"more names", map[string]any{
			"usercom.linked_in_url": "l", "usercom.google_url": "g", "usercom.company_id": "c", "usercom.gender": "female", "usercom.lists": "3, 5", "usercom.assigned_to": "4",
		}, usercom.Extra{LinkedInURL: "l", GoogleURL: "g", CompanyID: "c", Gender: "female", Lists: []int64{3, 5}, AssignedTo: new(int64(4))}},
		{"a list of one", map[string]any{"usercom.lists": json.Number("3")}, usercom.Extra{Lists: []int64{3}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req, err := m.Request(rowOf(test.row))
			require.NoError(t, err)
			if test.want == nil {
				assert.Empty(t, req.Extensions)
				return
			}
			require.Len(t, req.Extensions, 1)
			userapitest.Equal(t, test.want, req.Extensions[0])
		})
	}
}

func TestHashIsTakenApart(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{}}, Columns: map[string]string{
		"fusionauth.password_hash.scheme": `{{ "bcrypt" }}`, "fusionauth.password_hash.factor": "{{ slice .hash 4 6 }}",
		"fusionauth.password_hash.salt": "{{ slice .hash 7 29 }}", "fusionauth.password_hash.hash": "{{ slice .hash 29 }}",
	}})
	const hash = "$2y$10$wisIVhmjWjm/lkujDJVAXuuYDXiGU/c9HK3mMzqFbfk45PXA527ui"
	want, err := fusionauth.ParseBcrypt(hash)
	require.NoError(t, err)
	req, err := m.Request(rowOf(map[string]any{"hash": hash}))
	require.NoError(t, err)
	userapitest.Equal(t, []userapi.Extension{fusionauth.Extra{PasswordHash: want}}, req.Extensions)
	_, err = m.Request(rowOf(map[string]any{"hash": planted}))
	assert.Contains(t, faults(t, err), `column "hash": fusionauth.password_hash.hash: the template cannot be evaluated for this row`)
}

func TestMembersAtFault(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{}, usercom.Extra{}}})
	for name, values := range map[string][]any{
		"fusionauth.expiry":                {"1.5", "2026-13-01", "2026-11-30 09:00:00", true, []any{"1"}},
		"fusionauth.factor":                {"1.0", json.Number("1e3"), "0x10", "1_000", true},
		"fusionauth.skip_verification":     {"ja", "2", []any{true}},
		"fusionauth.preferred_languages":   {`["en"`, `{en,pl}`, map[string]any{"a": "b"}, []any{[]any{"a"}, nil}, []any{nil}},
		"fusionauth.verification_ids":      {[]any{map[string]any{}}, map[string]any{}},
		"fusionauth.memberships":           {"g-1", `[{"group":"g-1"}]`, `[{"groupId":"g","groupId":"h"}]`, `[{"groupId":"\ud800"}]`, `[] []`, json.Number("1")},
		"fusionauth.password_hash":         {planted, `{"hash":1}`, []any{planted}},
		"fusionauth.password_hash.hash":    {[]any{planted}, true, "\xff"},
		"fusionauth.registration.verified": {"maybe"},
		"usercom.lists":                    {"1;x", []any{"x"}, true},
		"usercom.city":                     {true, []any{}},
	} {
		for _, v := range values {
			_, err := m.Request(rowOf(map[string]any{name: v}))
			assert.Contains(t, faults(t, err), `column "`+name+`": `+name+": ", "%v", v)
		}
	}
}

func TestPrototypesAreDefaults(t *testing.T) {
	t.Parallel()
	registration := &fusionauth.Registration{ApplicationID: new("a-1"), Roles: []string{"user"}}
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{TenantID: "t-1", Registration: registration}}})
	req, err := m.Request(rowOf(map[string]any{"fusionauth.tenant_id": "", "fusionauth.registration.username": "ada", "fusionauth.registration.roles": "admin"}))
	require.NoError(t, err)
	userapitest.Equal(t, []userapi.Extension{fusionauth.Extra{TenantID: "t-1", Registration: &fusionauth.Registration{ApplicationID: new("a-1"), Roles: []string{"admin"}, Username: new("ada")}}}, req.Extensions)
	userapitest.Equal(t, &fusionauth.Registration{ApplicationID: new("a-1"), Roles: []string{"user"}}, registration)
	req, err = m.Request(rowOf(nil))
	require.NoError(t, err)
	userapitest.Equal(t, []userapi.Extension{fusionauth.Extra{TenantID: "t-1", Registration: registration}}, req.Extensions)
}

// kinds has types that the vendors' Extras do not have.
type kinds struct {
	Ratio  float64
	Age    uint8
	At     time.Time
	Raw    json.RawMessage
	Bytes  []byte
	Next   *kinds
	hidden string
}

func (kinds) UserExtension() string { return "kinds" }

func TestOtherKinds(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{kinds{hidden: "kept"}}})
	req, err := m.Request(rowOf(map[string]any{
		"kinds.ratio": "-1.5e3", "kinds.age": "255", "kinds.at": "2026-11-30", "kinds.raw": "[1.0]", "kinds.next.next.age": "1", "kinds.hidden": "x", "kinds.bytes": "x",
	}))
	require.NoError(t, err)
	at := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	assert.Equal(t, []userapi.Extension{kinds{Ratio: -1500, Age: 255, At: at, Raw: json.RawMessage("[1.0]"), Next: &kinds{Next: &kinds{Age: 1}}, hidden: "kept"}}, req.Extensions)
	for name, values := range map[string][]any{
		"kinds.ratio": {"0x1p4", "1_0", "NaN", "inf", "1e999", true}, "kinds.age": {"256", "-1", "+1", "1.0"}, "kinds.at": {"5", "noon"}, "kinds.raw": {"[1"}, "kinds.next.age": {"x"},
	} {
		for _, v := range values {
			_, err := m.Request(rowOf(map[string]any{name: v}))
			assert.Contains(t, faults(t, err), `column "`+name+`": `+name+": ", "%v", v)
		}
	}
	_, err = bulk.Mapping{Extensions: []userapi.Extension{kinds{}}, Columns: map[string]string{"kinds.bytes": "b", "kinds.hidden": "h"}}.Compile("spring")
	require.ErrorContains(t, err, "kinds.bytes cannot come from a column: it is a []uint8")
	require.ErrorContains(t, err, `kinds has no member "hidden"`)
}
