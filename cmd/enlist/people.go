package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/ledger"
	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
	"github.com/enlist-go/enlist/usercom"
)

// peopleFlags are the flags of every command that works on a file of people or on its ledger.
type peopleFlags struct {
	config, job, ledger, queue string
	to                         []string
	format                     formatFlag
}

const (
	defaultConfig = "enlist.yaml"
	// defaultJob is the job's name without a config. It does not depend on the file's name: under
	// another job name every row would count as new.
	defaultJob = "import"
)

func (f *peopleFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVarP(&f.config, "config", "c", "", "the config `file`; default enlist.yaml")
	fs.StringVar(&f.job, "job", "", "the `name` of the job; overrides the config")
	fs.StringVar(&f.ledger, "ledger", "", "the ledger's `location`: sqlite:PATH, file:PATH or postgres://HOST/DATABASE; overrides the config; default sqlite:<job>.db beside the config")
	fs.StringSliceVar(&f.to, "to", nil, "the `vendors`, separated by commas, instead of a config: "+strings.Join(vendors.Names(), ", ")+". The columns of the file then have the names of fields")
	f.format.add(fs)
}

// load returns the config. Flags override variables, and variables override the file.
func (f *peopleFlags) load(env *environment) (*config.Config, error) {
	c, err := f.read(env)
	if err != nil {
		return nil, err
	}
	for _, over := range []struct {
		to         *string
		flag, name string
		check      func(string) error
	}{
		{&c.Job, f.job, "job", config.CheckJob},
		{&c.Ledger, f.ledger, "ledger", config.CheckLedger},
		{&c.Queue, f.queue, "queue", config.CheckQueue},
	} {
		from, text := "--"+over.name, over.flag
		if text == "" {
			from = "ENLIST_" + strings.ToUpper(over.name)
			text = env.getenv(from)
		}
		if text == "" { // the config's value was checked when it was read
			continue
		}
		if err := over.check(text); err != nil {
			return nil, usageError("%s: %w", from, err)
		}
		*over.to = text
	}
	if c.Job == "" {
		return nil, usageError("the config has no job: write job: NAME in it, or give --job")
	}
	if c.Queue == "" {
		return c, nil
	}
	// One database has both.
	if c.Ledger == "" {
		c.Ledger = c.Queue
	}
	if c.Ledger != c.Queue {
		return nil, usageError("ledger and queue are in two databases, but must be in one. Leave out one of them")
	}
	return c, nil
}

func (f *peopleFlags) read(env *environment) (*config.Config, error) {
	path := f.config
	if path == "" && len(f.to) == 0 {
		path = env.getenv("ENLIST_CONFIG")
	}
	if len(f.to) == 0 {
		if path == "" {
			if _, err := os.Stat(defaultConfig); errors.Is(err, os.ErrNotExist) {
				return nil, usageError("no config: %s does not exist here. Name a config with -c, or vendors with --to; enlist import --init FILE writes a config", defaultConfig)
			}
			path = defaultConfig
		}
		c, err := config.Read(path)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return c, nil
	}
	if path != "" {
		return nil, usageError("--to cannot be used with a config, which has its own targets")
	}
	c := &config.Config{Dir: ".", Job: defaultJob}
	if err := checkVendors(f.to); err != nil {
		return nil, err
	}
	for _, name := range f.to {
		c.Targets = append(c.Targets, config.Target{Name: name, Settings: vendors.Settings{Vendor: name}})
	}
	return c, nil
}

// checkVendors is checkTo with exit code 2.
func checkVendors(to []string) error {
	if err := checkTo(to); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// placeOf returns where the ledger of a config is.
func placeOf(env *environment, c *config.Config) ledger.Place {
	return ledger.Place{At: c.Ledger, Dir: c.Dir, Job: c.Job, Getenv: env.getenv}
}

// prototypes are the vendors' own parts of a request.
var prototypes = map[string]userapi.Extension{
	fusionauth.Name: fusionauth.Extra{}, mixin.Name: mixin.Extra{}, quickblox.Name: quickblox.Extra{}, usercom.Name: usercom.Extra{},
}

// mappingOf returns the mapping of a config.
func mappingOf(c *config.Config) bulk.Mapping {
	m := bulk.Mapping{Columns: c.Columns}
	has := map[string]bool{}
	for _, t := range c.Targets {
		if !has[t.Vendor] {
			has[t.Vendor] = true
			m.Extensions = append(m.Extensions, prototypes[t.Vendor])
		}
		if len(t.Columns) > 0 {
			if m.Targets == nil {
				m.Targets = map[string]map[string]string{}
			}
			m.Targets[t.Name] = t.Columns
		}
	}
	return m
}
