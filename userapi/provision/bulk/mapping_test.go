package bulk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/usercom"
)

// extras returns the prototypes of all vendors.
func extras() []userapi.Extension {
	return []userapi.Extension{fusionauth.Extra{}, quickblox.Extra{}, &usercom.Extra{}, (*mixin.Extra)(nil)}
}

func compile(t *testing.T, m bulk.Mapping) *bulk.Mapper {
	t.Helper()
	c, err := m.Compile("spring")
	require.NoError(t, err)
	return c
}

// rowOf returns a row with a key.
func rowOf(values map[string]any) bulk.Row {
	all := map[string]any{"key": "7"}
	for name, v := range values {
		all[name] = v
	}
	return bulk.Row{Line: 17, Values: all}
}

// faults returns the lines of an error, which must show no value of a row.
func faults(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), planted)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	for _, err := range joined.Unwrap() {
		var bad *bulk.RowError
		require.ErrorAs(t, err, &bad)
		assert.EqualValues(t, 17, bad.Line)
		assert.NotEmpty(t, bad.Field)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", bad, bad, bad), planted)
	}
	return strings.ReplaceAll(err.Error(), "bulk: line 17: ", "")
}

func TestColumnsMapThemselves(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: extras()})
	req, err := m.Request(rowOf(map[string]any{
		"external_id": " c-7 ", "username": "ada", "email": "ada@example.com\u00a0", "phone": json.Number("48123456789"), "password": " " + planted + " ",
		"full_name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "timezone": "Europe/London", "language": "en",
		"tags": "a, b;;c", "attributes.plan": "pro", "attributes.score": json.Number("1.10"), "attributes.a.b": true, "attributes.none": nil, "attributes.blank": " ",
		"fusionauth.birth_date": "1815-12-10", "usercom.score": "0", "nobody.x": "1", "E-mail": "x", "_row": "3",
	}))
	require.NoError(t, err)
	assert.True(t, req.Password.Reveal() == " "+planted+" ")
	req.Password = ""
	assert.Equal(t, userapi.CreateUserRequest{
		IdempotencyKey: "spring/7", ExternalID: "c-7", Username: "ada", Email: "ada@example.com", Phone: "48123456789",
		FullName: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Timezone: "Europe/London", Language: "en",
		Tags: []string{"a", "b", "c"}, Attributes: map[string]any{"plan": "pro", "score": json.Number("1.10"), "a.b": true},
		Extensions: []userapi.Extension{fusionauth.Extra{BirthDate: "1815-12-10"}, &usercom.Extra{Score: new(int64(0))}},
	}, req)
}

// A caller's own Source can have the values of its database driver.
func TestValuesOfOtherSources(t *testing.T) {
	t.Parallel()
	type name string
	req, err := compile(t, bulk.Mapping{}).Request(bulk.Row{Line: 17, Values: map[string]any{
		"key": uint16(7), "email": []byte(" ada@example.com "), "username": name("ada"), "full_name": []byte(" "), "attributes.n": 1.5, "attributes.at": time.Unix(0, 0).UTC(),
	}})
	require.NoError(t, err)
	assert.Equal(t, userapi.CreateUserRequest{
		IdempotencyKey: "spring/7", Email: "ada@example.com", Username: "ada", Attributes: map[string]any{"n": json.Number("1.5"), "at": "1970-01-01T00:00:00Z"},
	}, req)
}

func TestMappingColumns(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: extras(), Columns: map[string]string{
		"key": "id", "email": " E-mail ", "phone": "", "full_name": "{{ .first }} {{ .last }}",
		"username": `{{ index . "Log in" | lower }}`, "language": `{{ "pl" }}`, "quickblox.website": "{{ $.site }}",
	}})
	header := []string{"id", "E-mail", "email", "phone", "first", "Log in", "given_name", "fusionauth.birth_date", "fusionauth.nothing", "key", "_row", "_outcome", "attributes.x", "attributes."}
	unused, missing := m.Columns(header)
	assert.Equal(t, []string{"email", "phone", "fusionauth.nothing", "key", "attributes."}, unused)
	assert.Equal(t, []string{"last", "site"}, missing)
	_, missing = compile(t, bulk.Mapping{}).Columns([]string{"email"})
	assert.Equal(t, []string{"key"}, missing)
	unused, missing = compile(t, bulk.Mapping{Columns: map[string]string{"key": "id"}}).Columns([]string{"id", "email"})
	assert.Empty(t, unused)
	assert.Empty(t, missing)

	req, err := m.Request(bulk.Row{Line: 2, Values: map[string]any{
		"id": "1", "E-mail": "ada@example.com", "email": "x", "phone": "1", "first": "Ada", "last": "", "Log in": "ADA", "site": "", "key": "x",
	}})
	require.NoError(t, err)
	assert.Equal(t, userapi.CreateUserRequest{IdempotencyKey: "spring/1", Email: "ada@example.com", FullName: "Ada", Username: "ada", Language: "pl"}, req)
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{{ .first | trim | upper }}-{{ .n }}`:                      "ADA-9007199254740993",
		`{{ replace " " "" .first }}{{ .on }}{{ .off }}{{ .list }}`: `Adatrue["a",1,"<"]`,
		`{{ with .first }}{{ trim . }}{{ end }}`:                    "Ada",
		`{{ define "x" }}{{ .n }}{{ end }}{{ template "x" . }}`:     "9007199254740993",
		`{{ printf "%.2s" (trim .first) }}`:                         "Ad",
		`{{ if eq .n "1" }}one{{ else }}more{{ end }}`:              "more",

		`{{ .gone }}{{ .first }}{{ index . "Lost it" }}`: `! column "Lost it, gone": full_name: the template needs a column that the row does not have`,
		`{{ slice .first 100 }}`:                         `! column "first": full_name: the template cannot be evaluated for this row`,
		`{{ .first.second }}`:                            `! column "first": full_name: the template cannot be evaluated for this row`,
		`{{ define "x" }}{{ .gone }}{{ end }}`:           `! column "gone": full_name: the template needs a column that the row does not have`,
	} {
		m := compile(t, bulk.Mapping{Columns: map[string]string{"full_name": text}})
		req, err := m.Request(rowOf(map[string]any{
			"first": " Ada ", "n": json.Number("9007199254740993"), "on": true, "off": nil, "list": []any{"a", json.Number("1"), "<"}, "secret": planted,
		}))
		if err != nil {
			req.FullName = "! " + faults(t, err)
		}
		assert.Equal(t, want, req.FullName, text)
	}
	m := compile(t, bulk.Mapping{Columns: map[string]string{"password": " {{ .pin }} {{ .first }}"}})
	req, err := m.Request(rowOf(map[string]any{"pin": planted, "first": ""}))
	require.NoError(t, err)
	assert.True(t, req.Password.Reveal() == " "+planted+" ", "a secret is taken to the byte")
}

// TestOpaqueTemplates: a template with unknown columns is refused, because one could be a secret.
func TestOpaqueTemplates(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{{ index . .first }}`, `{{ (.).pw }}`, `{{ $x := . }}{{ $x.pw }}`, `{{ range $k, $v := . }}{{ $v }}{{ end }}`, `{{ "pw" | index . }}`,
		`{{ index . (lower "PW") }}`, `{{ $c := "pw" }}{{ index . $c }}`, `{{ . | printf "%s" }}`, `{{ with $ }}{{ .pw }}{{ end }}`, `{{ template "x" $ }}{{ define "x" }}{{ end }}`,
		`{{ with .first }}{{ index $ . }}{{ end }}`, `{{ if true }}{{ printf "%v" . }}{{ end }}`, `{{ with .first }}x{{ else }}{{ . }}{{ end }}`,
	} {
		_, err := bulk.Mapping{Columns: map[string]string{"password": text}}.Compile("spring")
		assert.ErrorContains(t, err, "a template takes columns by their names alone", text)
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{
		Extensions: []userapi.Extension{quickblox.Extra{Website: "https://example.com"}},
		Columns:    map[string]string{"phone": "mobile"},
		Targets: map[string]map[string]string{"crm": {
			"external_id": "{{ .users.identity.ID }}", "attributes.from": "{{ .users.identity.Provider }} {{ .first }}",
			"quickblox.facebook_id": `{{ index . "users" "identity" "ID" }}`, "quickblox.website": "", "tags": "groups", "phone": "", "attributes.plan": "", "password": "pin",
		}},
	})
	unused, missing := m.Columns([]string{"key", "first", "mobile", "users", "pin"})
	assert.Equal(t, []string{"users"}, unused)
	assert.Equal(t, []string{"groups"}, missing)
	row := rowOf(map[string]any{"first": "Ada", "attributes.plan": "pro", "email": "ada@example.com", "mobile": "+491701234567", "groups": "a, b", "pin": planted})
	req, err := m.Request(row)
	require.NoError(t, err)
	require.Len(t, req.Extensions, 2)
	plain := userapi.CreateUserRequest{
		IdempotencyKey: "spring/7", Email: "ada@example.com", Phone: "+491701234567", Attributes: map[string]any{"plan": "pro"},
		Extensions: []userapi.Extension{quickblox.Extra{Website: "https://example.com"}, req.Extensions[1]},
	}
	assert.Equal(t, plain, req)
	for _, shown := range []string{fmt.Sprintf("%+v %#v %s", req.Extensions[1], req.Extensions[1], req.Extensions[1]), string(must(json.Marshal(req)))} {
		assert.NotContains(t, shown, planted)
		assert.NotContains(t, shown, "Ada")
	}
	given := usercom.Extra{City: "London"}
	req.Extensions = append(req.Extensions, given)
	users := map[string]*userapi.User{"identity": {Provider: "fusionauth", ID: "id-1", Email: planted}}
	crm := m.Map("crm")
	full := crm(req, users)
	assert.Equal(t, full, crm(full, users))
	assert.True(t, full.Password == planted, "it is taken from the row")
	full.Password = ""
	assert.Equal(t, userapi.CreateUserRequest{
		IdempotencyKey: "spring/7", Email: "ada@example.com", ExternalID: "id-1", Tags: []string{"a", "b"}, Attributes: map[string]any{"from": "fusionauth Ada"},
		Extensions: []userapi.Extension{req.Extensions[1], given, quickblox.Extra{FacebookID: "id-1"}},
	}, full)
	req.Extensions = req.Extensions[:2]
	assert.Equal(t, plain, req, "the request is not changed")
	assert.Nil(t, m.Map("identity"))

	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "crm", Creator: new(usercom.Client), Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
		return crm(req, users)
	}}})
	require.NoError(t, err)
	refused := func(req userapi.CreateUserRequest) string {
		var e *userapi.Error
		require.ErrorAs(t, p.Plan(req)[0].Err, &e)
		texts := make([]string, len(e.FieldErrors))
		for i, f := range e.FieldErrors {
			texts[i] = f.VendorField + ": " + f.Message + " (" + f.Code + ")"
		}
		return strings.Join(texts, "\n")
	}
	req.Extensions = nil
	assert.Contains(t, refused(req), "the request must have the columns of its row")
	for _, bad := range []map[string]*userapi.User{nil, {"crm": {ID: "1"}}, {"identity": nil}} {
		users = bad
		assert.Equal(t, "attributes.from: the template cannot be evaluated for this row (invalid)\nexternal_id: the template cannot be evaluated for this row (invalid)\n"+
			"quickblox.facebook_id: the template cannot be evaluated for this row (invalid)", refused(plain))
	}
}

// TestTargetsOfAMapping: invalid settings of targets are reported before anything is read.
func TestTargetsOfAMapping(t *testing.T) {
	t.Parallel()
	_, err := bulk.Mapping{
		Columns: map[string]string{"username": "{{ .users.identity.ID }}"},
		Targets: map[string]map[string]string{"crm": {"key": "id", "nickname": "x"}},
	}.Compile("spring")
	assert.EqualError(t, err, "bulk: Mapping.Columns: username: a template with users must be in Mapping.Targets\n"+
		"bulk: Mapping.Targets[\"crm\"]: key: it must be in Mapping.Columns, because it is the same at every target\n"+
		`bulk: Mapping.Targets["crm"]: "nickname" is not a field: the fields are email, external_id, family_name, full_name, given_name, key, language, password, phone, tags, timezone, username, attributes.NAME and vendor.member`)

	creator := userapi.CreatorFunc(nil)
	p, err := provision.New(new(provision.Memory), []provision.Target{
		{Name: "identity", Creator: creator}, {Name: "chat", Creator: creator, After: []string{"identity"}}, {Name: "crm", Creator: creator, After: []string{"chat"}},
	})
	require.NoError(t, err)
	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{Targets: map[string]map[string]string{
		"crn": {"phone": "mobile"}, "identity": {"external_id": "{{ .users.chat.ID }}"}, "chat": {"tags": "{{ range .users }}x{{ end }}"}, "crm": {"external_id": "{{ .users.identity.ID }}"},
	}}}
	for _, do := range []func(context.Context, *provision.Provisioner, bulk.Job, bulk.Source) (bulk.Report, error){bulk.Check, bulk.Run} {
		_, err = do(t.Context(), p, job, bulk.CSV(strings.NewReader("key\n1\n"), bulk.CSVOptions{}))
		assert.EqualError(t, err, `bulk: Mapping.Targets["chat"]: tags: the template needs the user of "", which this target does not come after`+"\n"+
			`bulk: Mapping.Targets: "crn" is not a target: the targets are chat, crm, identity`+"\n"+
			`bulk: Mapping.Targets["identity"]: external_id: the template needs the user of "chat", which this target does not come after`)
	}
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

func TestFaultsOfARow(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: extras(), Columns: map[string]string{"key": "id", "full_name": "{{ .none }}"}})
	_, err := m.Request(bulk.Row{Line: 17, Values: map[string]any{
		"id": " ", "email": []any{planted}, "phone": "4.81E+10", "username": "#NAME?", "given_name": planted + "\xff", "family_name": planted + "\x00", "timezone": true, "external_id": "1,23E+15",
		"password": map[string]any{"a": planted}, "tags": "{" + planted + "}", "language": []string{planted},
		"fusionauth.expiry": planted, "fusionauth.factor": planted, "fusionauth.skip_verification": planted, "fusionauth.memberships": `[{"` + planted + `":1}]`,
		"fusionauth.memberships.group_id": "x", "quickblox.blob_id": "1e3", "usercom.lists": "1,x", "usercom.score": json.Number("9223372036854775808"), "fusionauth.two_factor": "{",
	}})
	assert.Equal(t, strings.Join([]string{
		`column "email": email: a text is expected`,
		`column "external_id": external_id: all digits are expected, but the spreadsheet has rounded the number: format the column as text, and export it again`,
		`column "family_name": family_name: text in UTF-8 without NUL is expected`,
		`column "none": full_name: the template needs a column that the row does not have`,
		`column "fusionauth.expiry": fusionauth.expiry: a time such as 2026-11-30T08:00:00Z, or a day such as 2026-11-30, is expected`,
		`column "fusionauth.factor": fusionauth.factor: a whole number of at most 64 bits is expected`,
		`column "fusionauth.memberships": fusionauth.memberships: a JSON list or object that fits is expected`,
		`column "fusionauth.skip_verification": fusionauth.skip_verification: true or false, yes or no, or 1 or 0 is expected`,
		`column "fusionauth.two_factor": fusionauth.two_factor: a JSON list or object that fits is expected`,
		`column "given_name": given_name: text in UTF-8 without NUL is expected`,
		`column "language": language: a text is expected`,
		`column "password": password: a text is expected`,
		`column "phone": phone: all digits are expected, but the spreadsheet has rounded the number: format the column as text, and export it again`,
		`column "quickblox.blob_id": quickblox.blob_id: a whole number of at most 64 bits is expected`,
		`column "tags": tags: texts with commas between them, or a JSON list, are expected`,
		`column "timezone": timezone: a text is expected`,
		`column "usercom.lists": usercom.lists: of each element: a whole number of at most 64 bits is expected`,
		`column "usercom.score": usercom.score: a whole number of at most 64 bits is expected`,
		`column "username": username: a value is expected, not a spreadsheet error`,
		`column "id": key: a value is expected: it identifies the row in the ledger`,
	}, "\n"), faults(t, err))
}

func TestRequestIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: extras(), Columns: map[string]string{"full_name": "{{ .email | upper }}"}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			req, err := m.Request(rowOf(map[string]any{"email": fmt.Sprint(i), "fusionauth.registration.roles": "a,b"}))
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprint(i), req.FullName)
		})
	}
	wg.Wait()
}

func TestCompileFaults(t *testing.T) {
	t.Parallel()
	_, err := bulk.Mapping{
		Extensions: []userapi.Extension{nil, quickblox.Extra{}, &quickblox.Extra{}, oddExtension("x"), named{""}, named{"email"}, mixin.Extra{}},
		Columns: map[string]string{
			"key": `{{ "1" }}`, "Email": "x", "attributes.": "x", "attributes": "x", "fusionauth.user_id": "x", "quickblox.web": "x", "mixin.session_key": "x", "email": "{{ .x", "phone": "{{ env .x }}",
		},
	}.Compile("a/b")
	require.Error(t, err)
	assert.Equal(t, strings.Join([]string{
		`bulk: the name of a job has 1 to 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit`,
		`bulk: Mapping.Extensions: one is nil`,
		`bulk: Mapping.Extensions: two are for quickblox`,
		`bulk: Mapping.Extensions: a bulk_test.oddExtension is not a struct`,
		`bulk: Mapping.Extensions: the vendor's name of a bulk_test.named cannot be used before its members`,
		`bulk: Mapping.Extensions: the vendor's name of a bulk_test.named cannot be used before its members`,
		`bulk: Mapping.Columns: "Email" is not a field: the fields are email, external_id, family_name, full_name, given_name, key, language, password, phone, tags, timezone, username, attributes.NAME and vendor.member`,
		`bulk: Mapping.Columns: attributes needs a name: attributes.NAME`,
		`bulk: Mapping.Columns: attributes needs a name: attributes.NAME`,
		`bulk: Mapping.Columns: email: template: email:1: unclosed action`,
		`bulk: Mapping.Columns: "fusionauth" is not a vendor of Mapping.Extensions`,
		`bulk: Mapping.Columns: key: a column, or a template with one, is required: it identifies each row`,
		`bulk: Mapping.Columns: mixin.session_key cannot come from a column: it is a crypto.Signer`,
		`bulk: Mapping.Columns: phone: template: phone:1: function "env" not defined`,
		`bulk: Mapping.Columns: quickblox has no member "web": it has age_over16, allow_sales_activities, allow_statistics_analysis, blob_id, custom_data, facebook_id, parents_contacts, twitter_id, website`,
	}, "\n"), err.Error())
	_, err = bulk.Mapping{Extensions: extras(), Columns: map[string]string{"fusionauth.registration": "r", "fusionauth.registration.roles": "r", "fusionauth.registration.rolls": "r"}}.Compile("spring")
	require.ErrorContains(t, err, "fusionauth.registration.roles is a part of fusionauth.registration: both cannot be set")
	require.ErrorContains(t, err, `fusionauth has no member "registration.rolls": it has registration.application_id, registration.authentication_token,`)
	for _, text := range []string{"", "{{ .users.identity.ID }}", "  "} {
		_, err := bulk.Mapping{Columns: map[string]string{"key": text}}.Compile("spring")
		require.ErrorContains(t, err, "key", text)
	}
	for _, job := range []string{"", ".a", "a b", "ä", strings.Repeat("a", 101), "a\n"} {
		_, err := bulk.Mapping{}.Compile(job)
		require.Error(t, err, job)
	}
}

type oddExtension string

func (oddExtension) UserExtension() string { return "odd" }

type named struct{ name string }

func (n named) UserExtension() string { return n.name }

func TestMapperIsNotShown(t *testing.T) {
	t.Parallel()
	m := compile(t, bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{PasswordHash: fusionauth.PasswordHash{Salt: planted}}}, Columns: map[string]string{"email": "E-mail", "password": `{{ "` + planted + `" }}`}})
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("mapping", "m", m)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q", m, m, m, m, m)+b.String(), planted)
	assert.Equal(t, "mapping{email password}", fmt.Sprint(m))
	req, err := m.Request(rowOf(map[string]any{"fusionauth.verification_ids": planted + ",1"}))
	require.NoError(t, err)
	text, _ := json.Marshal(req.Extensions)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", req, req, req.Extensions)+string(text), planted)
}
