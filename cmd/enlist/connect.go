package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
)

// variablesHelp is the end of the help of each command that calls vendors.
const variablesHelp = `
Configure the vendors with environment variables. A variable marked * can also
be given as a file: add _FILE to its name, as in USERCOM_API_KEY_FILE.
  FusionAuth  FUSIONAUTH_URL, FUSIONAUTH_API_KEY *, FUSIONAUTH_TENANT_ID
  User.com    USERCOM_APP, USERCOM_API_KEY *, USERCOM_VERSION (v1 or v2)
  QuickBlox   one of:
                QUICKBLOX_API_KEY *
                QUICKBLOX_SESSION_TOKEN *
                QUICKBLOX_APPLICATION_ID, QUICKBLOX_AUTH_KEY * and
                QUICKBLOX_AUTH_SECRET *; for a user's session also
                QUICKBLOX_PASSWORD * and QUICKBLOX_LOGIN or QUICKBLOX_EMAIL
  Mixin       MIXIN_KEYSTORE *: the keystore's JSON, or the path of its file
              MIXIN_SESSION_KEYS: the same as --session-keys
  Addresses   USERCOM_URL, QUICKBLOX_URL and MIXIN_URL replace the vendor's own
`

// vendorFlags say which vendors are called, and where they are.
type vendorFlags struct {
	whereFlags

	to                   []string
	keystore, apiKeyFile string
	sessionKeys          string
	timeout              time.Duration
}

func (v *vendorFlags) add(fs *pflag.FlagSet) {
	v.addVendors(fs)
	v.addOwn(fs)
}

// addOwn adds what the commands for one user have.
func (v *vendorFlags) addOwn(fs *pflag.FlagSet) {
	fs.StringVar(&v.keystore, "keystore", "", "the `file` with Mixin's keystore, as downloaded from the dashboard")
	fs.DurationVar(&v.timeout, "timeout", time.Minute, "the time limit for the whole run, such as 90s")
}

func (v *vendorFlags) addCreate(fs *pflag.FlagSet) {
	v.whereFlags.add(fs)
	v.addOwn(fs)
	addTo(fs, &v.to)
	fs.StringVar(&v.apiKeyFile, "api-key-file", "", "a `file` with the API key; --to must name one vendor")
	fs.StringVar(&v.sessionKeys, "session-keys", "", "the `directory` for the session keys of Mixin's new users. A Mixin user without its key is lost. With --vendors, .fakes is added to the name")
}

func addTo(fs *pflag.FlagSet, to *[]string) {
	fs.StringSliceVar(to, "to", nil, "the `vendors`, separated by commas: "+strings.Join(vendors.Names(), ", ")+"; default: all that are configured")
}

// checkTo refuses an unknown vendor, and one that is named twice.
func checkTo(to []string) error {
	for i, name := range to {
		if !slices.Contains(vendors.Names(), name) {
			return fmt.Errorf("--to: unknown vendor %q; expected %s", name, strings.Join(vendors.Names(), ", "))
		}
		if slices.Contains(to[:i], name) {
			return fmt.Errorf("--to names %s twice", name)
		}
	}
	return nil
}

// check finds flags that do not go together.
func (v *vendorFlags) check() error {
	if err := errors.Join(checkTo(v.to), v.whereFlags.check()); err != nil {
		return err
	}
	switch {
	case v.timeout <= 0:
		return errors.New("--timeout must be positive, such as 90s")
	case v.fakes && v.sessionKeys != "":
		return errors.New("--session-keys cannot be used with --fakes, whose users end with the command")
	case v.apiKeyFile != "" && (len(v.to) != 1 || v.to[0] == mixin.Name):
		return errors.New("--api-key-file needs --to with one of quickblox, fusionauth, usercom")
	case v.apiKeyFile+v.keystore != "" && (v.fakes || v.vendors != ""):
		return errors.New("--keystore and --api-key-file cannot be used with fakes, which have their own credentials")
	}
	return nil
}

// getenv returns a Getenv in which the flags for files replace the variables.
func (v *vendorFlags) getenv(env *environment) func(string) string {
	files := map[string]string{}
	if v.keystore != "" {
		files["MIXIN_KEYSTORE"] = v.keystore
	}
	if v.apiKeyFile != "" {
		files[vendors.Prefix(v.to[0])+"API_KEY"] = v.apiKeyFile
	}
	return func(name string) string {
		if files[name] != "" {
			return ""
		}
		if path := files[strings.TrimSuffix(name, "_FILE")]; path != "" {
			return path
		}
		return env.getenv(name)
	}
}

// byFlags replaces variables in an error by the flags for files that were given instead.
func (v *vendorFlags) byFlags(err error) error {
	var bad *vendors.Error
	if errors.As(err, &bad) {
		for i, fault := range bad.Faults {
			if v.keystore != "" {
				fault = strings.ReplaceAll(fault, "MIXIN_KEYSTORE", "--keystore")
			}
			if v.apiKeyFile != "" {
				fault = strings.ReplaceAll(fault, vendors.Prefix(v.to[0])+"API_KEY", "--api-key-file")
			}
			bad.Faults[i] = fault
		}
	}
	return err
}

// connect makes the clients, in the order of vendors.Names. The error lists every fault. Call closeAll,
// also after an error. creates is set if users are to be created.
func (v *vendorFlags) connect(ctx context.Context, env *environment, creates bool) (clients []vendors.Client, closeAll func(), err error) {
	at, err := v.open(ctx, env, nil)
	closeAll = func() {
		for _, c := range clients {
			c.Close()
		}
		at.close()
	}
	if err != nil {
		return nil, closeAll, err
	}
	v.sessionKeys = cmp.Or(v.sessionKeys, env.getenv("MIXIN_SESSION_KEYS"))
	switch {
	case v.fakes: // their users end with the command: the keys go to a temporary directory
		v.sessionKeys = at.keys
	case v.vendors != "" && v.sessionKeys != "":
		v.sessionKeys = ofFakes(v.sessionKeys)
	}
	variables := vendors.Env{Getenv: v.getenv(env)}
	var faults []error
	for _, name := range vendors.Names() {
		from, isAnnounced := at.announced[name]
		if len(v.to) > 0 && !slices.Contains(v.to, name) || len(v.to) == 0 && !isAnnounced && (at.announced != nil || !variables.Configured(name)) {
			continue
		}
		if at.announced != nil && !isAnnounced {
			faults = append(faults, fmt.Errorf("%s: not in the file of --vendors", name))
			continue
		}
		settings := vendors.Settings{Vendor: name, SessionKeys: v.sessionKeys}
		var c vendors.Client
		if isAnnounced {
			c, err = from.New(name, settings, userapi.HTTPOptions{})
		} else {
			c, err = vendors.New(settings, variables, userapi.HTTPOptions{})
		}
		if err != nil {
			faults = append(faults, v.byFlags(err))
			continue
		}
		if name == mixin.Name && creates && v.sessionKeys == "" {
			faults = append(faults, errors.New("mixin: --session-keys or MIXIN_SESSION_KEYS must be set: a new user without its session key is lost"))
		}
		clients = append(clients, c)
	}
	if len(clients)+len(faults) == 0 {
		faults = append(faults, notConfigured(variables))
	}
	if err := errors.Join(faults...); err != nil {
		return clients, closeAll, &exitError{exitUsage, err}
	}
	return clients, closeAll, nil
}

// notConfigured lists the variables of each vendor.
func notConfigured(variables vendors.Env) error {
	text := "no vendor is configured. Set the variables of one or more of them:"
	for _, name := range vendors.Names() {
		text += "\n  " + name + ": " + variables.Needs(name)
	}
	return errors.New(text + "\nor try --fakes, which sends nothing to a vendor")
}
