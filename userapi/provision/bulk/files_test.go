package bulk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// sorted returns a text with its lines sorted, except the first.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	first, rest := lines[0], lines[1:]
	for i := range rest {
		for j := i; j > 0 && rest[j] < rest[j-1]; j-- {
			rest[j], rest[j-1] = rest[j-1], rest[j]
		}
	}
	return first + strings.Join(rest, "")
}

// refusing returns a Provisioner of two vendors. The second one refuses some users.
func refusing(t *testing.T) (p *provision.Provisioner, refuse map[string]*userapi.Error) {
	t.Helper()
	refuse = map[string]*userapi.Error{}
	creator := func(prefix string) userapi.CreatorFunc {
		return func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			if e := refuse[req.Username]; e != nil && prefix == "c" {
				return nil, e
			}
			return &userapi.User{Provider: "acme", ID: prefix + "-" + req.Username, Proof: userapi.ProofReply}, nil
		}
	}
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "identity", Creator: creator("i")}, {Name: "crm", Creator: creator("c"), After: []string{"identity"}}})
	require.NoError(t, err)
	return p, refuse
}

const filed = "id,username,E-mail,password,note\n" +
	"1,ada,ada@example.org,planted-Secret-1,\"a \"\"quote\"\"\nand a line\"\n" +
	"2,grace,grace@example.org,planted-Secret-2,\" blanks, a comma \"\n" +
	"3,joan,joan@example.org,planted-Secret-3,\\N\n" +
	",kay,kay@example.org,planted-Secret-4,x\n" +
	"joan@example.org,tim,tim@example.org,,\"NULL\"\n" +
	"6,eve\n"

var filedMapping = bulk.Mapping{Columns: map[string]string{"key": "id", "email": "E-mail"}}

// TestFiles: the results of each row are written without secrets. Reading the rejects again gives
// the original rows.
func TestFiles(t *testing.T) {
	t.Parallel()
	p, refuse := refusing(t)
	refuse["grace"] = &userapi.Error{
		Provider: "acme", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, Code: "bad", StatusCode: 400,
		FieldErrors: []userapi.FieldError{{Field: "Email", Code: userapi.CodeTooLong}, {VendorField: "user.x", Code: userapi.CodeTooLong}},
	}
	refuse["joan"] = &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindForbidden, Outcome: userapi.OutcomeRejected, StatusCode: 403}
	refuse["tim"] = &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindConflict, Outcome: userapi.OutcomeRejected, StatusCode: 409}
	var results, rejects bytes.Buffer
	job := bulk.Job{Name: "spring", Mapping: filedMapping, Results: &results, Rejects: &rejects}
	report, err := bulk.Run(t.Context(), p, job, csvOf(filed))
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 3, 0, 0, 2}, []int64{report.RowsDone, report.RowsRefused, report.RowsOpen, report.RowsUnknown, report.RowsAtFault})
	assert.Equal(t, `key,target,state,user_id,proof,line
,,fault,,,6
1,crm,created,c-ada,reply,2
1,identity,created,i-ada,reply,2
2,crm,rejected,,,4
2,identity,created,i-grace,reply,4
3,crm,rejected,,,5
3,identity,created,i-joan,reply,5
6,,fault,,,8
joan@example.org,crm,rejected,,,7
joan@example.org,identity,created,i-tim,reply,7
`, sorted(results.String()))
	assert.NotContains(t, results.String()+rejects.String(), "planted")
	assert.Equal(t, `id,username,E-mail,password,note,_row,_target,_outcome,_kind,_code,_field,_retry
"2","grace","grace@example.org","[REDACTED]"," blanks, a comma ",4,crm,rejected,invalid,"bad, too_long","email, user.x",no
"3","joan","joan@example.org","[REDACTED]",\N,5,crm,rejected,forbidden,,,yes
"[REDACTED]","[REDACTED]","[REDACTED]","[REDACTED]","[REDACTED]",8,,not_sent,invalid,unreadable,,no
"joan@example.org","tim","tim@example.org",,"NULL",7,crm,rejected,conflict,,,no
,"kay","kay@example.org","[REDACTED]","x",6,,not_sent,invalid,required,key,no
`, sorted(rejects.String()))
	assert.Contains(t, report.String(), " refused  kind          target, code\n       1  invalid       crm: \"bad, too_long\"\n")

	// An unchanged reject without its secret is not sent.
	redacted, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: filedMapping}, csvOf(rejects.String()))
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 1, 4}, []int64{redacted.RowsDone, redacted.RowsRefused, redacted.RowsAtFault}, "%s", redacted)

	// Corrected rejects are sent, with the secrets of the original rows.
	mended := strings.NewReplacer(
		"grace@example.org", "g@example.org", "\n,\"kay", "\n4,\"kay", `"tim"`, `"timothy"`,
		`"[REDACTED]","[REDACTED]","[REDACTED]","[REDACTED]","[REDACTED]",8`, `6,eve,eve@example.org,planted-Secret-6,,8`,
	).Replace(rejects.String())
	clear(refuse)
	results.Reset()
	seen := map[string]string{}
	refuse["timothy"] = nil
	again, err := bulk.Run(t.Context(), p, bulk.Job{Name: "spring", Mapping: filedMapping, Results: &results}, noting{bulk.Only(csvOf(filed), csvOf(mended), filedMapping), seen})
	require.NoError(t, err)
	assert.Equal(t, []string{"planted-Secret-2", "planted-Secret-3", "", "planted-Secret-6"}, []string{seen["2"], seen["3"], seen["joan@example.org"], seen["6"]})
	assert.Equal(t, []int64{4, 0, 1}, []int64{again.RowsDone, again.RowsRefused, again.RowsAtFault}, "%s", again)
	assert.Equal(t, "the secret is left out, and the original has no row with this key", again.Faults[0].Message, "whose key was not in the original")
}

// A noting source records the passwords of its rows.
type noting struct {
	bulk.Source
	seen map[string]string
}

func (n noting) Columns(ctx context.Context) ([]string, error) {
	return n.Source.(bulk.ColumnSource).Columns(ctx)
}

func (n noting) Rows(ctx context.Context) iter.Seq2[bulk.Row, error] {
	return func(yield func(bulk.Row, error) bool) {
		for row, err := range n.Source.Rows(ctx) {
			if err == nil {
				n.seen[fmt.Sprint(row.Values["id"])] = fmt.Sprint(row.Values["password"])
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// TestRejectsOfJSONLines: rejects have the form of the input.
func TestRejectsOfJSONLines(t *testing.T) {
	t.Parallel()
	p, refuse := refusing(t)
	for _, name := range []string{"ada", "grace"} {
		refuse[name] = &userapi.Error{Provider: "acme", Op: "create user", Kind: userapi.KindInvalid, Outcome: userapi.OutcomeRejected, StatusCode: 400}
	}
	const input = `{"key":12345678901234567890,"username":"ada","password":"planted-1","attributes.plan":{"a":[1,"<"]},"pin":"planted-2","fusionauth.password_hash.salt":"planted-3"}
{"key":2,"username":"joan","pin":"planted-2"}
{"key":3,"username":"grace","password":null,"pin":"planted-2"}
`
	mapping := bulk.Mapping{Extensions: []userapi.Extension{fusionauth.Extra{}}, Targets: map[string]map[string]string{"crm": {"password": "{{ .pin }}"}}}
	for _, secrets := range []bool{false, true} {
		var rejects bytes.Buffer
		_, err := bulk.Run(t.Context(), p, bulk.Job{Name: fmt.Sprint(secrets), InFlight: 1, Mapping: mapping, Rejects: &rejects, RejectSecrets: secrets}, bulk.JSONLines(strings.NewReader(input)))
		require.NoError(t, err)
		want := strings.Split(rejects.String(), "\n")[0]
		redact := strings.NewReplacer("planted-1", "[REDACTED]", "planted-2", "[REDACTED]", "planted-3", "[REDACTED]")
		full := `{"_code":"","_field":"","_kind":"invalid","_outcome":"rejected","_retry":"no","_row":"1","_target":"crm","attributes.plan":{"a":[1,"<"]},"fusionauth.password_hash.salt":"planted-3","key":12345678901234567890,"password":"planted-1","pin":"planted-2","username":"ada"}`
		if !secrets {
			full = redact.Replace(full)
		}
		assert.True(t, full == want, "the first reject, with secrets: %v", secrets)
	}
}

// A fullDisk accepts some bytes.
type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestFilesThatCannotBeWritten: the run ends with an error, and finished rows stay finished.
func TestFilesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]bulk.Job{
		"results, at once": {Results: &fullDisk{}}, "results": {Results: &fullDisk{100 << 10}}, "rejects": {Rejects: &fullDisk{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, made := making(t)
			job.Name = "spring"
			report, err := bulk.Run(t.Context(), p, job, bulk.CSV(&generator{header: "key,username\n", rows: 20000, row: func(i int) string { return fmt.Sprintf("%d,u%d\n,x\n", i, i) }}, bulk.CSVOptions{}))
			require.ErrorIs(t, err, errFull, name)
			require.ErrorContains(t, err, "the results or rejects cannot be written")
			assert.Less(t, made.Load(), int32(20000), name)
			assert.EqualValues(t, made.Load(), report.RowsDone, name)
			assert.False(t, report.Complete, name)
		})
	}
}

// TestOnly: secrets come from the row with the same key. If several rows have the key, the line
// decides too. An ambiguous row is an error.
func TestOnly(t *testing.T) {
	t.Parallel()
	original := "id,password\n1,planted-1\n2,planted-2\n2,planted-3\n,planted-4\n5,\"open\n"
	for rejects, want := range map[string]string{
		"id,password,_row\n1,[REDACTED],9\n":               "1 planted-1",
		"id,password,_row\n2,[REDACTED],3\n":               "2 planted-2",
		"id,password,_row\n2,[REDACTED],4\n":               "2 planted-3",
		"id,password,_row\n2,[REDACTED],9\n":               `! line 2: column "password": the secret is left out, and the original has several rows with this key: _row must say which one`,
		"id,password\n7,[REDACTED]\n":                      `! line 2: column "password": the secret is left out, and the original has no row with this key`,
		"id,password\n7,mended\n":                          "7 mended",
		"id,password\n1,\n":                                "1 ",
		"id,password\n1,a,b\n1,[REDACTED]\n":               `! line 2: column "column 3": the row has more cells than the 2 of the header, 1 planted-1`,
		"id,note,password\n1,[REDACTED],x\n2,y,[REDACTED]": "",
	} {
		source := bulk.Only(csvOf(strings.TrimSuffix(original, "5,\"open\n")), csvOf(rejects), filedMapping)
		columns, err := source.(bulk.ColumnSource).Columns(t.Context())
		require.NoError(t, err)
		assert.Equal(t, strings.Split(strings.Split(rejects, "\n")[0], ","), columns)
		var got []string
		for row, err := range source.Rows(t.Context()) {
			if err != nil {
				got = append(got, "! "+strings.TrimPrefix(err.Error(), "bulk: "))
				continue
			}
			got = append(got, fmt.Sprint(row.Values["id"], " ", row.Values["password"]))
		}
		if want == "" {
			assert.True(t, len(got) == 2 && got[0] == "1 x" && strings.HasPrefix(got[1], "! line 3:"))
			continue
		}
		assert.True(t, strings.Join(got, ", ") == want, "rejects %q", rejects)
	}
	for name, source := range map[string]bulk.Source{
		"a broken original": bulk.Only(csvOf(original), csvOf("id,password\n9,x\n"), filedMapping),
		"broken rejects":    bulk.Only(csvOf(original), csvOf("id,password\n9,\"x\n"), filedMapping),
		"a wrong mapping":   bulk.Only(csvOf(original), csvOf("id\n9\n"), bulk.Mapping{Columns: map[string]string{"x": "y"}}),
		"nothing":           bulk.Only(nil, nil, filedMapping),
	} {
		var last error
		for _, err := range source.Rows(t.Context()) {
			last = err
		}
		var bad *bulk.RowError
		require.ErrorAs(t, last, &bad, name)
		assert.True(t, bad.Fatal, name)
	}
}
