package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

const usage = `Usage: signup [flags]

Signs one person up at four vendors: identity at FusionAuth, chat at QuickBlox, crm at
User.com under the id that identity gave, and last wallet at Mixin, which costs money
and cannot be deleted.

Without -vendors and -ledger the vendors are fakes on this machine and the ledger is in
memory. Everything ends with the program, and so it shows all that there is: the plan, a
sign-up during which chat's reply gets lost, the same once more, and its undoing.

  -vendors file     where the vendors are: the JSON object that fakevendors prints, "-"
                    for standard input
  -ledger file      what became of the sign-ups, so that a second run with the same
                    flags finishes what a first one left. It is made if it is missing;
                    beside it stand file.key, the key of its fingerprints, and the
                    directory file.keys with the session keys of Mixin's users

  -name text, -email text, -phone text
                    the person
  -account number   your own number of the account, by which QuickBlox finds it again
  -key text         your name of the sign-up, "signup-1" by default: whatever else
                    changes, a second run with it is the same sign-up
                    The password is that of the variable SIGNUP_PASSWORD, or one that is
                    made up: no flag takes it, and nothing shows it.

  -plan             print what would be sent, secrets redacted, and send nothing
  -undo             delete what the sign-up with -key has created
  -decide target=id, -decide target=absent
                    tell the ledger what you found out about a user of which the vendor
                    cannot be asked; then go on with the sign-up
  -json             print one JSON object; what people read goes to standard error
  -fault target=lost, target=down, target=kill
                    break something at identity, chat, crm or wallet; may be repeated.
                    lost: the vendor creates the user, and the reply is lost. down:
                    there is no connection. kill: this program is killed, as by kill -9,
                    when the vendor has created the user and before it says so

Exit codes: 0 every target has its user, or with -undo, no user is left but where the
vendor has no way to delete; 1 something is left to do, which the output tells; 2 wrong
flags, nothing was sent.
`

type options struct {
	person          person
	key             string
	vendors, ledger string
	plan, undo      bool
	json            bool
	faults          map[string]fault // by target
	decisions       []decision
}

func parse(args []string) (*options, error) {
	o := &options{faults: map[string]fault{}}
	fs := flag.NewFlagSet("signup", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.vendors, "vendors", "", "")
	fs.StringVar(&o.ledger, "ledger", "", "")
	fs.StringVar(&o.person.name, "name", "Ada Lovelace", "")
	fs.StringVar(&o.person.email, "email", "ada@example.com", "")
	fs.StringVar(&o.person.phone, "phone", "+442079460123", "")
	fs.StringVar(&o.person.account, "account", "4711", "")
	fs.StringVar(&o.key, "key", "signup-1", "")
	fs.BoolVar(&o.plan, "plan", false, "")
	fs.BoolVar(&o.undo, "undo", false, "")
	fs.BoolVar(&o.json, "json", false, "")
	fs.Func("decide", "", o.decide)
	fs.Func("fault", "", o.fault)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0: // not shown: it may be a password that lost its flag
		return nil, errors.New("expected flags only, got another argument after them")
	case o.key == "":
		return nil, errors.New("-key must not be empty: the ledger knows the sign-up by it")
	case o.plan && o.undo:
		return nil, errors.New("-plan and -undo exclude each other")
	case (o.plan || o.undo) && len(o.decisions) > 0:
		return nil, errors.New("-decide is for a sign-up, without -plan and -undo")
	case o.plan:
	case (o.vendors == "") != (o.ledger == ""):
		return nil, errors.New("-vendors and -ledger must be set together: fakes of the program's own forget their users with it")
	case o.vendors == "" && (o.undo || len(o.decisions) > 0):
		return nil, errors.New("-undo and -decide need -vendors and -ledger: without them nothing outlives the program")
	case o.vendors == "":
		for target, f := range o.faults {
			if f == faultKill {
				return nil, fmt.Errorf("-fault %s=kill needs -vendors and -ledger: without them nothing is left to go on with", target)
			}
		}
	}
	return o, nil
}

// fault reads target=kind.
func (o *options) fault(text string) error {
	name, kind, _ := strings.Cut(text, "=")
	if placeOf(name) < 0 {
		return errTarget
	}
	if o.faults[name] != "" {
		return errors.New("the target has a fault already")
	}
	switch f := fault(kind); f {
	case faultLost, faultDown, faultKill:
		o.faults[name] = f
		return nil
	}
	return errors.New("expected target=lost, target=down or target=kill")
}

// decide reads target=id, or target=absent.
func (o *options) decide(text string) error {
	name, userID, _ := strings.Cut(text, "=")
	switch {
	case placeOf(name) < 0:
		return errTarget
	case userID == "":
		return errors.New("expected target=id of the user, or target=absent")
	case userID == "absent":
		userID = ""
	}
	o.decisions = append(o.decisions, decision{target: name, userID: userID})
	return nil
}

var errTarget = errors.New("no such target; expected one of " + strings.Join(targetNames(), ", ") + " before the =")
