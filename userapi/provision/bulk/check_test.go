package bulk_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// A fake is a vendor's fake. It must receive no request.
type fake interface{ Requests() []userapitest.Request }

func silent(t testing.TB, f fake) {
	t.Helper()
	t.Cleanup(func() { assert.Empty(t, f.Requests()) })
}

// threeTargets returns clients of fakes, which must get no request.
func threeTargets(t testing.TB) []provision.Target {
	t.Helper()
	identityServer, chatServer, crmServer := fusionauthtest.NewServer(t), quickbloxtest.NewServer(t), usercomtest.NewServer(t)
	silent(t, identityServer)
	silent(t, chatServer)
	silent(t, crmServer)
	identity, err := fusionauth.New(identityServer.Config())
	require.NoError(t, err)
	chat, err := quickblox.New(chatServer.Config())
	require.NoError(t, err)
	crm, err := usercom.New(crmServer.Config())
	require.NoError(t, err)
	return []provision.Target{{Name: "identity", Creator: identity}, {Name: "chat", Creator: chat}, {Name: "crm", Creator: crm}}
}

func fourTargets(t *testing.T) []provision.Target {
	t.Helper()
	server := mixintest.NewServer(t)
	silent(t, server)
	wallet, err := mixin.New(server.Config())
	require.NoError(t, err)
	return append(threeTargets(t), provision.Target{Name: "wallet", Creator: wallet})
}

// A noLedger fails the test when it is asked.
type noLedger struct{ provision.Ledger }

func provisionerOf(t testing.TB, targets ...provision.Target) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(noLedger{}, targets, provision.RequestKeys("0123456789abcdef"))
	require.NoError(t, err)
	return p
}

// No report has the planted values.
const plantedMail = "pl4nted.mail@example.com"

// assertNothingPlanted searches every form of a report.
func assertNothingPlanted(t *testing.T, report bulk.Report, err error) {
	t.Helper()
	encoded, failed := json.Marshal(report)
	require.NoError(t, failed)
	shown := fmt.Sprintf("%v %+v %#v %s %v", report, report, report, encoded, report.LogValue())
	for _, f := range report.Faults {
		shown += fmt.Sprintf("%v %+v %#v %v", f, f, f, f.LogValue())
	}
	if err != nil {
		shown += fmt.Sprintf("%v %+v %#v", err, err, err)
	}
	assert.NotContains(t, strings.ToLower(shown), "pl4nted")
}

// check checks rows and returns their faults, one on a line.
func check(t *testing.T, p *provision.Provisioner, m bulk.Mapping, src bulk.Source) (bulk.Report, string) {
	t.Helper()
	var b strings.Builder
	report, err := bulk.Check(t.Context(), p, bulk.Job{Name: "spring", Mapping: m, OnFault: func(f bulk.Fault) { b.WriteString(f.String() + "\n") }}, src)
	require.NoError(t, err)
	assert.True(t, report.Complete)
	assertNothingPlanted(t, report, err)
	return report, b.String()
}

// TestCheckTraps has a trap in each row. The valid row for a duplicate is before it.
func TestCheckTraps(t *testing.T) {
	t.Parallel()
	const header = "id,E-mail,login,external_id,password,name,tags,dob,score"
	uuid := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	good := func(n int) string {
		return fmt.Sprintf("%d,p%d.%s,user%d,%s,%s,Ada,a,1815-12-10,1", n, n, plantedMail, n, uuid(n), planted)
	}
	var rows, want strings.Builder
	lines := 1
	add := func(row, faults string) {
		lines++
		rows.WriteString("\n" + row)
		for _, fault := range strings.Split(faults, "\n") {
			if fault != "" {
				fmt.Fprintf(&want, "line %d: %s\n", lines, fault)
			}
		}
		lines += strings.Count(row, "\n")
	}
	with := func(n int, column, value string) string {
		cells := strings.Split(good(n), ",")
		for i, name := range strings.Split(header, ",") {
			if name == column {
				cells[i] = value
			}
		}
		return strings.Join(cells, ",")
	}
	add(good(1), "")
	add(with(2, "name", "\"two\nlines\""), "")
	add("", "") // an empty line

	// Faults of the row.
	add("3,"+planted, `column "login": the row has 2 cells, but the header has 9 (unreadable)`)
	add(good(4)+","+planted, `column "column 10": the row has more cells than the 9 of the header (unreadable)`)
	add(header, `the row repeats the header: files were joined (unreadable)`)
	add(with(5, "name", planted+"\x00"), `column "name": the text has a NUL: a file in UTF-16 needs its byte order mark (unreadable)`)
	add(with(6, "name", planted+"\xff"), `column "name": the text is not UTF-8: a file in Windows-1252, Latin-1 or another encoding must be saved in UTF-8 (unreadable)`)
	add(with(7, "name", planted+`" "`), `column "name": the cell has a quote but does not begin with one (unreadable)`)
	add(with(8, "name", strings.Repeat(planted, 80_000)), `column "name": the row is longer than 1048576 bytes (MaxRowBytes) (unreadable)`)
	add(with(9, "name", "NULL"), `column "name": the word NULL has no quotes: set CSVOptions.Null if it stands for no value, or put it in quotes if it is a text (unreadable)`)

	// Faults of the mapping.
	add(with(10, "id", " "), `column "id": key: a value is expected: it identifies the row in the ledger (required)`)
	add(with(11, "E-mail", "#NAME?"), `column "E-mail": email: a value is expected, not a spreadsheet error (invalid)`)
	add(with(12, "id", "4.81E+10"), `column "id": key: all digits are expected, but the spreadsheet has rounded the number: format the column as text, and export it again (invalid)`)
	add(with(13, "score", planted), `column "score": usercom.score: a whole number of at most 64 bits is expected (invalid)`)

	// Faults at the vendors.
	add("14,,,,,"+planted+",,,", `column "E-mail": email at identity: an e-mail address, a user name or a phone number to log in with must be set (required)
column "login": username at chat: a login or an e-mail address must be set (required)
column "password": password at chat: must be set (required)`)
	add(with(15, "name", strings.Repeat("pl4nted-s", 10)), `column "name": full_name at crm: must have at most 40 characters, or a blank that splits it into a first_name and a last_name of at most 40 each (invalid)`)
	add(with(16, "tags", `"[""a,`+planted+`""]"`), `column "tags": tags at chat: must not contain a comma: QuickBlox separates tags by it (invalid)`)
	add(with(17, "dob", planted), `column "dob": fusionauth.birth_date at identity: must be a day of the calendar, written yyyy-MM-dd (invalid)`)

	// Faults of two rows.
	add(with(18, "id", "1"), `column "id": key: line 2 has the same value (duplicate)`)
	add(with(19, "E-mail", "P1."+strings.ToUpper(plantedMail)), `column "E-mail": email at identity: line 2 has the same value (duplicate)
column "E-mail": email at chat: line 2 has the same value (duplicate)`)
	add(with(20, "login", `"user2  "`), `column "login": username at identity: line 3 has the same value (duplicate)
column "login": username at chat: line 3 has the same value (duplicate)`)
	add(with(21, "external_id", uuid(1)), `column "external_id": external_id at identity: line 2 has the same value (duplicate)
column "external_id": external_id at crm: line 2 has the same value (duplicate)`)
	add(with(22, "external_id", uuid(1)), `column "external_id": external_id at identity: line 2 has the same value (duplicate)
column "external_id": external_id at crm: line 2 has the same value (duplicate)`)
	add(with(13, "name", "Grace"), `column "id": key: line 17 has the same value (duplicate)`)

	m := bulk.Mapping{
		Columns:    map[string]string{"key": "id", "email": "E-mail", "username": "login", "full_name": "{{ .name }}", "fusionauth.birth_date": "dob", "usercom.score": "score"},
		Extensions: []userapi.Extension{fusionauth.Extra{}, usercom.Extra{}, mixin.Extra{SessionKey: ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32)))}},
	}
	report, got := check(t, provisionerOf(t, fourTargets(t)...), m, bulk.CSV(strings.NewReader(header+rows.String()), bulk.CSVOptions{}))
	assert.Equal(t, want.String(), got)
	assert.Equal(t, []bulk.Count{
		{"", "duplicate", 2}, {"", "invalid", 3}, {"", "required", 1}, {"", "unreadable", 8},
		{"chat", "duplicate", 2}, {"chat", "invalid", 1}, {"chat", "required", 2},
		{"crm", "duplicate", 2}, {"crm", "invalid", 1},
		{"identity", "duplicate", 4}, {"identity", "invalid", 1}, {"identity", "required", 1},
	}, report.Counts)
	assert.Equal(t, []int64{24, 22, int64(lines)}, []int64{report.Rows, report.RowsAtFault, report.LastLine})
	assert.Len(t, report.Faults, strings.Count(got, "\n"))
}

// TestCheckJSONLines has faults of the vendors' own fields and of attributes.
func TestCheckJSONLines(t *testing.T) {
	t.Parallel()
	const rows = `{"key":1,"email":"a@example.com","password":"pl4nted-s3cret","quickblox.website":"pl4nted","attributes.plan":"pro"}
{"key":2,"email":"b@example.com","password":"pl4nted-s3cret","attributes.plan":{"pl4nted":1}}

{"key":3
{"key":"e7b8a9e2-3c1f-4f7e-9d5a-0b1c2d3e4f50","email":"c@example.com","password":"pl4nted-s3cret","email":"d@example.com"}
{"key":"e7b8a9e2-3c1f-4f7e-9d5a-0b1c2d3e4f50","email":"A@example.com","password":"pl4nted-s3cret","note":"pl4nted"}
{"key":"E7B8A9E2-3C1F-4F7E-9D5A-0B1C2D3E4F50","email":"e@example.com","password":"pl4nted-s3cret","Note":"pl4nted"}
`
	m := bulk.Mapping{Extensions: extras()[:3], Columns: map[string]string{"fusionauth.user_id": "uid", "fusionauth.tenant_id": "tenant"}}
	report, got := check(t, provisionerOf(t, threeTargets(t)...), m, bulk.JSONLines(strings.NewReader(rows+
		`{"key":"8","email":"f@example.com","password":"pl4nted-s3cret","uid":"11111111-0000-4000-8000-00000000000A","tenant":"pl4nted"}
{"key":"9","email":"f@example.com","password":"pl4nted-s3cret","uid":"11111111-0000-4000-8000-00000000000a"}
{"key":"10","email":"f@example.com","password":"pl4nted-s3cret","uid":"11111111-0000-4000-8000-00000000000A"}
`)))
	assert.Equal(t, `line 4: the line ends inside a JSON value (unreadable)
line 5: column "email": a member appears twice (unreadable)
line 6: column "email": email at identity: line 1 has the same value (duplicate)
line 6: column "email": email at chat: line 1 has the same value (duplicate)
line 7: column "key": key: line 6 has the same value (duplicate)
line 8: column "tenant": fusionauth.tenant_id at identity: must be a UUID of 36 characters, such as 06aed1e3-bd77-4a59-991a-5bb5ae6fbb09 (invalid)
line 9: column "email": email at chat: line 8 has the same value (duplicate)
line 10: column "uid": fusionauth.user_id at identity: line 9 has the same value (duplicate)
line 10: column "email": email at identity: line 9 has the same value (duplicate)
line 10: column "email": email at chat: line 8 has the same value (duplicate)
`, got)
	assert.Equal(t, []string{"Note", "note"}, report.Unused)
}
