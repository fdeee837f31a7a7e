// Package config reads what an import is to do from a file in YAML.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/usercom"
)

// A Config says what an import is to do. Nothing in it is secret.
type Config struct {
	// Path is that of the file, and Dir its directory. Paths are relative to it.
	Path, Dir string
	// Job is the name of the job.
	Job string
	// Targets are the targets, in the order of the file.
	Targets []Target
	// Columns has, for a field, the column that it comes from, or a template over the columns.
	Columns map[string]string
	// CSV says how a CSV file is read.
	CSV CSV
	// Ledger is sqlite:PATH, file:PATH or the URL of a PostgreSQL database.
	Ledger string
	// Queue is where the rows wait that are loaded: sqlite:PATH or the URL of a PostgreSQL database. "" is none.
	Queue string
	// InFlight is how many rows are at work at most; 0 fits the targets.
	InFlight int
}

// A Target is one vendor where each row needs a user.
type Target struct {
	vendors.Settings

	// Name is the target's name: its credentials are the variables that begin with it.
	Name string
	// PerSecond is how many requests a second are sent to it at most; 0 has no bound.
	PerSecond float64
	// Concurrency is how many rows are at work there at most; 0 is the default.
	Concurrency int
	// After names the targets that must have a user before.
	After []string
	// Adopt has users count that are there already with the same keys.
	Adopt bool
	// Columns are as Config.Columns, for this target alone and over these.
	Columns map[string]string
}

// CSV says how a CSV file is read; the zero value finds it out.
type CSV struct {
	// Comma parts the cells.
	Comma rune
	// Null is the word that stands for no value.
	Null string
	// Header has the names of the columns of a file without.
	Header []string
}

// Read reads a file. The error joins one for each fault, with its line and what is expected,
// and has no value of the file.
func Read(path string) (*Config, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the config %s is not there: enlist import --init FILE writes one from the header of a CSV file", path)
	case err != nil:
		return nil, fmt.Errorf("the config cannot be read: %w", err)
	}
	return Parse(path, text)
}

// Parse is Read of a text. path is where it is from.
func Parse(path string, text []byte) (*Config, error) {
	r := &reader{name: filepath.Base(path)}
	c := &Config{Path: path, Dir: filepath.Dir(path)}
	if n := r.parse(text); n != nil {
		r.config(n, c)
	}
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	return c, nil
}

func (r *reader) config(n *yaml.Node, c *Config) {
	job, targets := n, n
	r.members(n, "the config", map[string]func(*yaml.Node){
		"job":       func(v *yaml.Node) { job = v; r.text("job", &c.Job)(v) },
		"targets":   func(v *yaml.Node) { targets = v; r.targets(v, c) },
		"columns":   r.columns("columns", &c.Columns),
		"csv":       func(v *yaml.Node) { r.csv(v, &c.CSV) },
		"ledger":    r.place("ledger", CheckLedger, &c.Ledger),
		"queue":     r.place("queue", CheckQueue, &c.Queue),
		"in_flight": r.count("in_flight", &c.InFlight),
	})
	if len(r.faults) > 0 {
		return
	}
	if c.Job != "" {
		if err := CheckJob(c.Job); err != nil {
			r.fault(job.Line, "job: %v", err)
		}
	}
	if len(c.Targets) == 0 {
		r.fault(targets.Line, "targets: at least one target is expected, such as identity: {vendor: fusionauth}")
	}
}

// jobName is what package bulk takes for one.
var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckJob refuses what cannot be the name of a job: it names files too.
func CheckJob(name string) error {
	if !jobName.MatchString(name) {
		return errors.New("1 to 100 letters, digits, dots, hyphens and underscores are expected, of which the first is a letter or digit")
	}
	return nil
}

// targetName gives a variable its name.
var targetName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

func (r *reader) targets(n *yaml.Node, c *Config) {
	byPrefix := map[string]string{}
	afters := map[string]*yaml.Node{}
	r.each(n, "targets", func(name string, key, value *yaml.Node) {
		what := "targets" + dotted(name)
		if !targetName.MatchString(name) {
			r.fault(key.Line, "%s: a name of 1 to 64 letters, digits, dots, hyphens and underscores is expected, of which the first is a letter", what)
			return
		}
		t := Target{Name: name}
		afters[name] = r.target(value, what, &t)
		prefix := vendors.Prefix(name)
		if other, taken := byPrefix[prefix]; taken {
			r.fault(key.Line, "%s: the variables of %s begin with %s too: another name is expected", what, other, prefix)
		}
		byPrefix[prefix] = name
		for _, vendor := range vendors.Names() {
			if vendors.Prefix(vendor) == prefix && t.Vendor != vendor {
				r.fault(key.Line, "%s: the variables of every %s begin with %s: another name is expected", what, vendor, prefix)
			}
		}
		c.Targets = append(c.Targets, t)
	})
	before := map[string][]string{}
	for _, t := range c.Targets {
		before[t.Name] = t.After
	}
	for _, t := range c.Targets {
		for _, name := range t.After {
			if _, there := before[name]; !there {
				r.fault(afters[t.Name].Line, "targets.%s.after: the name of another target is expected", t.Name)
			}
		}
		if way := wayBack(before, t.Name, t.Name, nil); way != nil {
			r.fault(afters[t.Name].Line, "targets.%s.after: a target cannot come after itself: %s", t.Name, strings.Join(way, " after "))
		}
	}
}

// wayBack returns the targets from one, by those that it comes after, to another; nil if there is no way.
func wayBack(before map[string][]string, from, to string, way []string) []string {
	way = append(way[:len(way):len(way)], from)
	for _, name := range before[from] {
		if name == to {
			return append(way, to)
		}
		if slices.Contains(way, name) {
			continue
		}
		if found := wayBack(before, name, to, way); found != nil {
			return found
		}
	}
	return nil
}

// target reads a target, and returns where it says after which others it comes.
func (r *reader) target(n *yaml.Node, what string, t *Target) (after *yaml.Node) {
	at := func(name string) string { return what + "." + name }
	vendor, address := n, n
	after = n
	var application int
	lines := map[string]int{}
	r.each(n, what, func(name string, key, value *yaml.Node) {
		if isCredential(name) {
			r.fault(key.Line, "%s: a credential does not belong in a file: %s", at(name), credentialVariable(t.Name, name))
			return
		}
		read := map[string]func(*yaml.Node){
			"vendor":         func(v *yaml.Node) { vendor = v; r.text(at("vendor"), &t.Vendor)(v) },
			"url":            func(v *yaml.Node) { address = v; r.address(at("url"), &t.URL)(v) },
			"tenant":         r.text(at("tenant"), &t.Tenant),
			"phone_login":    r.truth(at("phone_login"), &t.PhoneLogin),
			"app":            r.text(at("app"), &t.App),
			"version":        r.text(at("version"), &t.Version),
			"application_id": r.count(at("application_id"), &application),
			"login":          r.text(at("login"), &t.Login),
			"email":          r.text(at("email"), &t.Email),
			"session_keys":   r.text(at("session_keys"), &t.SessionKeys),
			"per_second":     r.number(at("per_second"), &t.PerSecond),
			"concurrency":    r.count(at("concurrency"), &t.Concurrency),
			"after":          func(v *yaml.Node) { after = v; r.texts(at("after"), &t.After)(v) },
			"adopt":          r.truth(at("adopt"), &t.Adopt),
			"columns":        r.columns(at("columns"), &t.Columns),
		}
		if read[name] == nil {
			r.unknown(key.Line, what, name, read)
			return
		}
		lines[name] = key.Line
		read[name](value)
	})
	t.ApplicationID = int64(application)
	if !slices.Contains(vendors.Names(), t.Vendor) {
		r.fault(vendor.Line, "%s: one of %s is expected", at("vendor"), strings.Join(vendors.Names(), ", "))
		return after
	}
	if why := vendors.AddressFault(t.Settings); why != "" && !hasPassword(t.URL) {
		r.fault(address.Line, "%s: it %s", at("url"), why)
	}
	for _, member := range slices.Sorted(maps.Keys(lines)) {
		if of := vendorOf[member]; of != "" && of != t.Vendor {
			r.fault(lines[member], "%s: it is for %s alone", at(member), of)
		}
	}
	return after
}

// vendorOf has the members that are for one vendor alone.
var vendorOf = map[string]string{
	"tenant": fusionauth.Name, "phone_login": fusionauth.Name, "app": usercom.Name, "version": usercom.Name,
	"application_id": quickblox.Name, "login": quickblox.Name, "email": quickblox.Name, "session_keys": mixin.Name,
}

// columns returns a reader of what fields come from.
func (r *reader) columns(what string, to *map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*to = map[string]string{}
		r.each(n, what, func(name string, _, value *yaml.Node) {
			var from string
			r.text(what+dotted(name), &from)(value)
			(*to)[name] = from
		})
	}
}

func (r *reader) csv(n *yaml.Node, c *CSV) {
	var comma string
	line := n.Line
	r.members(n, "csv", map[string]func(*yaml.Node){
		"comma":  func(v *yaml.Node) { line = v.Line; r.text("csv.comma", &comma)(v) },
		"null":   r.text("csv.null", &c.Null),
		"header": r.texts("csv.header", &c.Header),
	})
	if comma == "" {
		return
	}
	if len(comma) != 1 || comma[0] != '\t' && (comma[0] <= ' ' || comma[0] >= 0x7f || comma[0] == '"') {
		r.fault(line, `csv.comma: one ASCII character is expected, such as ";", and "\t" for a tab`)
		return
	}
	c.Comma = rune(comma[0])
}

// place returns a reader of where the ledger or the queue is.
func (r *reader) place(what string, check func(string) error, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		before := len(r.faults)
		r.text(what, to)(n)
		if len(r.faults) > before {
			return
		}
		if err := check(*to); err != nil {
			r.fault(n.Line, "%s: %v", what, err)
		}
	}
}

// address returns a reader of a URL.
func (r *reader) address(what string, to *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.text(what, to)(n)
		if hasPassword(*to) {
			r.fault(n.Line, "%s: an address without a user and a password is expected", what)
		}
	}
}

// dotted shows the name of a member behind the name of what it is of, if it looks like one.
func dotted(name string) string {
	if !plainName.MatchString(name) {
		return ""
	}
	return "." + name
}
