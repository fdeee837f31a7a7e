package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
)

// spellings has names of columns for each field, in lower case and with letters and digits only. The first
// column that fits is taken.
var spellings = []struct {
	field string
	names []string
}{
	{"key", []string{"key", "id", "userid", "uid", "uuid", "guid", "customerid", "memberid", "personid", "accountid", "recordid", "externalid", "nr", "no", "number"}},
	{"external_id", []string{"externalid", "extid"}},
	{"email", []string{"email", "mail", "emailaddress", "mailaddress"}},
	{"username", []string{"username", "login", "loginname", "nickname", "handle"}},
	{"phone", []string{"phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "cell", "cellphone"}},
	{"password", []string{"password", "passwd", "pwd", "pass"}},
	{"full_name", []string{"fullname", "name", "displayname"}},
	{"given_name", []string{"givenname", "firstname", "first", "forename"}},
	{"family_name", []string{"familyname", "lastname", "last", "surname"}},
	{"timezone", []string{"timezone", "tz"}},
	{"language", []string{"language", "lang", "locale"}},
	{"tags", []string{"tags", "labels"}},
	{"fusionauth.birth_date", []string{"birthdate", "birthday", "dateofbirth", "dob"}},
}

// letters returns the letters and digits of a header, in lower case.
func letters(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// Draft returns a config for a file with these columns. targets are the vendors; without any, the config has an
// example of each as a comment. Comments say what to fill in.
func Draft(file, job string, header, targets []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The config of enlist check and enlist import for %s. It has no credentials.", quoted(file))
	line("")
	line("# The job's name is part of each row's key. Do not change it.")
	line("job: %s", quoted(job))
	line("")
	line("# Where each row gets a user. You choose the name before the colon. Do not change it later.")
	if len(targets) == 0 {
		line("# FILL IN: remove the # from the targets that you need.")
	}
	line("targets:")
	for _, t := range drafts {
		switch {
		case len(targets) == 0:
			for text := range strings.Lines(t.text) {
				b.WriteString("  # " + text)
			}
		case slices.Contains(targets, t.vendor):
			for text := range strings.Lines(t.text) {
				b.WriteString("  " + text)
			}
		}
	}
	line("")
	line("# The column of each field, or a template such as")
	line(`# full_name: "{{ .first }} {{ .last }}"`)
	line("columns:")
	fields, unused := guess(header)
	if _, found := fields["key"]; !found {
		line(`  key: ""  # FILL IN: a column that identifies each row and never changes, such as a customer number`)
	}
	for _, s := range spellings {
		if column, found := fields[s.field]; found {
			comment := ""
			if s.field == "key" {
				comment = "  # check that it identifies each row and never changes"
			}
			if strings.Contains(s.field, ".") && len(targets) > 0 && !slices.Contains(targets, strings.Split(s.field, ".")[0]) {
				unused = append(unused, column)
				continue
			}
			line("  %s: %s%s", s.field, quoted(column), comment)
		}
	}
	if len(unused) > 0 {
		line("  # Columns that are not used. Remove the # to keep one as an attribute.")
	}
	for _, column := range unused {
		line("  # %s: %s", quoted("attributes."+column), quoted(column))
	}
	line("")
	line("# The ledger records what is done. This is its default.")
	line("# ledger: %s", quoted("sqlite:"+job+".db"))
	return b.String()
}

// guess finds the columns of fields, and returns the other columns.
func guess(header []string) (fields map[string]string, unused []string) {
	fields = map[string]string{}
	taken := map[string]bool{}
	for _, s := range spellings {
		for _, name := range s.names {
			i := slices.IndexFunc(header, func(column string) bool { return !taken[column] && letters(column) == name })
			if i >= 0 {
				fields[s.field] = header[i]
				taken[header[i]] = true
				break
			}
		}
	}
	for _, column := range header {
		if !taken[column] {
			unused = append(unused, column)
		}
	}
	return fields, unused
}

// quoted returns a text in double quotes, as YAML has it.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0xa0 || r >= 0x2028 && r <= 0x2029 || r == 0xfeff || r == unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// drafts has the targets of a new config.
var drafts = func() []struct{ vendor, text string } {
	text := map[string]string{
		"fusionauth": `identity:
  vendor: fusionauth
  url: "https://login.example.com"  # FILL IN: the server
  # tenant: ""  # if there are several
  # per_second: 50  # what your server can take
  # Set IDENTITY_API_KEY, or IDENTITY_API_KEY_FILE to the path of a file with the key.
`,
		"quickblox": `chat:
  vendor: quickblox
  # url: "https://api.quickblox.com"  # another one if your plan has its own servers
  per_second: 50  # what your plan allows, minus your other calls
  # Set CHAT_API_KEY, or CHAT_API_KEY_FILE.
`,
		"usercom": `crm:
  vendor: usercom
  app: "acme"  # FILL IN: the application, as in acme.user.com
  per_second: 10  # no limit is published; enlist slows down at a 429
  # Set CRM_API_KEY, or CRM_API_KEY_FILE.
`,
		"mixin": `wallet:
  vendor: mixin
  session_keys: "session-keys"  # a directory of mode 0700. Without it the users are lost
  # Set WALLET_KEYSTORE, or WALLET_KEYSTORE_FILE.
`,
	}
	var all []struct{ vendor, text string }
	for _, name := range vendors.Names() {
		all = append(all, struct{ vendor, text string }{name, text[name]})
	}
	return all
}()
