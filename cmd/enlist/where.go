package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/internal/fakes"
)

// whereFlags say where the vendors are.
type whereFlags struct {
	vendors string
	fakes   bool
}

func (f *whereFlags) addVendors(fs *pflag.FlagSet) {
	fs.StringVar(&f.vendors, "vendors", "", "the `file` with what enlist fakes prints, \"-\" for standard input, in place of the variables; url, tenant and app may then be left out of a config")
}

func (f *whereFlags) add(fs *pflag.FlagSet) {
	f.addVendors(fs)
	fs.BoolVar(&f.fakes, "fakes", false, "create at fakes of the vendors that end with the command, as the users, keys and ledger there do")
}

func (f *whereFlags) check() error {
	if f.fakes && f.vendors != "" {
		return usageError("--fakes and --vendors exclude each other")
	}
	return nil
}

// A where is where the vendors are.
type where struct {
	// announced has the vendors that are told of; nil where the variables have them.
	announced map[string]vendors.Announced
	// keys is the directory of the session keys at fakes that end with the command; "" for any others.
	keys  string
	close func()
}

// open starts the fakes of --fakes, or reads --vendors. What is returned is to be closed, also with an
// error. addresses are as those of fakes.Options.
func (f *whereFlags) open(ctx context.Context, env *environment, addresses map[string]string) (at where, err error) {
	at.close = func() {}
	var text []byte
	switch {
	case f.fakes:
		served, err := fakes.Start(fakes.Options{Addresses: addresses})
		if err != nil {
			return at, &exitError{exitFailed, fmt.Errorf("cannot start the fakes: %w", err)}
		}
		at.close, text = served.Close, served.Announcement()
		dir, err := os.MkdirTemp("", "enlist-keys-")
		if err != nil {
			return at, &exitError{exitFailed, err}
		}
		at.close = func() { served.Close(); _ = os.RemoveAll(dir) }
		at.keys = filepath.Join(dir, "keys")
	case f.vendors != "":
		if text, err = readInput(ctx, f.vendors, env.in); err != nil {
			return at, &exitError{inputCode(err), fmt.Errorf("--vendors: %w", err)}
		}
	default:
		return at, nil
	}
	if at.announced, err = vendors.FromAnnouncement(text); err != nil {
		return at, usageError("--vendors: %w", err)
	}
	return at, nil
}
