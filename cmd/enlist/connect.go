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
A vendor is configured by variables. Those marked * may be given as a file: the
same name with _FILE, such as USERCOM_API_KEY_FILE.
  FUSIONAUTH_URL, FUSIONAUTH_API_KEY *, FUSIONAUTH_TENANT_ID
  USERCOM_APP, USERCOM_API_KEY *, USERCOM_VERSION (v1 or v2)
  QUICKBLOX_API_KEY *, or QUICKBLOX_SESSION_TOKEN *, or QUICKBLOX_APPLICATION_ID
    with QUICKBLOX_AUTH_KEY * and QUICKBLOX_AUTH_SECRET *, and for a user's
    session QUICKBLOX_LOGIN or QUICKBLOX_EMAIL, and QUICKBLOX_PASSWORD *
  MIXIN_KEYSTORE *: the keystore's JSON, or the path of a file with it
  MIXIN_SESSION_KEYS: as --session-keys
  USERCOM_URL, QUICKBLOX_URL, MIXIN_URL: another address than the vendor's own
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
	fs.StringVar(&v.keystore, "keystore", "", "the `file` with Mixin's keystore, as the dashboard hands it out")
	fs.DurationVar(&v.timeout, "timeout", time.Minute, "bound on the whole run, such as 90s")
}

func (v *vendorFlags) addCreate(fs *pflag.FlagSet) {
	v.whereFlags.add(fs)
	v.addOwn(fs)
	addTo(fs, &v.to)
	fs.StringVar(&v.apiKeyFile, "api-key-file", "", "the `file` with the API key of the one vendor that --to names")
	fs.StringVar(&v.sessionKeys, "session-keys", "", "the `directory` that keeps the session keys of Mixin's new users; without its key a user at Mixin is lost. With --vendors the keys are in that name and .fakes")
}

func addTo(fs *pflag.FlagSet, to *[]string) {
	fs.StringSliceVar(to, "to", nil, "the `vendors`, with commas: "+strings.Join(vendors.Names(), ", ")+". Otherwise all that are configured")
}

// checkTo refuses what is not a vendor, or is there twice.
func checkTo(to []string) error {
	for i, name := range to {
		if !slices.Contains(vendors.Names(), name) {
			return fmt.Errorf("--to: there is no vendor %q; there are %s", name, strings.Join(vendors.Names(), ", "))
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
		return errors.New("--session-keys is not for --fakes, whose users end with the command")
	case v.apiKeyFile != "" && (len(v.to) != 1 || v.to[0] == mixin.Name):
		return errors.New("--api-key-file needs --to with one of quickblox, fusionauth, usercom, whose key it is")
	case v.apiKeyFile+v.keystore != "" && (v.fakes || v.vendors != ""):
		return errors.New("--keystore and --api-key-file are not for fakes, whose credentials are known")
	}
	return nil
}

// getenv has the flags for files win over the variables.
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

// byFlags has an error name a flag for a file in place of the variable that stands behind it.
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

// connect makes the clients, in the order of vendors.Names. The error has all that is wrong. What
// is returned is to be closed, also with an error. creates is whether users are to be created.
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
	case v.fakes: // whose users end with the command: no directory may know them
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
			faults = append(faults, fmt.Errorf("%s: --vendors does not have it", name))
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
			faults = append(faults, errors.New("mixin: --session-keys or MIXIN_SESSION_KEYS must be set: without its session key a new user is lost"))
		}
		clients = append(clients, c)
	}
	if len(clients)+len(faults) == 0 {
		faults = append(faults, nobody(variables))
	}
	if err := errors.Join(faults...); err != nil {
		return clients, closeAll, &exitError{exitUsage, err}
	}
	return clients, closeAll, nil
}

// nobody says what configures each vendor.
func nobody(variables vendors.Env) error {
	text := "no vendor is configured. Set the variables of one or more of them:"
	for _, name := range vendors.Names() {
		text += "\n  " + name + ": " + variables.Needs(name)
	}
	return errors.New(text + "\nor try it with --fakes, which sends nothing to a vendor")
}
