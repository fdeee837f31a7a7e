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
	fs.StringVar(&f.vendors, "vendors", "", "a `file` with the line that enlist fakes prints; \"-\" is standard input. It replaces the variables, and url, tenant and app of a config")
}

func (f *whereFlags) add(fs *pflag.FlagSet) {
	f.addVendors(fs)
	fs.BoolVar(&f.fakes, "fakes", false, "try it: create at fakes of the vendors. The fakes, with their users, keys and ledger, end with the command")
}

func (f *whereFlags) check() error {
	if f.fakes && f.vendors != "" {
		return usageError("--fakes and --vendors exclude each other")
	}
	return nil
}

// A where is where the vendors are.
type where struct {
	// announced has the vendors of --fakes or --vendors; nil if the variables configure the vendors.
	announced map[string]vendors.Announced
	// keys is the directory of session keys with --fakes; else "".
	keys  string
	close func()
}

// open starts the fakes of --fakes, or reads --vendors. Close at, also after an error. addresses are those of
// fakes.Options.
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
