package vendors

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// An Env reads the variables of one target. For a User.com target that is called "crm":
//
//   - The API key is CRM_API_KEY, or the content of the file that CRM_API_KEY_FILE names, without its last
//     line end.
//   - If no credential has the target's name, it is USERCOM_API_KEY, or the file of USERCOM_API_KEY_FILE.
//   - The address is the first that is set of CRM_URL, the settings and USERCOM_URL. The same holds for the
//     other variables that are not secret.
type Env struct {
	// Target is the target's name; "" for the vendor's names alone.
	Target string
	// Getenv is os.Getenv, or a test's own.
	Getenv func(string) string
}

// Configured reports whether one of a vendor's variables is set.
func (e Env) Configured(vendorName string) bool {
	v, err := named(vendorName)
	if err != nil {
		return false
	}
	l := e.lookup(v)
	return slices.ContainsFunc(l.vendor.credentials, func(suffix string) bool { return l.isSet(l.own, suffix) || l.isSet(l.vendors, suffix) }) ||
		slices.ContainsFunc(l.vendor.settings, func(suffix string) bool { return l.own(suffix) != "" || l.vendors(suffix) != "" })
}

// Needs says which variables a vendor needs.
func (e Env) Needs(vendorName string) string {
	v, err := named(vendorName)
	if err != nil {
		return err.Error()
	}
	l := e.lookup(v)
	var names []string
	for _, suffixes := range v.needs {
		names = append(names, l.variables(suffixes))
	}
	return strings.Join(names, " and ")
}

// Prefix is how the names of a target's own variables begin: "MY_CRM_" for "my-crm".
func Prefix(target string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(target)) + "_"
}

// A lookup reads the variables of one target, and collects their faults.
type lookup struct {
	env    Env
	vendor *vendor
	// ours is set if one of the target's own credentials is set. Then the vendor's credentials are not used.
	ours   bool
	faults []string
	// owner is for Client.
	owner string
}

func (e Env) lookup(v *vendor) *lookup {
	l := &lookup{env: e, vendor: v}
	l.ours = slices.ContainsFunc(v.credentials, func(suffix string) bool { return l.isSet(l.own, suffix) })
	return l
}

// name is the target's, or the vendor's.
func (l *lookup) name() string {
	if l.env.Target != "" {
		return l.env.Target
	}
	return l.vendor.name
}

func (l *lookup) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// own returns the target's own variable. vendors returns the vendor's variable.
func (l *lookup) own(suffix string) string {
	if l.env.Target == "" {
		return ""
	}
	return strings.TrimSpace(l.env.Getenv(Prefix(l.env.Target) + suffix))
}

func (l *lookup) vendors(suffix string) string {
	return strings.TrimSpace(l.env.Getenv(Prefix(l.vendor.name) + suffix))
}

func (l *lookup) isSet(of func(string) string, suffix string) bool {
	return of(suffix) != "" || of(suffix+"_FILE") != ""
}

// variables names variables for an error: the target's, and the vendor's that would replace them.
func (l *lookup) variables(suffixes string) string {
	prefixes := []string{Prefix(l.vendor.name)}
	if own := Prefix(l.env.Target); l.env.Target != "" && own != prefixes[0] {
		if l.ours {
			prefixes = nil
		}
		prefixes = append([]string{own}, prefixes...)
	}
	var names []string
	for _, prefix := range prefixes {
		for suffix := range strings.SplitSeq(suffixes, " ") {
			names = append(names, prefix+suffix)
		}
	}
	return strings.Join(names, " or ")
}

// setting returns a value that is not secret: the first that is set of the target's own variable, the
// settings' member and the vendor's variable.
func (l *lookup) setting(suffix, member string) string {
	if own := l.own(suffix); own != "" {
		return own
	}
	if member != "" {
		return member
	}
	return l.vendors(suffix)
}

// secret returns a credential from its variable or its file.
func (l *lookup) secret(suffix string) userapi.Secret {
	prefix := Prefix(l.vendor.name)
	if l.ours {
		prefix = Prefix(l.env.Target)
	}
	text, err := Secret(l.env.Getenv, prefix+suffix)
	if err != nil {
		l.fault("%v", err)
	}
	return text
}

// Secret returns the secret of a variable, or of the file that the variable with _FILE names; "" if neither is
// set. The error has the variable's name only.
func Secret(getenv func(string) string, name string) (userapi.Secret, error) {
	value, path := getenv(name), getenv(name+"_FILE")
	switch {
	case path == "":
		return userapi.Secret(value), nil
	case value != "":
		return "", fmt.Errorf("only one of %s and %s_FILE may be set", name, name)
	}
	text, err := ReadSecret(path)
	if err != nil {
		return "", fmt.Errorf("the file for %s %w", name, err)
	}
	return text, nil
}

// maxSecret is the largest size of a secret's file.
const maxSecret = 1 << 20

// ReadSecret reads a file that has a secret, without its last line end. The error does not have the path:
// by mistake, it may be the secret itself.
func ReadSecret(path string) (userapi.Secret, error) {
	text, err := readAll(path)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = fmt.Errorf("cannot be read: %w", at.Err)
	}
	if err != nil {
		return "", err
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		return "", errors.New("is empty")
	}
	return userapi.Secret(text), nil
}

func readAll(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("is longer than %d bytes", maxSecret)
	}
	return string(text), err
}
