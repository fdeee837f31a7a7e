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

// An Env has the variables that hold credentials. Of a target that is called "crm", and is User.com's,
// the key is CRM_API_KEY, or the content of the file that CRM_API_KEY_FILE names, without its last
// line end. Where no credential has the target's name, it is USERCOM_API_KEY, or the file of
// USERCOM_API_KEY_FILE. The address may be CRM_URL, which wins over the settings, or USERCOM_URL,
// which stands in where they have none; and so may the others that are no secret.
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

// A lookup reads the variables of one target, and notes what is wrong with them.
type lookup struct {
	env    Env
	vendor *vendor
	// ours is whether one of the target's own credentials is set: then all are of those.
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

// own returns the target's own variable, vendors the vendor's.
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

// variables names variables in an error: the target's, and the vendor's in its place.
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

// setting returns what is no secret: the target's own variable, the settings' member, or the
// vendor's variable, whichever is the first to be set.
func (l *lookup) setting(suffix, member string) string {
	if own := l.own(suffix); own != "" {
		return own
	}
	if member != "" {
		return member
	}
	return l.vendors(suffix)
}

// secret returns a credential, or the content of the file in its place.
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

// Secret returns the secret of a variable, or of the file that the variable with _FILE names; "" where
// neither is set. The error names the variable, and shows neither the secret nor the path.
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

// maxSecret bounds what is read of a secret's file.
const maxSecret = 1 << 20

// ReadSecret reads a file that holds a secret, without its last line end. The error does not show
// the path, which may be the secret itself, given by mistake.
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
