package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// oneVendor returns the client of the one vendor that a command names.
func (v *vendorFlags) oneVendor(ctx context.Context, env *environment, name string) (c vendors.Client, closeAll func(), err error) {
	v.to = []string{name}
	if !slices.Contains(vendors.Names(), name) {
		return c, func() {}, usageError("unknown vendor %q; expected %s", name, strings.Join(vendors.Names(), ", "))
	}
	if err := v.check(); err != nil {
		return c, func() {}, usageError("%w", err)
	}
	clients, closeAll, err := v.connect(ctx, env, false)
	if err != nil {
		return c, closeAll, err
	}
	return clients[0], closeAll, nil
}

func newGet(env *environment) *cobra.Command {
	var v vendorFlags
	var email string
	var format formatFlag
	c := &cobra.Command{
		Use:   "get VENDOR ID | get VENDOR --email ADDRESS",
		Short: "Reads a user at one vendor",
		Long: `Reads a user at one vendor, by the vendor's id or by e-mail address, and shows
the vendor's reply with secrets redacted.

Exit codes:
  0  the user exists
  1  the vendor could not be asked
  2  wrong use
  3  the vendor has no such user
` + variablesHelp,
		Example: "  enlist get usercom --email ada@example.com",
	}
	v.add(c.Flags())
	c.Flags().StringVar(&email, "email", "", "the user's e-mail `address`, instead of an id. At User.com several users may have it. Mixin has no e-mail addresses")
	format.add(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 || len(args) > 2 || (len(args) == 2) == (email != "") {
			return usageError("expected a vendor, and an id or --email; see enlist get --help")
		}
		client, closeAll, err := v.oneVendor(c.Context(), env, args[0])
		defer closeAll()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Context(), v.timeout)
		defer cancel()
		var users []json.RawMessage
		if email != "" {
			users, err = byEmail(ctx, client, email)
		} else {
			users, err = byID(ctx, client, args[1])
		}
		if err != nil {
			return lookFailed(client.Vendor, err)
		}
		return ended(env.print(usersText(users, format), exitDone))
	}
	return c
}

// byID reads one user.
func byID(ctx context.Context, c vendors.Client, id string) ([]json.RawMessage, error) {
	if checker, ok := userapi.Ability[userapi.UserIDChecker](c); ok {
		if err := checker.CheckUserID(id); err != nil {
			return nil, err
		}
	}
	number, _ := strconv.ParseInt(id, 10, 64) // was checked
	switch client := c.Creator.(type) {
	case *mixin.Client:
		return one(client.Users.Get(ctx, id))
	case *quickblox.Client:
		return one(client.Users.Get(ctx, number))
	case *fusionauth.Client:
		return one(client.Users.Get(ctx, id))
	case *usercom.Client:
		return one(client.Users.Get(ctx, number))
	}
	return nil, errNoLookup
}

var errNoLookup = errors.New("the vendor has no look-up by e-mail address")

// byEmail reads the users with an e-mail address.
func byEmail(ctx context.Context, c vendors.Client, address string) ([]json.RawMessage, error) {
	switch client := c.Creator.(type) {
	case *quickblox.Client:
		return one(client.Users.GetByEmail(ctx, address))
	case *fusionauth.Client:
		return one(client.Users.GetByEmail(ctx, address))
	case *usercom.Client:
		users, err := client.Users.FindByEmail(ctx, address)
		if err != nil {
			return nil, err
		}
		if len(users) == 0 {
			return nil, &userapi.Error{Provider: c.Vendor, Op: "find users", Kind: userapi.KindNotFound, Outcome: userapi.OutcomeRejected}
		}
		var all []json.RawMessage
		for _, u := range users {
			text, err := json.Marshal(u)
			if err != nil {
				return nil, err
			}
			all = append(all, text)
		}
		return all, nil
	}
	return nil, errNoLookup
}

func one(reply any, err error) ([]json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(reply)
	return []json.RawMessage{text}, err
}

// lookFailed returns the error of a failed look-up.
func lookFailed(vendor string, err error) error {
	switch {
	case errors.Is(err, errNoLookup):
		return usageError("%s has no look-up by e-mail address: give the user's id", vendor)
	case errors.Is(err, userapi.ErrInvalid):
		r := created{Client: vendors.Client{Vendor: vendor}, failure: asError(vendor, err)}
		return usageError("%s: %s. Nothing was sent", vendor, oneLine(r.causeText()))
	case errors.Is(err, userapi.ErrNotFound):
		return &exitError{exitRefused, fmt.Errorf("%s: the user does not exist", vendor)}
	}
	r := created{Client: vendors.Client{Vendor: vendor}, failure: asError(vendor, err)}
	return &exitError{exitFailed, fmt.Errorf("%s: %s. It is unknown whether the user exists. Nothing was changed. Next: %s", vendor, oneLine(r.causeText()), r.remedy())}
}

// usersText shows users, one member a line.
func usersText(users []json.RawMessage, format formatFlag) []byte {
	if format == "json" {
		return jsonText(users)
	}
	var b bytes.Buffer
	for i, user := range users {
		if i > 0 {
			b.WriteString("\n")
		}
		dec := json.NewDecoder(bytes.NewReader(user))
		dec.UseNumber()
		var members any
		_ = dec.Decode(&members) // it was encoded here
		writeMembers(&b, "", members)
	}
	return b.Bytes()
}

// writeMembers writes the members of an object that are set, by their paths.
func writeMembers(b *bytes.Buffer, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			writeMembers(b, strings.TrimPrefix(path+"."+printable(name), "."), value[name])
		}
	case []any:
		for i, item := range value {
			writeMembers(b, fmt.Sprintf("%s[%d]", path, i), item)
		}
	case nil:
	default:
		if text := fmt.Sprint(value); text != "" {
			b.WriteString(wrapped(path+": "+printable(text), "  "))
		}
	}
}
