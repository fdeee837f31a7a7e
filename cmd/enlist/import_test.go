package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/durable"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// An office is a desk with vendors: a directory with a config, and the fakes.
type office struct {
	desk
	*backend
}

const officeConfig = `job: spring
targets:
  identity: {vendor: fusionauth}
  chat: {vendor: quickblox}
  crm: {vendor: usercom, after: [identity], columns: {external_id: "{{ .users.identity.ID }}"}}
columns: {key: id, email: "E-mail", username: login, full_name: "{{ .first }} {{ .last }}"}
`

func newOffice(t *testing.T, config string) office {
	t.Helper()
	return office{newDesk(t, config), newBackend(t)}
}

// run carries a command out with the desk's config, and looks for secrets.
func (o office) run(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	return o.runIn(t.Context(), t, stdin, args...)
}

func (o office) runIn(ctx context.Context, t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	r := runIn(ctx, o.env, stdin, append(args, "-c", o.at("enlist.yaml"))...)
	o.noSecrets(t, r)
	hasNot(t, r, "a password of a row", plantedPassword)
	return r
}

// people writes rows that every vendor takes.
func (o office) people(t *testing.T, n int) string {
	t.Helper()
	text := "id,E-mail,login,first,last,password\n"
	for i := range n {
		text += fmt.Sprintf("%d,row%d@pLanTed.example,row.%d,Ada,Lovelace,%s\n", i+1, i+1, i+1, plantedPassword)
	}
	o.write(t, "people.csv", text)
	return o.at("people.csv")
}

// flat is a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestImport: each row has its users, the files say so, and a second run sends nothing.
func TestImport(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 20)
	o.write(t, "spring.rejects.csv", "an old one\n")
	r := o.run(t, "", "import", file)
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{0, 20, 20, 20}, o.counts())
	assert.Contains(t, r.stdout, "20 done, 0 refused, 0 left open, 0 unknown")
	assert.Contains(t, r.stdout, "results: "+o.at("spring.results.csv"))
	assert.Equal(t, "enlist: the key "+o.at("spring.key")+" was made: keep it with the ledger, which cannot be used without it", flat(r.stderr))
	assert.Equal(t, []string{"enlist.yaml", "people.csv", "spring.key", "spring.lock", "spring.results.csv"}, o.names(t), "an old file of rejects is gone")
	results := strings.Split(strings.TrimSpace(o.read(t, "spring.results.csv")), "\n")
	require.Len(t, results, 61)
	assert.Equal(t, "key,target,state,user_id,proof,line", results[0])
	for _, user := range o.fusionauth.Users() {
		assert.Contains(t, o.read(t, "spring.results.csv"), ",identity,created,"+user.ID+",reply,")
	}
	for _, user := range o.usercom.Users() {
		assert.Regexp(t, "^[0-9a-f-]{36}$", user.UserID)
	}

	o.noPlanted(t, r)
	posts := len(o.fusionauth.Requests())
	before := results
	r = o.run(t, "", "import", file, "-o", "json")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Len(t, o.fusionauth.Requests(), posts, "all is done")
	var report struct {
		bulk.Report
		Results  string
		ExitCode int `json:"exit_code"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	assert.Equal(t, int64(20), report.RowsDone)
	assert.Equal(t, o.at("spring.results.csv"), report.Results)
	assert.ElementsMatch(t, before, strings.Split(strings.TrimSpace(o.read(t, "spring.results.csv")), "\n"))

	s := o.run(t, "", "status")
	assert.Equal(t, exitDone, s.code, s.stderr)
	assert.Contains(t, s.stdout, "      20  created      identity\n")
	s = o.run(t, "", "status", "7")
	assert.Equal(t, exitDone, s.code, s.stderr)
	assert.Contains(t, s.stdout, "spring/7 at chat: created, user ")
	s = o.run(t, "", "status", "spring/7", "-o", "json")
	assert.Contains(t, s.stdout, `"state": "created"`)
	s = o.run(t, "", "status", "77")
	assert.Equal(t, exitFailed, s.code)
	assert.Contains(t, flat(s.stderr), "the ledger does not have this key")
	o.noPlanted(t, s)
}

// noPlanted finds no secret and no e-mail address in what a run told and kept. The rejects may have
// addresses.
func (o office) noPlanted(t *testing.T, r ran) {
	t.Helper()
	entries, err := os.ReadDir(o.dir)
	require.NoError(t, err)
	texts := map[string]string{"output": r.stdout + r.stderr}
	for _, e := range entries {
		if e.Name() == "people.csv" || e.Name() == "mended.csv" {
			continue
		}
		texts[e.Name()] = o.desk.read(t, e.Name())
		info, err := e.Info()
		require.NoError(t, err)
		if e.Name() != "enlist.yaml" && runtime.GOOS != "windows" {
			assert.Equal(t, os.FileMode(0o600), info.Mode(), e.Name())
		}
	}
	for name, text := range texts {
		for _, secret := range []string{plantedPassword, plantedKey, plantedUserKey, o.env["QUICKBLOX_API_KEY"]} {
			assert.False(t, strings.Contains(text, secret), "a secret is in "+name)
		}
		if !strings.Contains(name, "rejects") {
			assert.False(t, strings.Contains(strings.ToLower(text), "@planted"), "an address is in "+name)
		}
	}
}

// TestRejects: what was refused is in a file of its own, is mended there, and imported alone with
// the passwords of the original.
func TestRejects(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 3)
	o.write(t, "people.csv", o.desk.read(t, "people.csv")+
		"4,row1@pLanTed.example,row.4,Ada,Lovelace,"+plantedPassword+"\n"+
		"5,row5@pLanTed.example,#NAME?,Ada,Lovelace,"+plantedPassword+"\n")
	r := o.run(t, "", "import", file, "--in-flight", "1")
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, r.stdout, "rejects: "+o.at("spring.rejects.csv"))
	assert.Contains(t, flat(r.stderr), "2 rows were refused. Correct a copy of "+o.at("spring.rejects.csv")+", and run the same command with --only and the copy.")
	rejects := o.desk.read(t, "spring.rejects.csv")
	assert.Contains(t, rejects, "id,E-mail,login,first,last,password,_row,_target,_outcome,_kind,_code,_field,_retry\n")
	assert.Contains(t, rejects, `"4","row1@pLanTed.example","row.4","Ada","Lovelace","[REDACTED]",5,`)
	o.noPlanted(t, r)
	s := o.run(t, "", "status")
	assert.Equal(t, exitRefused, s.code, s.stderr)
	assert.Contains(t, s.stdout, "job spring: 2 refused, 0 open, 0 unknown")
	s = o.run(t, "", "status", "4")
	assert.Equal(t, exitRefused, s.code, s.stderr)
	assert.Contains(t, s.stdout, "spring/4 at crm: queued, ")
	assert.Contains(t, s.stdout, "- no user: another target has refused the row. Correct the row")

	again := o.run(t, "", "import", file, "--rejects-with-secrets")
	assert.Equal(t, exitRefused, again.code)
	has(t, o.desk.read(t, "spring.rejects.csv"), plantedPassword)

	o.write(t, "mended.csv", strings.NewReplacer(`"4","row1@`, `"4","row4@`, "#NAME?", "row.5").Replace(rejects))
	r = o.run(t, "", "import", file, "--only", o.at("mended.csv"))
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, 5, o.fusionauth.UserCount())
	assert.Equal(t, 5, o.quickblox.UserCount())
	assert.Contains(t, r.stdout, "2 done")
	assert.Contains(t, o.names(t), "spring.only.results.csv")
	assert.NotContains(t, o.names(t), "spring.only.rejects.csv")
	assert.Contains(t, o.names(t), "spring.results.csv", "that of the whole file stays")
}

// TestRejectsHaveCommas: what the config says of the file's form is not for the rejects.
func TestRejectsHaveCommas(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "job: spring\ntargets:\n  crm: {vendor: usercom}\ncolumns: {key: id, email: mail, tags: tags}\ncsv: {comma: \";\", header: [id, mail, tags]}\n")
	o.write(t, "people.csv", "1;ada@example.com;a,b\n2;#NAME?;c,d\n")
	r := o.run(t, "", "import", o.at("people.csv"))
	assert.Equal(t, exitRefused, r.code, r.stderr)
	rejects := o.desk.read(t, "spring.rejects.csv")
	assert.Contains(t, rejects, "id,mail,tags,_row")
	o.write(t, "mended.csv", strings.Replace(rejects, "#NAME?", "grace@example.com", 1))
	r = o.run(t, "", "import", o.at("people.csv"), "--only", o.at("mended.csv"))
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, 2, o.usercom.UserCount())
}

// TestFilesApart: what is written is nothing that is read.
func TestFilesApart(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 1)
	o.write(t, "spring.rejects.csv", o.desk.read(t, "people.csv"))
	o.write(t, "spring.only.rejects.csv", o.desk.read(t, "people.csv"))
	o.write(t, "people.part", o.desk.read(t, "people.csv"))
	require.NoError(t, os.Mkdir(o.at("directory"), 0o700))
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--results would overwrite the input", []string{file, "--results", file}},
		{"--rejects would overwrite the input", []string{file, "--rejects", filepath.Join(o.dir, ".", "people.csv")}},
		{"--rejects would overwrite the input", []string{o.at("spring.rejects.csv")}},
		{"--results would overwrite the input", []string{o.at("people.part"), "--results", o.at("people")}},
		{"--rejects would overwrite --only", []string{file, "--only", o.at("spring.only.rejects.csv")}},
		{"--rejects would overwrite --results", []string{file, "--results", o.at("x"), "--rejects", o.at("x")}},
		{"--results would overwrite the config", []string{file, "--results", o.at("enlist.yaml")}},
		{"--results would overwrite the key", []string{file, "--results", o.at("spring.key")}},
		{"--results would overwrite the ledger", []string{file, "--results", o.at("spring.db")}},
		{"--rejects would overwrite --results", []string{file, "--results", o.at("x.csv"), "--rejects", o.at("x.csv.part")}},
		{"--rejects would overwrite --results", []string{file, "--results", o.at("x.csv.part"), "--rejects", o.at("x.csv")}},
		{"--rejects would overwrite --results", []string{file, "--results", o.at("x.csv"), "--rejects", o.at("x.partial.csv")}},
		{"--results would overwrite a file of the ledger", []string{file, "--results", o.at("spring.db-wal")}},
		{"--rejects would overwrite a file of the ledger", []string{file, "--rejects", o.at("spring.db-shm")}},
		{"--results would overwrite a file of the ledger", []string{file, "--results", o.at("spring.lock")}},
		{"--results would overwrite a file of the ledger", []string{file, "--results", o.at("spring.fakes")}},
		{"is not a regular file", []string{file, "--results", o.at("directory")}},
		{"only one of FILE, --only and --vendors can be standard input", []string{"-", "--only", "-"}},
		{"only one of FILE, --only and --vendors can be standard input", []string{"-", "--vendors", "-"}},
		{"--fakes and --vendors exclude each other", []string{file, "--fakes", "--vendors", "x"}},
		{"--fakes uses a temporary ledger", []string{file, "--fakes", "--ledger", "sqlite:x.db"}},
		{"--ledger: must not have a password", []string{file, "--ledger", "postgres://me:pLanTed@localhost/x"}},
		{"or ledger in the config: the URL, one of its parameters", []string{file, "--ledger", "postgres://localhost:pLanTed/x"}},
		{"or ledger in the config: the URL, one of its parameters", []string{file, "--ledger", "postgres://localhost/x?sslmode=pLanTed"}},
		{"--max-rows must not be negative", []string{file, "--max-rows", "-1"}},
		{"--wait must not be negative", []string{file, "--wait", "-1s"}},
		{"--in-flight must not be negative", []string{file, "--in-flight", "-1"}},
		{"--progress: expected one of auto, bars, lines, json, none", []string{file, "--progress", "dots"}},
	} {
		r := o.run(t, "", append([]string{"import"}, c.args...)...)
		assert.Equal(t, exitUsage, r.code, c.args)
		assert.Contains(t, flat(r.stderr), c.says)
		assert.NotContains(t, r.stderr, "pLanTed")
	}
	assert.Equal(t, [4]int{}, o.counts())
	assert.NotEmpty(t, o.desk.read(t, "people.part"))
}

// TestOneAtATime: a second enlist on the same ledger ends at once.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 1)
	lock, err := durable.LockFile(o.at("spring.lock"))
	require.NoError(t, err)
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "another enlist is at work on "+o.at("spring.db")+": wait until it has ended, or stop it")
	require.NoError(t, lock.Close())
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
}

// TestCredentials: what is missing is named, and what is refused ends as refused.
func TestCredentials(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 2)
	key := o.env["FUSIONAUTH_API_KEY"]
	o.env["FUSIONAUTH_API_KEY"] = ""
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "target identity: IDENTITY_API_KEY or IDENTITY_API_KEY_FILE or FUSIONAUTH_API_KEY or FUSIONAUTH_API_KEY_FILE must be set")
	o.env["IDENTITY_API_KEY"] = "another-key-that-is-wrong"
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "identity refuses the credentials, or they lack a permission. The rows that were refused for this have no user there.")
	assert.NotContains(t, r.stderr, "Correct a copy")
	s := o.run(t, "", "status")
	assert.Equal(t, r.code, s.code, s.stdout)
	assert.Contains(t, s.stdout, "job spring: 2 refused, 0 open, 0 unknown, of rows at a target")
	assert.Contains(t, s.stdout, "       2  unauthorized  identity\n")
	s = o.run(t, "", "status", "1")
	assert.Equal(t, r.code, s.code, s.stdout)
	assert.Contains(t, flat(s.stdout), "the target refuses the credentials, or they lack a permission; correct them, and run the import again")
	assert.Equal(t, 0, o.fusionauth.UserCount())
	o.write(t, "key", key+"\n")
	o.env["IDENTITY_API_KEY"], o.env["IDENTITY_API_KEY_FILE"] = "", o.at("key")
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{0, 2, 2, 2}, o.counts())
}

// TestUnknown: where nobody knows whether there is a user a person decides.
func TestUnknown(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "job: spring\ntargets:\n  wallet: {vendor: mixin}\ncolumns: {key: id, full_name: first}\n")
	file := o.people(t, 2)
	o.mixin.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset, Times: 2})
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitUnknown, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "it is unknown whether the users of 2 rows exist.")
	assert.Equal(t, 2, o.mixin.UserCount())

	s := o.run(t, "", "status")
	assert.Equal(t, exitUnknown, s.code, s.stderr)
	assert.Contains(t, s.stdout, "job spring: 0 refused, 0 open, 2 unknown")
	assert.Contains(t, s.stdout, "spring/2 at wallet: unknown, unavailable, ")
	assert.Contains(t, flat(s.stdout), "the user may exist: run the import again, which asks the vendor if it can;")
	s = o.run(t, "", "status", "--max", "1")
	assert.NotContains(t, s.stdout, "spring/2")
	assert.Contains(t, s.stdout, "and 1 more; --max sets how many are listed")

	const id = "8e1b1c43-0d3c-4c53-b6a0-7a0c2ea3d1a5"
	for _, c := range []struct {
		says string
		code int
		args []string
	}{
		{"expected either --found ID or --absent", exitUsage, []string{"1", "--target", "wallet"}},
		{"expected either --found ID or --absent", exitUsage, []string{"1", "--target", "wallet", "--absent", "--found", id}},
		{"--target: expected one of wallet", exitUsage, []string{"1", "--target", "crm", "--absent"}},
		{"nothing was decided: ", exitRefused, []string{"1", "--target", "wallet", "--found", "17"}},
		{"--found: expected the user's id at the vendor", exitUsage, []string{"1", "--target", "wallet", "--found", ""}},
		{"--found: expected an id of at most 1024 bytes of UTF-8", exitUsage, []string{"1", "--target", "wallet", "--found", strings.Repeat("1", 2000)}},
		{"the ledger does not have this key", exitFailed, []string{"3", "--target", "wallet", "--absent"}},
	} {
		d := o.run(t, "", append([]string{"decide"}, c.args...)...)
		assert.Equal(t, c.code, d.code, "%v: %s", c.args, d.stderr)
		assert.Contains(t, flat(d.stderr), c.says)
	}
	d := o.run(t, "", "decide", "1", "--target", "wallet", "--found", id)
	assert.Equal(t, exitDone, d.code, d.stderr)
	assert.Contains(t, flat(d.stdout), "spring/1 at wallet: decided: the user exists, "+id)
	d = o.run(t, "", "decide", "1", "--target", "wallet", "--absent")
	assert.Equal(t, exitRefused, d.code)
	assert.Contains(t, flat(d.stderr), "nothing was decided: the ledger knows: recovered")
	d = o.run(t, "", "decide", "spring/2", "--target", "wallet", "--absent", "-o", "json")
	assert.Equal(t, exitDone, d.code, d.stderr)
	assert.Contains(t, d.stdout, `"state": "rejected"`)
	assert.Contains(t, d.stdout, `"exit_code": 0`)
	s = o.run(t, "", "status")
	assert.Equal(t, exitOpen, s.code, s.stdout)
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, 3, o.mixin.UserCount(), "the one that was decided not to be there is created again")
}

// TestStopped: a signal ends the reading, and the rows that are under way are settled.
func TestStopped(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	row := func(i int) string {
		return fmt.Sprintf("%d,row%d@example.com,row.%d,Ada,Lovelace,%s,%s\n", i, i, i, plantedPassword, strings.Repeat("x", 40<<10))
	}
	whole := "id,E-mail,login,first,last,password,note\n"
	for i := range 12 {
		whole += row(i + 1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	code := run(ctx, environment{
		args: []string{"import", "-", "-c", o.at("enlist.yaml"), "--in-flight", "1"}, out: &out, err: &errs,
		in:     io.MultiReader(strings.NewReader(whole[:300<<10]), cancels(cancel), strings.NewReader(whole[300<<10:])),
		getenv: func(name string) string { return o.env[name] },
	})
	r := ran{code, out.String(), errs.String()}
	assert.Equal(t, exitOpen, code, r.stderr)
	assert.Contains(t, flat(r.stderr), "stopped. Users that were created stay. Run the same command again for the rest: it creates no user twice.")
	assert.Contains(t, r.stdout, "not complete: the last row that was read begins on line")
	assert.Contains(t, o.names(t), "spring.results.partial.csv", "it ended")
	done := o.fusionauth.UserCount()
	assert.Positive(t, done)
	assert.Less(t, done, 12)
	o.write(t, "people.csv", whole)
	r = o.run(t, "", "import", o.at("people.csv"))
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{0, 12, 12, 12}, o.counts())
}

// cancels calls a function when it is read, and is empty.
type cancels func()

func (c cancels) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

// TestSomeRows: --max-rows ends after the first ones, and the next run does the rest.
func TestSomeRows(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 5)
	r := o.run(t, "", "import", file, "--max-rows", "2")
	assert.Equal(t, exitOpen, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "stopped after 2 rows because of --max-rows. Run it without --max-rows for the rest.")
	assert.Equal(t, 2, o.fusionauth.UserCount())
	r = o.run(t, "", "import", file, "--max-rows", "5", "--in-flight", "1", "--progress", "json")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.NotContains(t, r.stderr, "--max-rows")
	assert.Contains(t, flat(r.stderr), `"target":"identity","states":{"created":5}`)
	assert.Equal(t, 5, o.fusionauth.UserCount())
}

// TestFileAtFault: the rows before a fault that ends the reading are imported.
func TestFileAtFault(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 2)
	o.write(t, "people.csv", o.desk.read(t, "people.csv")+"3,\"row3\n")
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code)
	assert.Contains(t, flat(r.stderr), "line 4: ")
	assert.Contains(t, flat(r.stderr), "Users that were created stay. Correct the cause, and run the same command again: it creates no user twice.")
	assert.Equal(t, 2, o.fusionauth.UserCount())
	results := o.desk.read(t, "spring.results.partial.csv")
	assert.NotEmpty(t, results)

	o.write(t, "people.csv", "")
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "Nothing was sent")
	assert.Equal(t, results, o.desk.read(t, "spring.results.partial.csv"), "a run that read no row leaves the files")
	for _, name := range o.names(t) {
		assert.NotEqual(t, ".part", filepath.Ext(name))
	}
}

// TestFakes: a rehearsal calls no vendor, and leaves two files.
func TestFakes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, strings.Replace(officeConfig, "  crm", "  wallet: {vendor: mixin}\n  crm", 1))
	file := o.people(t, 3)
	o.write(t, "people.csv", o.desk.read(t, "people.csv")+"4,row1@pLanTed.example,row.4,Ada,Lovelace,"+plantedPassword+"\n")
	o.env = map[string]string{}
	r := o.run(t, "", "import", file, "--fakes", "--in-flight", "1") // for the first of two with one address to have it
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, r.stdout, "3 done, 1 refused")
	assert.Contains(t, flat(r.stderr), "this was a rehearsal with fakes: no vendor was called")
	assert.Equal(t, []string{"enlist.yaml", "people.csv", "spring.fakes.rejects.csv", "spring.fakes.results.csv"}, o.names(t))
}

// TestVendorsFile: fakes of another process are imported into, and their ledger is told apart.
func TestVendorsFile(t *testing.T) {
	t.Parallel()
	a, _ := startFakes(t)
	o := newOffice(t, officeConfig)
	file := o.people(t, 3)
	o.write(t, "fakes.json", a.line)
	r := o.run(t, "", "import", file, "--vendors", o.at("fakes.json"))
	require.Equal(t, exitDone, r.code, r.stderr)
	assert.Contains(t, r.stdout, "3 done")
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, flat(r.stderr), "is a ledger of users at fakes")
	assert.Equal(t, [4]int{}, o.counts())
	r = o.run(t, "yes\n", "undo", file, "--vendors", o.at("fakes.json"))
	assert.Equal(t, exitDone, r.code, r.stderr)
	r = o.run(t, "", "import", file, "--vendors", o.at("nothing.json"))
	assert.Equal(t, exitUsage, r.code)
	assert.Contains(t, flat(r.stderr), "--vendors: open "+o.at("nothing.json"))
	o.write(t, "other.yaml", strings.Replace(officeConfig, "job: spring", "job: autumn", 1))
	r = runIn(t.Context(), o.env, a.line, "import", file, "-c", o.at("other.yaml"), "--vendors", "-")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{}, o.counts())
}

// TestOutputLost: what cannot be told on standard output is told on standard error, and nothing that
// was created counts as not created.
func TestOutputLost(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 2)
	var errs bytes.Buffer
	code := run(t.Context(), environment{
		args: []string{"import", file, "-c", o.at("enlist.yaml")}, in: strings.NewReader(""), out: full{}, err: &errs,
		getenv: func(name string) string { return o.env[name] },
	})
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, errs.String(), "2 done, 0 refused")
	assert.Contains(t, o.names(t), "spring.results.csv")

	code = run(t.Context(), environment{
		args: []string{"import", file, "-c", o.at("enlist.yaml"), "--progress", "json"}, in: strings.NewReader(""), out: &errs, err: full{},
		getenv: func(name string) string { return o.env[name] },
	})
	assert.Equal(t, exitDone, code, "nobody reads standard error")
}

// TestParts: a file that cannot be written whole stays beside its place.
func TestParts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	d.write(t, "results.csv", "old")
	d.write(t, "results.csv.part", "left by a process that was killed")
	p, err := createPart(d.at("results.csv"))
	require.NoError(t, err)
	require.NoError(t, p.file.Close())
	p.file, err = os.Open(d.at("results.csv.part")) // which cannot be written
	require.NoError(t, err)
	_, err = p.Write([]byte("x"))
	require.Error(t, err)
	_, err = p.keep(true)
	require.ErrorContains(t, err, "results.csv.part is not complete and was not renamed to ")
	assert.Equal(t, "old", d.read(t, "results.csv"))
	assert.Empty(t, d.read(t, "results.csv.part"))

	p, err = createPart(d.at("results.csv"))
	require.NoError(t, err)
	_, err = p.Write([]byte("new"))
	require.NoError(t, err)
	assert.Equal(t, "old", d.read(t, "results.csv"))
	place, err := p.keep(true)
	require.NoError(t, err)
	assert.Equal(t, d.at("results.csv"), place)
	assert.Equal(t, "new", d.read(t, "results.csv"))
}

// TestPartsOfOthers: what another process writes in the place of a part is neither taken for it nor
// removed.
func TestPartsOfOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	d.write(t, "results.csv", "old")
	first, err := createPart(d.at("results.csv"))
	require.NoError(t, err)
	second, err := createPart(d.at("results.csv")) // of a process that knows nothing of the first
	require.NoError(t, err)
	_, err = second.Write([]byte("second"))
	require.NoError(t, err)
	_, err = first.keep(true)
	require.ErrorContains(t, err, "was not renamed to "+d.at("results.csv")+": another process has replaced it")
	assert.Equal(t, "old", d.read(t, "results.csv"))
	first, err = createPart(d.at("results.csv"))
	require.NoError(t, err)
	second.discard()
	_, err = first.Write([]byte("first"))
	require.NoError(t, err)
	_, err = first.keep(true)
	require.NoError(t, err)
	assert.Equal(t, "first", d.read(t, "results.csv"))
}

// TestPartial: a run that does not come to the end of its rows leaves the files of one that did, and
// the next one that does takes its files away.
func TestPartial(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 4)
	o.write(t, "people.csv", o.desk.read(t, "people.csv")+"5,row5@pLanTed.example,#NAME?,Ada,Lovelace,"+plantedPassword+"\n")
	r := o.run(t, "", "import", file)
	require.Equal(t, exitRefused, r.code, r.stderr)
	results, rejects := o.desk.read(t, "spring.results.csv"), o.desk.read(t, "spring.rejects.csv")
	require.NotEmpty(t, rejects)

	r = o.run(t, "", "import", file, "--max-rows", "2")
	assert.Equal(t, exitOpen, r.code, r.stderr)
	assert.Contains(t, r.stdout, "results: "+o.at("spring.results.partial.csv"))
	assert.Equal(t, results, o.desk.read(t, "spring.results.csv"))
	assert.Equal(t, rejects, o.desk.read(t, "spring.rejects.csv"))
	assert.Equal(t, 1+2*3, strings.Count(o.desk.read(t, "spring.results.partial.csv"), "\n"))
	assert.NotContains(t, o.names(t), "spring.rejects.partial.csv")

	o.write(t, "people.csv", "id,E-mail,login,first,last,password\n5,row5@pLanTed.example,#NAME?,Ada,Lovelace,"+plantedPassword+"\n6,\"row6\n")
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, r.stdout, "rejects: "+o.at("spring.rejects.partial.csv"))
	assert.Contains(t, flat(r.stderr), "Correct a copy of "+o.at("spring.rejects.partial.csv"))
	assert.Equal(t, rejects, o.desk.read(t, "spring.rejects.csv"), "the input ended in an open quote")

	file = o.people(t, 5)
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, []string{"enlist.yaml", "people.csv", "spring.key", "spring.lock", "spring.results.csv"}, o.names(t))
}

// TestNothingMade: where the config is wrong, or a file cannot be written, nothing is made and sent.
func TestNothingMade(t *testing.T) {
	t.Parallel()
	bad := func(from, to string) string {
		require.Contains(t, officeConfig, from)
		return strings.Replace(officeConfig, from, to, 1)
	}
	for _, c := range []struct {
		config, says string
		code         int
		args         []string
	}{
		{bad("after: [identity], ", ""), `the template needs the user of "identity", which this target does not come after`, exitUsage, nil},
		{bad(".users.identity.ID", ".users.nobody.ID"), `the template needs the user of "nobody", which this target does not come after`, exitUsage, nil},
		{bad("email:", "e_mail:"), `columns in the config: "e_mail" is not a field`, exitUsage, nil},
		{bad("E-mail", "Mail"), `the mapping needs columns that the input does not have: "Mail". Nothing was sent`, exitUsage, nil},
		{officeConfig, "cannot be written: no such file or directory. Nothing was sent. Name another file with --results and --rejects", exitFailed, []string{"--results", filepath.Join("missing", "r.csv")}},
		{officeConfig, "j.csv cannot be written: no such file or directory. Nothing was sent.", exitFailed, []string{"--rejects", filepath.Join("missing", "j.csv")}},
		{officeConfig, "Nothing was sent", exitFailed, []string{"--ledger", "sqlite:missing/x.db"}},
	} {
		o := newOffice(t, c.config)
		file := o.people(t, 1)
		for _, command := range []string{"import", "undo", "check"} {
			if command != "import" && (c.args != nil || command == "undo" && strings.Contains(c.says, "does not have")) {
				continue
			}
			r := o.run(t, "", append([]string{command, file}, c.args...)...)
			assert.Equal(t, c.code, r.code, "%s: %s", command, r.stderr)
			assert.Contains(t, flat(r.stderr), c.says, command)
			assert.Equal(t, []string{"enlist.yaml", "people.csv"}, o.names(t), c.says)
			assert.Equal(t, [4]int{}, o.counts())
		}
	}
}

// TestInit: a config is written once, and never over another one.
func TestInit(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	require.NoError(t, os.Remove(d.at("enlist.yaml")))
	d.write(t, "people.2026.csv", good)
	code, out, err := d.run(t, "import", "--init", d.at("people.2026.csv"), "--to", "quickblox,usercom")
	require.Equal(t, exitDone, code, err)
	assert.Contains(t, flat(out), "was written. Edit it as its comments say, then run: enlist check")
	assert.Equal(t, []string{"enlist.yaml", "people.2026.csv"}, d.names(t))
	assert.Contains(t, d.read(t, "enlist.yaml"), `job: "people"`)
	code, out, err = d.run(t, "check", d.at("people.2026.csv"))
	assert.Equal(t, exitDone, code, out+err)
	code, _, err = d.run(t, "import", "--init", d.at("people.2026.csv"))
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, flat(err), "exists already and was not changed")
	d.write(t, "people.jsonl", `{"id":1,"mail":"ada@example.com"}`)
	code, _, err = runs(t, nil, "import", "--init", d.at("people.jsonl"), "-c", d.at("other.yaml"), "--job", "x")
	assert.Equal(t, exitDone, code, err)
	assert.Contains(t, d.read(t, "other.yaml"), `email: "mail"`)
	code, _, err = runs(t, nil, "import", "--init", d.at("people.jsonl"), "-c", d.at("third.yaml"), "--to", "acme")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, err, "acme")
	for _, file := range []string{"---.csv", "people.jsonl"} {
		assert.Equal(t, map[string]string{"---.csv": "import", "people.jsonl": "people"}[file], jobOf(file))
	}
}

// TestUndo: it tells what it would delete, asks, and deletes what the import has created.
func TestUndo(t *testing.T) {
	t.Parallel()
	o := newOffice(t, strings.Replace(officeConfig, "{vendor: fusionauth}", "{vendor: fusionauth, adopt: true}", 1))
	file := o.people(t, 3)
	missing := o.run(t, "yes\n", "undo", file)
	assert.Equal(t, exitFailed, missing.code)
	assert.Contains(t, flat(missing.stderr), "no ledger: nothing was imported")
	before := runIn(t.Context(), o.env, "", "create", "--to", "fusionauth", "--email", "row2@planted.example", "--username", "row.2", "--new")
	require.Equal(t, exitDone, before.code)
	require.Equal(t, exitDone, o.run(t, "", "import", file).code)
	assert.Contains(t, o.desk.read(t, "spring.results.csv"), "2,identity,existing,")
	r := o.run(t, "no\n", "undo", file)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.stderr, "This deletes users, for good:\n       2 at identity, and leaves 1 there\n       3 at chat\n       3 at crm\n")
	assert.Contains(t, flat(r.stderr), "nothing was deleted: the answer was not yes. With --yes the command does not ask")
	assert.Equal(t, [4]int{0, 3, 3, 3}, o.counts())
	r = o.run(t, "yes", "undo", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, [4]int{0, 0, 1, 0}, o.counts(), "the one that was there before")
	assert.Contains(t, r.stdout, "results: "+o.at("spring.undo.csv"))
	r = o.run(t, "", "undo", file, "--yes", "-o", "json")
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Contains(t, r.stdout, `"exit_code": 0`)
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code)
	assert.Contains(t, flat(r.stderr), "their keys are closed. To import them again, give the job another name")
	for says, args := range map[string][]string{
		"FILE cannot be standard input":     {"-"},
		"would overwrite the":               {file, "--yes", "--results", file},
		"expected one file":                 {},
		"--progress: expected one of auto,": {file, "--progress", "x"},
		"is a ledger of users at vendor":    {file, "--vendors", o.at("enlist.json"), "--yes"},
	} {
		o.write(t, "enlist.json", `{"fusionauth":{"url":"http://127.0.0.1:1","api_key":"k"},"quickblox":{"url":"http://127.0.0.1:1","api_key":"k"},"usercom":{"url":"http://127.0.0.1:1","api_key":"k"}}`)
		r := o.run(t, "", append([]string{"undo"}, args...)...)
		assert.NotEqual(t, exitDone, r.code)
		assert.Contains(t, flat(r.stderr), says)
	}
}

// TestWithoutConfig: columns that are fields, vendors by their names and their variables suffice.
func TestWithoutConfig(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "")
	o.write(t, "people.jsonl", `{"key":1,"email":"ada@example.com","full_name":"Ada"}`+"\n"+`{"key":2,"email":"Ada@example.com"}`+"\n")
	args := []string{"import", o.at("people.jsonl"), "--to", "fusionauth,usercom", "--ledger", "file:" + o.at("x.ledger"), "--results", o.at("r.csv"), "--rejects", o.at("j.jsonl"), "--in-flight", "1"}
	r := runIn(t.Context(), o.env, "", args...)
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Equal(t, [4]int{0, 0, 1, 2}, o.counts())
	assert.Contains(t, o.desk.read(t, "j.jsonl"), `"email":"Ada@example.com"`)
	s := runIn(t.Context(), o.env, "", "status", "--to", "fusionauth,usercom", "--ledger", "file:"+o.at("x.ledger"))
	assert.Equal(t, exitDone, s.code, s.stderr)
	assert.Contains(t, flat(s.stdout), "job import: 0 refused, 0 open, 0 unknown, of rows at a target; a ledger of file: counts only what is left")
}
