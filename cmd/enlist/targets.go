package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/fakes"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// targetsOf are the targets of a config, with their clients.
func targetsOf(c *config.Config, clients []vendors.Client) []provision.Target {
	var targets []provision.Target
	for i, t := range c.Targets {
		targets = append(targets, provision.Target{Name: t.Name, Creator: clients[i], After: t.After, Adopt: t.Adopt})
	}
	return targets
}

// clientsOf makes a client for each target, and collects what is wrong with any. What is returned
// is to be called, also with an error.
func clientsOf(c *config.Config, connect func(config.Target) (vendors.Client, error)) (clients []vendors.Client, closeAll func(), err error) {
	closeAll = func() {
		for _, client := range clients {
			client.Close()
		}
	}
	var faults []error
	for _, t := range c.Targets {
		t.SessionKeys = besideConfig(c, t.SessionKeys)
		client, err := connect(t)
		if err != nil {
			var bad *vendors.Error
			if errors.As(err, &bad) {
				bad.Target = "target " + t.Name
			}
			faults = append(faults, err)
			continue
		}
		clients = append(clients, client)
	}
	if len(faults) > 0 {
		return clients, closeAll, &exitError{exitUsage, errors.Join(faults...)}
	}
	return clients, closeAll, nil
}

// offlineClients can send nothing: they check and plan.
func offlineClients(c *config.Config) ([]vendors.Client, func(), error) {
	return clientsOf(c, func(t config.Target) (vendors.Client, error) { return vendors.Offline(t.Settings) })
}

// whereFlags say where the vendors are.
type whereFlags struct {
	vendors string
	fakes   bool
}

func (f *whereFlags) addVendors(c *cobra.Command) {
	c.Flags().StringVar(&f.vendors, "vendors", "", "the `file` with what enlist fakes prints, in place of the variables; url, tenant and app may then be left out of the config")
}

func (f *whereFlags) add(c *cobra.Command) {
	f.addVendors(c)
	c.Flags().BoolVar(&f.fakes, "fakes", false, "import into fakes of the vendors that end with the command, with a ledger that does too")
}

func (f *whereFlags) check() error {
	if f.fakes && f.vendors != "" {
		return usageError("--fakes and --vendors exclude each other")
	}
	return nil
}

// connect makes the clients of the targets.
func (f *whereFlags) connect(env *environment, c *config.Config) (clients []vendors.Client, closeAll func(), err error) {
	var announcement []byte
	keys := func(t config.Target) string { return fakeKeys(c, t) }
	stop := func() {}
	switch {
	case f.fakes:
		served, err := fakes.Start(fakes.Options{Addresses: onlyOf(c)})
		if err != nil {
			return nil, stop, fmt.Errorf("the fakes cannot be started: %w", err)
		}
		stop, announcement = served.Close, served.Announcement()
		dir, err := os.MkdirTemp("", "enlist-keys-")
		if err != nil {
			return nil, stop, err
		}
		stop = func() { served.Close(); _ = os.RemoveAll(dir) }
		keys = func(config.Target) string { return filepath.Join(dir, "keys") }
	case f.vendors != "":
		text, err := vendors.ReadSecret(f.vendors)
		if err != nil {
			return nil, stop, usageError("--vendors: the file %w", err)
		}
		announcement = []byte(text.Reveal())
	}
	var announced map[string]vendors.Announced
	if announcement != nil {
		if announced, err = vendors.FromAnnouncement(announcement); err != nil {
			return nil, stop, usageError("--vendors: %w", err)
		}
	}
	clients, closeClients, err := clientsOf(c, func(t config.Target) (vendors.Client, error) {
		if announced == nil {
			return vendors.New(t.Settings, vendors.Env{Target: t.Name, Getenv: env.getenv}, userapi.HTTPOptions{})
		}
		a, ok := announced[t.Vendor]
		if !ok {
			return vendors.Client{}, &vendors.Error{Target: t.Name, Faults: []string{"--vendors does not have " + t.Vendor}}
		}
		if t.Vendor == mixin.Name {
			t.SessionKeys = keys(t)
		}
		return a.New(t.Name, t.Settings, userapi.HTTPOptions{})
	})
	return clients, func() { closeClients(); stop() }, err
}

// onlyOf leaves out the fakes that no target needs.
func onlyOf(c *config.Config) map[string]string {
	out := map[string]string{}
	for _, name := range vendors.Names() {
		if !slices.ContainsFunc(c.Targets, func(t config.Target) bool { return t.Vendor == name }) {
			out[name] = ""
		}
	}
	return out
}
