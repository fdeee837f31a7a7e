package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A desk is a directory of an operator's, with a config.
type desk struct{ dir string }

const springConfig = `job: spring
targets:
  identity: {vendor: fusionauth, url: "https://login.example.com"}
  chat: {vendor: quickblox}
  crm: {vendor: usercom, app: acme, after: [identity], columns: {external_id: "{{ .users.identity.ID }}"}}
columns: {key: id, email: "E-mail", username: login, full_name: "{{ .first }} {{ .last }}"}
`

func newDesk(t *testing.T, config string) desk {
	t.Helper()
	d := desk{t.TempDir()}
	d.write(t, "enlist.yaml", config)
	return d
}

func (d desk) at(name string) string { return filepath.Join(d.dir, name) }

func (d desk) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(d.at(name), []byte(text), 0o600))
}

// read returns a file's text, "" where there is none.
func (d desk) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(d.at(name))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(text)
}

// names are those of the files, but for the ledger's.
func (d desk) names(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(d.dir)
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.Contains(e.Name(), ".db") {
			names = append(names, e.Name())
		}
	}
	return names
}

// run carries a command out with the desk's config.
func (d desk) run(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	return runs(t, nil, append(args, "-c", d.at("enlist.yaml"))...)
}

const good = `id;E-mail;login;first;last;password
1;ada@example.com;ada;Ada;Lovelace;countess-1815
2;grace@example.com;grace;Grace;Hopper;commodore-1906
`

// TestCheck: each fault is told with its line, and no value of a row is shown.
func TestCheck(t *testing.T) {
	t.Parallel()
	d := newDesk(t, springConfig)
	d.write(t, "people.csv", good)
	code, out, err := d.run(t, "check", d.at("people.csv"))
	assert.Equal(t, exitDone, code, err)
	assert.Empty(t, err)
	assert.Contains(t, out, "job spring: 2 rows read")
	assert.Equal(t, []string{"enlist.yaml", "people.csv"}, d.names(t), "a check makes no ledger and no key")

	d.write(t, "people.csv", good+`3;Ada@Example.com;pLanTed;Joan;Clarke;pLanTed-pass
4;kay@example.com;kay;Kay;Em;
5;tim@example.com;tim;NULL;Lee;web-1989-web
2;mary@example.com;mary;Mary;Somerville;queen-of-1780
`)
	code, out, err = d.run(t, "check", d.at("people.csv"))
	assert.Equal(t, exitRefused, code)
	assert.Equal(t, "enlist: 4 of 6 rows are at fault. Nothing was sent. Correct them, and check again", flat(err))
	for _, says := range []string{
		`line 4: column "E-mail": email at identity: line 2 has the same value`,
		`line 5: column "password": password at chat: must be set (required)`,
		`line 6: column "first": the word NULL has no quotes: set csv.null in the config`,
		`line 7: column "id": key: line 3 has the same value`,
	} {
		assert.Contains(t, out, says)
	}
	assert.NotContains(t, out+err, "pLanTed")
	for line := range strings.Lines(out) {
		assert.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), width, line)
	}

	code, out, _ = d.run(t, "check", d.at("people.csv"), "--max-faults", "1", "-o", "json")
	assert.Equal(t, exitRefused, code)
	var report struct {
		bulk.Report
		ExitCode int `json:"exit_code"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	assert.Equal(t, int64(4), report.RowsAtFault)
	assert.Len(t, report.Faults, 1)
	assert.Equal(t, exitRefused, report.ExitCode)
}

// TestCheckOfAnyInput: the same people as CSV, as JSON Lines, compressed and from standard input.
func TestCheckOfAnyInput(t *testing.T) {
	t.Parallel()
	const object = `{"id":1,"E-mail":"ada@example.com","login":"ada","first":"Ada","last":"Lovelace","password":"countess-1815"}` + "\n"
	zipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	for name, text := range map[string]string{
		"a.csv": good, "a.CSV.gz": zipped(good), "a.jsonl": object, "a.ndjson.gz": zipped(object),
	} {
		d := newDesk(t, springConfig)
		d.write(t, name, text)
		code, out, err := d.run(t, "check", d.at(name))
		assert.Equal(t, exitDone, code, "%s: %s%s", name, out, err)
	}
	d := newDesk(t, springConfig)
	wide := func(text string) string {
		b := []byte{0xff, 0xfe}
		for _, c := range []byte(text) {
			b = append(b, c, 0)
		}
		return string(b)
	}
	for _, text := range []string{
		good, object, zipped(good), zipped(object), "\ufeff" + object, "\ufeff" + good, "\r\n \t\n" + object, zipped("\ufeff\n" + object),
		wide(object), wide(good), zipped(strings.Repeat("\n", 3000) + object),
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), environment{
			args: []string{"check", "-", "-c", d.at("enlist.yaml")}, in: iotest.OneByteReader(strings.NewReader(text)), out: &out, err: &errs, getenv: func(string) string { return "" },
		})
		assert.Equal(t, exitDone, code, "%s%s", out.String(), errs.String())
	}
}

// TestCheckEnds: what is wrong beside the rows is told, and has the code of what it is.
func TestCheckEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config string
		text   string
		args   []string
		code   int
		says   string
	}{
		{"no column", strings.Replace(springConfig, "E-mail", "Mail", 1), good, nil, exitUsage, `the mapping needs columns that the input does not have: "Mail". Nothing was sent`},
		{"an unknown field", strings.Replace(springConfig, "email:", "e_mail:", 1), good, nil, exitUsage, `columns in the config: "e_mail" is not a field`},
		{"a bad config", springConfig + "x: 1\n", good, nil, exitUsage, `enlist.yaml:7: the config: unknown member "x"`},
		{"a circle", strings.Replace(springConfig, "quickblox", "quickblox, after: [chat]", 1), good, nil, exitUsage, "enlist.yaml:4: targets.chat.after: a target cannot come after itself: chat after chat"},
		{"a bad setting", strings.Replace(springConfig, "https://login.example.com", "ftp://x", 1), good, nil, exitUsage, "enlist.yaml:3: targets.identity.url: the address must begin with https:// or http://"},
		{"an open quote", springConfig, good + `3;"`, nil, exitRefused, "line 4: "},
		{"no row", springConfig, "id;E-mail\n", nil, exitFailed, "the file has a header but no rows. Nothing was sent"},
		{"an empty file", springConfig, "", nil, exitFailed, "the file is empty"},
		{"wrong use", springConfig, good, []string{"--max-faults", "-1"}, exitUsage, "--max-faults must not be negative"},
		{"config and vendors", springConfig, good, []string{"--to", "mixin"}, exitUsage, "--to cannot be used with a config"},
		{"a bad job", springConfig, good, []string{"--job", "a/b"}, exitUsage, "--job: 1 to 100 letters"},
		{"a bad ledger", springConfig, good, []string{"--ledger", "x"}, exitUsage, "--ledger: sqlite:PATH"},
		{"another file", springConfig, good, []string{"more.csv"}, exitUsage, "expected one file of people"},
	} {
		d := newDesk(t, c.config)
		d.write(t, "people.csv", c.text)
		code, _, err := d.run(t, append([]string{"check", d.at("people.csv")}, c.args...)...)
		assert.Equal(t, c.code, code, c.name)
		assert.Contains(t, flat(err), c.says, c.name)
	}
	d := newDesk(t, springConfig)
	code, _, err := d.run(t, "check", d.at("nobody.csv"))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, err, "no such file")
	code, _, err = runs(t, nil, "check", "-", "-c", d.at("other.yaml"))
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, flat(err), "other.yaml does not exist: enlist import --init FILE writes one")
	code, _, err = runs(t, nil, "check", "-")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, err, "no config: enlist.yaml does not exist here")
}

// TestCheckWithoutConfig: headers that are the names of fields suffice.
func TestCheckWithoutConfig(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	d.write(t, "people.csv", "key,email,password\n1,ada@example.com,countess-1815\n")
	code, out, err := runs(t, nil, "check", d.at("people.csv"), "--to", "fusionauth,usercom")
	assert.Equal(t, exitDone, code, err)
	assert.Contains(t, out, "job import: 1 row read")
	code, _, err = runs(t, nil, "check", d.at("people.csv"), "--to", "acme")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, err, `unknown vendor "acme"`)
	code, _, err = runs(t, nil, "check", d.at("people.csv"), "--to", "mixin,mixin")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, err, "--to names mixin twice")
}

// TestVariables: flags win over variables, and these over the file.
func TestVariables(t *testing.T) {
	t.Parallel()
	d := newDesk(t, strings.Replace(springConfig, "identity: {", "other: {vendor: fusionauth, url: \"https://other.example.com\"}\n  identity: {", 1))
	d.write(t, "people.csv", good)
	variables := map[string]string{"ENLIST_CONFIG": d.at("enlist.yaml"), "ENLIST_JOB": "summer"}
	_, out, err := runs(t, variables, "check", d.at("people.csv"))
	assert.Contains(t, out, "job summer: 2 rows", err)
	_, out, _ = runs(t, variables, "check", d.at("people.csv"), "--job", "autumn")
	assert.Contains(t, out, "job autumn: 2 rows")
	variables["ENLIST_LEDGER"] = "x"
	code, _, err := runs(t, variables, "check", d.at("people.csv"))
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, err, "ENLIST_LEDGER: sqlite:PATH")
	_, out, _ = runs(t, variables, "check", d.at("people.csv"), "--ledger", "sqlite:x.db")
	assert.Contains(t, out, "job summer: 2 rows")
}
