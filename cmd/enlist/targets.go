package main

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// targetsOf returns the targets of a config, with their clients.
func targetsOf(c *config.Config, clients []vendors.Client) []provision.Target {
	var targets []provision.Target
	for i, t := range c.Targets {
		targets = append(targets, provision.Target{Name: t.Name, Creator: clients[i], After: t.After, Adopt: t.Adopt})
	}
	return targets
}

// provisionerOf makes the Provisioner of a config on an open ledger.
func provisionerOf(c *config.Config, clients []vendors.Client, l *ledger.Ledger) (*provision.Provisioner, error) {
	p, err := provision.New(l, targetsOf(c, clients), provision.RequestKeys(l.Key), provision.Alone(l.Alone))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return p, nil
}

// clientsOf makes a client for each target. The error lists every fault. Call closeAll, also after an error.
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

// offlineClients returns clients that check and plan, and send nothing.
func offlineClients(c *config.Config) ([]vendors.Client, func(), error) {
	return clientsOf(c, func(t config.Target) (vendors.Client, error) { return vendors.Offline(t.Settings) })
}

// connect makes the clients of the targets. options returns the options of a target's client; it may be nil.
func (f *whereFlags) connect(ctx context.Context, env *environment, c *config.Config, options func(config.Target) userapi.HTTPOptions) (clients []vendors.Client, closeAll func(), err error) {
	at, err := f.open(ctx, env, onlyOf(c))
	if err != nil {
		return nil, at.close, err
	}
	clients, closeClients, err := clientsOf(c, func(t config.Target) (vendors.Client, error) {
		var http userapi.HTTPOptions
		if options != nil {
			http = options(t)
		}
		if at.announced == nil {
			return vendors.New(t.Settings, vendors.Env{Target: t.Name, Getenv: env.getenv}, http)
		}
		a, ok := at.announced[t.Vendor]
		if !ok {
			return vendors.Client{}, &vendors.Error{Target: t.Name, Faults: []string{"not in the file of --vendors: " + t.Vendor}}
		}
		if t.Vendor == mixin.Name {
			t.SessionKeys = cmp.Or(at.keys, fakeKeys(c, t))
		}
		return a.New(t.Name, t.Settings, http)
	})
	return clients, func() { closeClients(); at.close() }, err
}

// onlyOf returns addresses for fakes.Options that leave out the fakes no target needs.
func onlyOf(c *config.Config) map[string]string {
	out := map[string]string{}
	for _, name := range vendors.Names() {
		if !slices.ContainsFunc(c.Targets, func(t config.Target) bool { return t.Vendor == name }) {
			out[name] = ""
		}
	}
	return out
}
