package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

const usage = `Usage: createuser [flags]

Creates a user at Mixin, QuickBlox, FusionAuth and User.com, and says of each
whether the user now exists.

Without any setting it starts fakes of the four vendors on this machine and creates
at each the user of the vendor's own documentation, over real HTTP with real
signatures. As soon as one vendor is configured, by a variable or a file as below,
only configured vendors are called, and no fake.

Who to create:
  -email text, -username text, -phone text, -external-id text, -name text
  -tag text               a tag; may be repeated
  -attr name=text         a custom value; may be repeated
  -in file                a JSON object, "-" for standard input, with any of
                          idempotency_key, external_id, username, email, phone,
                          password, full_name, given_name, family_name, timezone,
                          language, tags, attributes, strict. The flags above win
                          over it; tags and custom values are added to it.
  -password-file file     holds the password; a line break at its end is no part of
                          it. No flag takes the password itself: others on the
                          machine see a program's flags.
  -sample                 each vendor's own sample user, as without any setting. At a
                          configured vendor it takes a password of yours, where the
                          vendor has passwords: those of the samples are public.
  -strict                 refuse what a vendor cannot store, in place of leaving it out

Where:
  -provider list          of mixin, quickblox, fusionauth, usercom, with commas;
                          otherwise every configured vendor, or every fake
  -keystore file          Mixin's keystore, as the dashboard hands it out
  -api-key-file file      the API key of the one vendor that -provider names
  -session-key-file file  where to store the new Mixin user's session key, before
                          anything is sent. The file must not exist. Required at
                          Mixin itself; at its fake the key is not kept otherwise.

How:
  -timeout duration       bound on the whole run, such as 90s; 1m unless set
  -json                   print one JSON document in place of a table
  -h                      print this

Variables. A vendor is configured as soon as one of its variables is set. Those
marked * may be given as a file: the same name with _FILE, such as
USERCOM_API_KEY_FILE. The flags for files win over them.
  CREATEUSER_PASSWORD *       the password
  MIXIN_KEYSTORE *            the keystore's JSON, or the path of a file with it
  QUICKBLOX_API_KEY *         the API key, or
  QUICKBLOX_SESSION_TOKEN *   a session's token, or
  QUICKBLOX_APPLICATION_ID, QUICKBLOX_AUTH_KEY, QUICKBLOX_AUTH_SECRET *
                              what obtains sessions; of a user's with
  QUICKBLOX_LOGIN or QUICKBLOX_EMAIL, and QUICKBLOX_PASSWORD *
  FUSIONAUTH_URL              the server
  FUSIONAUTH_API_KEY *        the API key
  FUSIONAUTH_TENANT_ID        the tenant, where there are several
  USERCOM_APP                 the application: acme, or acme.user.com
  USERCOM_API_KEY *           the API key
  MIXIN_URL, QUICKBLOX_URL, USERCOM_URL
                              another address than the vendor's own

The report goes to standard output. Each failure is explained on one line of
standard error: what went wrong, whether the user exists, and what to do next. A
user that one of the vendors could not take is created at none of them.

Exit codes:
  0  created everywhere
  1  not created somewhere, and no user can exist there
  2  wrong flags, settings or files; nothing was sent
  3  somewhere a user may exist although the call failed: see standard error
`

// options are the flags.
type options struct {
	user                       userapi.CreateUserRequest
	in                         string
	sample, strict, json       bool
	timeout                    time.Duration
	providers                  []string
	passwordFile, keystoreFile string
	apiKeyFile, sessionKeyFile string
	userFlags                  bool // a flag describes the user
}

const defaultTimeout = time.Minute

func parseFlags(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("createuser", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	for name, field := range map[string]*string{
		"email": &o.user.Email, "username": &o.user.Username, "phone": &o.user.Phone,
		"external-id": &o.user.ExternalID, "name": &o.user.FullName,
	} {
		fs.Func(name, "", func(text string) error {
			if text == "" {
				return errors.New("must not be empty: leave the flag out")
			}
			*field, o.userFlags = text, true
			return nil
		})
	}
	fs.Func("tag", "", func(text string) error {
		o.user.Tags, o.userFlags = append(o.user.Tags, text), true
		return nil
	})
	fs.Func("attr", "", func(text string) error {
		o.userFlags = true
		return o.attribute(text)
	})
	fs.Func("provider", "", o.provider)
	fs.StringVar(&o.in, "in", "", "")
	fs.StringVar(&o.passwordFile, "password-file", "", "")
	fs.StringVar(&o.keystoreFile, "keystore", "", "")
	fs.StringVar(&o.apiKeyFile, "api-key-file", "", "")
	fs.StringVar(&o.sessionKeyFile, "session-key-file", "", "")
	fs.BoolVar(&o.sample, "sample", false, "")
	fs.BoolVar(&o.strict, "strict", false, "")
	fs.BoolVar(&o.json, "json", false, "")
	fs.DurationVar(&o.timeout, "timeout", defaultTimeout, "")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0: // not shown: it may be a password that lost its flag
		return nil, errors.New("expected flags only, got another argument after them")
	case o.timeout <= 0:
		return nil, errors.New("-timeout must be positive, such as 90s")
	case o.sample && (o.in != "" || o.userFlags):
		return nil, errors.New("-sample and a user of your own exclude each other")
	case o.apiKeyFile != "" && (len(o.providers) != 1 || o.providers[0] == "mixin"):
		return nil, errors.New("-api-key-file needs -provider with one of quickblox, fusionauth, usercom, whose key it is")
	}
	return o, nil
}

// attribute reads name=text.
func (o *options) attribute(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return errors.New("must be name=text")
	}
	if _, twice := o.user.Attributes[name]; twice {
		return errors.New("the name was given before")
	}
	if o.user.Attributes == nil {
		o.user.Attributes = map[string]any{}
	}
	o.user.Attributes[name] = value
	return nil
}

func (o *options) provider(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if vendorNamed(name) == nil {
			return fmt.Errorf("no such vendor; expected some of %s", strings.Join(vendorNames(), ", "))
		}
		o.providers = append(o.providers, name)
	}
	return nil
}
