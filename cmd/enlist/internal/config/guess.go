package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
)

// spellings are what people call the fields, in small letters and without what is neither a letter
// nor a digit. The first column that fits is taken.
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

// letters returns what a header has in common with its other spellings.
func letters(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// Draft writes a config for a file with these columns. targets are the vendors that it is for;
// without any, an example of each stands there as a comment. Its comments say what to fill in.
func Draft(file, job string, header, targets []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What enlist check and enlist import do with %s. Credentials are not in here.", quoted(file))
	line("")
	line("# The job's name is part of each row's key: keep it from run to run.")
	line("job: %s", quoted(job))
	line("")
	line("# Where each row gets a user. The name before the colon is yours, and does not change either.")
	if len(targets) == 0 {
		line("# FILL IN: take the # away from the targets that you need.")
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
	line("# Which field comes from which column, or from a template such as")
	line(`# full_name: "{{ .first }} {{ .last }}"`)
	line("columns:")
	fields, unused := guess(header)
	if _, found := fields["key"]; !found {
		line(`  key: ""  # FILL IN: the column that names a row for good, such as a customer's number`)
	}
	for _, s := range spellings {
		if column, found := fields[s.field]; found {
			comment := ""
			if s.field == "key" {
				comment = "  # it must name each row for good: check that it does"
			}
			if strings.Contains(s.field, ".") && len(targets) > 0 && !slices.Contains(targets, strings.Split(s.field, ".")[0]) {
				unused = append(unused, column)
				continue
			}
			line("  %s: %s%s", s.field, quoted(column), comment)
		}
	}
	if len(unused) > 0 {
		line("  # Columns that nothing comes from yet. Take the # away to keep one as an attribute.")
	}
	for _, column := range unused {
		line("  # %s: %s", quoted("attributes."+column), quoted(column))
	}
	line("")
	line("# What is done already stands in the ledger; this is its default.")
	line("# ledger: %s", quoted("sqlite:"+job+".db"))
	return b.String()
}

// guess finds the columns of fields, and returns those that are left.
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

// quoted writes a text as YAML has it in double quotes.
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

// drafts are the targets of a new config, with what is to be filled in.
var drafts = func() []struct{ vendor, text string } {
	text := map[string]string{
		"fusionauth": `identity:
  vendor: fusionauth
  url: "https://login.example.com"  # FILL IN: the server
  # tenant: ""  # where there are several
  # per_second: 50  # the server is yours: what it can take
  # Set IDENTITY_API_KEY, or IDENTITY_API_KEY_FILE to the path of a file with the key.
`,
		"quickblox": `chat:
  vendor: quickblox
  # url: "https://api.quickblox.com"  # another one for a plan with servers of its own
  per_second: 50  # what your plan allows, less what else of yours calls it
  # Set CHAT_API_KEY, or CHAT_API_KEY_FILE.
`,
		"usercom": `crm:
  vendor: usercom
  app: "acme"  # FILL IN: the application, as in acme.user.com
  per_second: 10  # no limit is published; a 429 slows it down by itself
  # Set CRM_API_KEY, or CRM_API_KEY_FILE.
`,
		"mixin": `wallet:
  vendor: mixin
  session_keys: "session-keys"  # a directory of mode 0700: who loses it loses the users
  # Set WALLET_KEYSTORE, or WALLET_KEYSTORE_FILE.
`,
	}
	var all []struct{ vendor, text string }
	for _, name := range vendors.Names() {
		all = append(all, struct{ vendor, text string }{name, text[name]})
	}
	return all
}()
