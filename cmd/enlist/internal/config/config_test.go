package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
)

const whole = `# A comment.
job: spring
targets:
  identity: {vendor: fusionauth, url: https://login.example.com, tenant: "a-tenant", phone_login: true, per_second: 50, concurrency: 16, adopt: true}
  crm:
    vendor: usercom
    app: acme
    version: v2
    per_second: 2.5
    after: [identity]
    columns: {external_id: "{{ .users.identity.ID }}"}
  chat: {vendor: quickblox, application_id: 6000000000, login: admin, url: "https://api.example.com"}
  wallet: {vendor: mixin, session_keys: keys}
columns: {key: id, email: "E-mail", attributes.plan: Plan}
csv: {comma: "\t", null: "NULL", header: [id, E-mail, Plan]}
ledger: postgres://db.example.com/enlist
in_flight: 128
`

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "enlist.yaml")
	require.NoError(t, os.WriteFile(path, []byte(whole), 0o600))
	c, err := config.Read(path)
	require.NoError(t, err)
	assert.Equal(t, &config.Config{
		Path: path, Dir: filepath.Dir(path),
		Job: "spring",
		Targets: []config.Target{
			{
				Name: "identity", PerSecond: 50, Concurrency: 16, Adopt: true,
				Settings: vendors.Settings{Vendor: "fusionauth", URL: "https://login.example.com", Tenant: "a-tenant", PhoneLogin: true},
			},
			{
				Name: "crm", PerSecond: 2.5, After: []string{"identity"}, Columns: map[string]string{"external_id": "{{ .users.identity.ID }}"},
				Settings: vendors.Settings{Vendor: "usercom", App: "acme", Version: "v2"},
			},
			{Name: "chat", Settings: vendors.Settings{Vendor: "quickblox", ApplicationID: 6000000000, Login: "admin", URL: "https://api.example.com"}},
			{Name: "wallet", Settings: vendors.Settings{Vendor: "mixin", SessionKeys: "keys"}},
		},
		Columns:  map[string]string{"key": "id", "email": "E-mail", "attributes.plan": "Plan"},
		CSV:      config.CSV{Comma: '\t', Null: "NULL", Header: []string{"id", "E-mail", "Plan"}},
		Ledger:   "postgres://db.example.com/enlist",
		InFlight: 128,
	}, c)

	_, err = config.Read(filepath.Join(t.TempDir(), "enlist.yaml"))
	assert.ErrorContains(t, err, "does not exist: enlist import --init FILE writes one")
}

// minimal is a config that the cases below add to.
const minimal = "job: spring\ntargets:\n  crm: {vendor: usercom}\n"

// TestFaults: each fault is told with its line and what is expected, and shows no value.
func TestFaults(t *testing.T) {
	t.Parallel()
	const planted = "pLanTed"
	for _, c := range []struct{ text, says string }{
		{"", "enlist.yaml:1: the file is empty"},
		{"# nothing\n", "enlist.yaml:1: the file is empty"},
		{planted, "enlist.yaml:1: the config: members are expected, such as name: value, not such a text"},
		{"job: spring\n", "enlist.yaml:1: targets: at least one target is expected"},
		{"job: spring\ntargets:\n", "enlist.yaml:2: targets: members are expected, such as name: value, not nothing"},
		{minimal + "jbo: x\n", `enlist.yaml:4: the config: unknown member "jbo"; expected are columns, csv, in_flight, job, ledger, queue, targets`},
		{minimal + "\"" + planted + " !\": x\n", `enlist.yaml:4: the config: unknown member; expected are`},
		{minimal + "job: " + planted + "\n", `enlist.yaml:4: the config: the member "job" appears twice, first on line 1`},
		{minimal + "columns: {key: id, key: nr}\n", `enlist.yaml:4: columns: the member "key" appears twice, first on line 4`},
		{minimal + "columns: {key: 7}\n", "enlist.yaml:4: columns.key: a text is expected, not such a number. Put quotes around a text that looks like a number or true"},
		{minimal + "columns: [" + planted + "]\n", "enlist.yaml:4: columns: members are expected, such as name: value, not a list"},
		{minimal + "columns: {[a]: b}\n", "enlist.yaml:4: columns: the name of a member is expected"},
		{minimal + "in_flight: " + planted + "\n", "enlist.yaml:4: in_flight: a whole number of at least 0 is expected, such as 16, not such a text"},
		{minimal + "in_flight: -1\n", "enlist.yaml:4: in_flight: a whole number"},
		{minimal + "in_flight: 1.5\n", "enlist.yaml:4: in_flight: a whole number"},
		{minimal + "csv: {comma: " + planted + "}\n", "enlist.yaml:4: csv.comma: one ASCII character is expected"},
		{minimal + "csv: {header: x}\n", "enlist.yaml:4: csv.header: a list of texts is expected, such as [one, two], not such a text"},
		{minimal + "---\njob: other\n", "enlist.yaml:4: one document is expected, but a second one begins"},
		{minimal + "  x: " + planted + "\n bad\n", "the file is not YAML"},
		{minimal + "ledger: *" + planted + "\n", "the file is not YAML: a text that begins with * or & needs quotes"},
		{minimal + "api_key: " + planted + "\n", "enlist.yaml:4: the config: api_key is a credential and must not be in the config: set the target's variable, such as CRM_API_KEY"},
		{minimal + "ledger: mysql://" + planted + "\n", "enlist.yaml:4: ledger: sqlite:PATH, file:PATH or postgres://HOST/DATABASE is expected"},
		{minimal + "ledger: postgres://me:" + planted + "@db/x\n", "enlist.yaml:4: ledger: must not have a password: set the variable PGPASSWORD, or PGPASSFILE"},
		{minimal + "ledger: postgres://db/x?password=" + planted + "\n", "enlist.yaml:4: ledger: must not have a password"},
		{minimal + "ledger: [sqlite]\n", "enlist.yaml:4: ledger: a text is expected, not a list"},
		{minimal + "  crm-x: {vendor: " + planted + "}\n", "enlist.yaml:4: targets.crm-x.vendor: one of mixin, quickblox, fusionauth, usercom is expected"},
		{minimal + "  x: {}\n", "enlist.yaml:4: targets.x.vendor: one of mixin"},
		{minimal + "  x: {vendor: fusionauth, api_key: " + planted + "}\n", "enlist.yaml:4: targets.x.api_key: a credential must not be in the config: set the variable X_API_KEY, or X_API_KEY_FILE to the path"},
		{minimal + "  my-chat: {vendor: quickblox, Auth-Secret: " + planted + "}\n", "set the variable MY_CHAT_AUTH_SECRET, or MY_CHAT_AUTH_SECRET_FILE"},
		{minimal + "  w: {vendor: mixin, keystore_file: " + planted + "}\n", "set the variable W_KEYSTORE"},
		{minimal + "  x: {vendor: fusionauth, app: " + planted + "}\n", "enlist.yaml:4: targets.x.app: only usercom has this member"},
		{minimal + "  x: {vendor: fusionauth, url: https://me:" + planted + "@example.com}\n", "enlist.yaml:4: targets.x.url: an address without a user and a password is expected"},
		{minimal + "  x: {vendor: fusionauth, per_second: fast}\n", "enlist.yaml:4: targets.x.per_second: a number of at least 0 is expected"},
		{minimal + "  x: {vendor: fusionauth, per_second: .nan}\n", "enlist.yaml:4: targets.x.per_second: a number of at least 0 is expected"},
		{minimal + "  x: {vendor: fusionauth, adopt: 1}\n", "enlist.yaml:4: targets.x.adopt: true or false is expected, not such a number"},
		{minimal + "  x: {vendor: fusionauth, tennant: a}\n", `enlist.yaml:4: targets.x: unknown member "tennant"; expected are adopt, after, app,`},
		{minimal + "  x: {vendor: fusionauth, after: [y]}\n", "enlist.yaml:4: targets.x.after: the name of another target is expected"},
		{minimal + "  x:\n    vendor: fusionauth\n    after: [x]\n", "enlist.yaml:6: targets.x.after: a target cannot come after itself: x after x"},
		{minimal + "  x: {vendor: fusionauth, after: [crm, y]}\n  y: {vendor: mixin, after: [z]}\n  z: {vendor: mixin, after: [x]}\n", "enlist.yaml:4: targets.x.after: a target cannot come after itself: x after y after z after x\nenlist.yaml:5: targets.y.after:"},
		{minimal + "  x:\n    vendor: fusionauth\n    url: ftp://" + planted + "\n", "enlist.yaml:6: targets.x.url: the address must begin with https:// or http://"},
		{minimal + "  x: {vendor: quickblox, url: \"http://" + planted + ".example.com\"}\n", "enlist.yaml:4: targets.x.url: the address must be https beyond loopback"},
		{minimal + "  x: {vendor: mixin, url: " + planted + "}\n", "enlist.yaml:4: targets.x.url: the address must be an absolute URL, such as https://host"},
		{minimal + "  x: {vendor: usercom, url: \"https://" + planted + "/?a=b\"}\n", "enlist.yaml:4: targets.x.url: the address must not contain a query or fragment"},
		{minimal + "  CRM: {vendor: usercom}\n", "enlist.yaml:4: targets.CRM: the variables of target crm also begin with CRM_. Another name is expected"},
		{minimal + "  mixin: {vendor: usercom}\n", "enlist.yaml:4: targets.mixin: the variables of every mixin begin with MIXIN_. Another name is expected"},
		{minimal + "  \"" + planted + " x\": {vendor: usercom}\n", "enlist.yaml:4: targets: a name of 1 to 64 letters"},
		{"job: " + planted + "/x\ntargets: {crm: {vendor: usercom}}\n", "enlist.yaml:1: job: 1 to 100 letters"},
	} {
		_, err := config.Parse("enlist.yaml", []byte(c.text))
		if !assert.Error(t, err, c.text) {
			continue
		}
		assert.Contains(t, err.Error(), c.says)
		assert.NotContains(t, err.Error(), planted)
	}

	_, err := config.Parse("enlist.yaml", []byte("job: 1\ntargets: {x: {vendor: 7}}\nnope: 1\n"))
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 4, "every fault is told")
}

// TestAlias: a part of the file may be used again.
func TestAlias(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("enlist.yaml", []byte("targets:\n  a: {vendor: usercom, columns: &c {email: mail}}\n  b: {vendor: quickblox, columns: *c}\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"email": "mail"}, c.Targets[1].Columns)
}

// TestDraft: a config from a header is one that is read once what it asks for is filled in.
func TestDraft(t *testing.T) {
	t.Parallel()
	header := []string{"ID", "E-mail", "First name", "surname", "Date of birth", "Pass", "a \"note\"\n", "Phone"}
	text := config.Draft("people.csv", "people", header, []string{"fusionauth", "usercom"})
	c, err := config.Parse("enlist.yaml", []byte(text))
	require.NoError(t, err, text)
	assert.Equal(t, "people", c.Job)
	assert.Equal(t, map[string]string{
		"key": "ID", "email": "E-mail", "given_name": "First name", "family_name": "surname",
		"password": "Pass", "phone": "Phone", "fusionauth.birth_date": "Date of birth",
	}, c.Columns)
	require.Len(t, c.Targets, 2)
	assert.Equal(t, "fusionauth", c.Targets[0].Vendor)
	assert.Contains(t, text, `# "attributes.a \"note\"\u000a": "a \"note\"\u000a"`)
	assert.Contains(t, text, "CRM_API_KEY")
	_, err = config.Parse("enlist.yaml", []byte(strings.ReplaceAll(text, `  # "attributes`, `  "attributes`)))
	require.NoError(t, err, text)

	without := config.Draft("people.csv", "people", []string{"mail", "dob"}, []string{"usercom"})
	c, err = config.Parse("enlist.yaml", []byte(without))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"key": "", "email": "mail"}, c.Columns)
	assert.Contains(t, without, "FILL IN: a column that identifies each row and never changes")

	all := config.Draft("people.csv", "people", header, nil)
	_, err = config.Parse("enlist.yaml", []byte(all))
	require.ErrorContains(t, err, "targets: members are expected")
	for _, vendor := range vendors.Names() {
		assert.Contains(t, all, "#   vendor: "+vendor)
	}
	c, err = config.Parse("enlist.yaml", []byte(uncommented(all)))
	require.NoError(t, err, uncommented(all))
	assert.Len(t, c.Targets, 4)
}

// uncommented takes the mark away from the examples of targets.
func uncommented(text string) string {
	before, after, _ := strings.Cut(text, "targets:\n")
	targets, rest, _ := strings.Cut(after, "\n\n")
	return before + "targets:\n" + strings.ReplaceAll("\n"+targets, "\n  # ", "\n  ") + "\n\n" + rest
}

// TestDocument: the config of docs/bulk.md is one, and the document has every member.
func TestDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "bulk.md"))
	require.NoError(t, err)
	_, block, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	c, err := config.Parse("enlist.yaml", []byte(block))
	require.NoError(t, err)
	assert.Equal(t, []string{"identity"}, c.Targets[1].After)
	_, err = config.Parse("enlist.yaml", []byte("x: 1\ntargets: {y: {vendor: mixin, x: 1}}\ncsv: {x: 1}\n"))
	require.Error(t, err)
	for line := range strings.Lines(err.Error()) {
		_, members, _ := strings.Cut(strings.TrimSpace(line), "expected are ")
		for member := range strings.SplitSeq(members, ", ") {
			assert.Contains(t, string(text), "`"+member+"`", line)
		}
	}
}
