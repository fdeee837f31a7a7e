package config

import (
	"errors"
	"net/url"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
)

// credentials maps members that look like credentials to their variables.
var credentials = map[string]string{
	"api_key": "API_KEY", "apikey": "API_KEY", "key": "API_KEY", "token": "API_KEY", "secret": "API_KEY", "authorization": "API_KEY",
	"session_token": "SESSION_TOKEN", "auth_key": "AUTH_KEY", "auth_secret": "AUTH_SECRET", "password": "PASSWORD",
	"keystore": "KEYSTORE", "private_key": "KEYSTORE", "session_private_key": "KEYSTORE",
}

const credentialHint = "set the target's variable, such as CRM_API_KEY for the target crm, or CRM_API_KEY_FILE to the path of a file"

func plainMember(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSuffix(name, "_file")), "-", "_")
}

func isCredential(name string) bool {
	_, is := credentials[plainMember(name)]
	return is
}

// credentialVariable names the variable for a credential of a target.
func credentialVariable(target, member string) string {
	name := vendors.Prefix(target) + credentials[plainMember(member)]
	return "set the variable " + name + ", or " + name + "_FILE to the path of a file that holds it"
}

// Kinds of ledgers, by the beginning of their location.
const (
	SQLite     = "sqlite:"
	File       = "file:"
	Postgres   = "postgres://"
	Postgresql = "postgresql://"
)

// ErrURL is the error of a URL that the driver of PostgreSQL cannot use. The driver's own text may show parts
// of the URL.
var ErrURL = errors.New("the URL, one of its parameters, or a PG variable of the environment is invalid: postgres://HOST/DATABASE is expected")

// CheckLedger checks the location of a ledger. It refuses a password, which would be in a file or in the list
// of the machine's processes.
func CheckLedger(at string) error {
	switch {
	case strings.HasPrefix(at, SQLite) && len(at) > len(SQLite), strings.HasPrefix(at, File) && len(at) > len(File):
		return nil
	case strings.HasPrefix(at, Postgres), strings.HasPrefix(at, Postgresql):
		if hasPassword(at) {
			return errors.New("must not have a password: set the variable PGPASSWORD, or PGPASSFILE to the path of a password file")
		}
		return nil
	}
	return errors.New("sqlite:PATH, file:PATH or postgres://HOST/DATABASE is expected")
}

// CheckQueue checks the location of a queue. It refuses a password, as CheckLedger does.
func CheckQueue(at string) error {
	err := CheckLedger(at)
	if strings.HasPrefix(at, File) || err != nil && !strings.HasPrefix(at, Postgres) && !strings.HasPrefix(at, Postgresql) {
		return errors.New("postgres://HOST/DATABASE or sqlite:PATH is expected")
	}
	return err
}

// hasPassword reports whether an address has a password, or may have one.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@")
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password") || u.Query().Has("sslpassword")
}
