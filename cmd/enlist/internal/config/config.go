// Package config reads the config of an import, which is in YAML.
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

// A Config says what an import does. It has no secrets.
type Config struct {
	// Path is the path of the file, and Dir its directory. Other paths are relative to Dir.
	Path, Dir string
	// Job is the name of the job.
	Job string
	// Targets are the targets, in the order of the file.
	Targets []Target
	// Columns maps a field to its column, or to a template over the columns.
	Columns map[string]string
	// CSV says how a CSV file is read.
	CSV CSV
	// Ledger is sqlite:PATH, file:PATH or the URL of a PostgreSQL database.
	Ledger string
	// Queue is where loaded rows wait: sqlite:PATH or the URL of a PostgreSQL database. "" means that there is none.
	Queue string
	// InFlight is the largest number of rows in progress; 0 fits the targets.
	InFlight int
}

// A Target is one vendor where each row needs a user.
type Target struct {
	vendors.Settings

	// Name is the target's name. The variables of its credentials begin with it.
	Name string
	// PerSecond is the largest number of requests a second; 0 means no limit.
	PerSecond float64
	// Concurrency is the largest number of calls in progress; 0 is the default.
	Concurrency int
	// After names the targets that must have the row's user first.
	After []string
	// Adopt accepts existing users with the same keys.
	Adopt bool
	// Columns are as Config.Columns, for this target only. They override Config.Columns.
	Columns map[string]string
}

// CSV says how a CSV file is read. The zero value detects it.
type CSV struct {
	// Comma separates the cells.
	Comma rune
	// Null is the word that stands for no value.
	Null string
	// Header has the names of the columns, for a file without a header.
	Header []string
}

// Read reads a file. The error joins one error for each fault. Each has the line and what is expected, and no
// value of the file.
func Read(path string) (*Config, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the config %s does not exist: enlist import --init FILE writes one from the header of a CSV file", path)
	case err != nil:
		return nil, fmt.Errorf("the config cannot be read: %w", err)
	}
	return Parse(path, text)
}

// Parse is Read for a text. path is its origin.
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

// jobName matches the names that package bulk accepts for a job.
var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// CheckJob checks the name of a job. It is also part of file names.
func CheckJob(name string) error {
	if !jobName.MatchString(name) {
		return errors.New("1 to 100 letters, digits, dots, hyphens and underscores are expected. The first must be a letter or digit")
	}
	return nil
}

// targetName matches the names of targets, which are also parts of variables.
var targetName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

func (r *reader) targets(n *yaml.Node, c *Config) {
	byPrefix := map[string]string{}
	afters := map[string]*yaml.Node{}
	r.each(n, "targets", func(name string, key, value *yaml.Node) {
		what := "targets" + dotted(name)
		if !targetName.MatchString(name) {
			r.fault(key.Line, "%s: a name of 1 to 64 letters, digits, dots, hyphens and underscores is expected. The first must be a letter", what)
			return
		}
		t := Target{Name: name}
		afters[name] = r.target(value, what, &t)
		prefix := vendors.Prefix(name)
		if other, taken := byPrefix[prefix]; taken {
			r.fault(key.Line, "%s: the variables of target %s also begin with %s. Another name is expected", what, other, prefix)
		}
		byPrefix[prefix] = name
		for _, vendor := range vendors.Names() {
			if vendors.Prefix(vendor) == prefix && t.Vendor != vendor {
				r.fault(key.Line, "%s: the variables of every %s begin with %s. Another name is expected", what, vendor, prefix)
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

// wayBack returns the path from one target to another along After; nil means that none exists.
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

// target reads a target, and returns the node of after.
func (r *reader) target(n *yaml.Node, what string, t *Target) (after *yaml.Node) {
	at := func(name string) string { return what + "." + name }
	vendor, address := n, n
	after = n
	var application int
	lines := map[string]int{}
	r.each(n, what, func(name string, key, value *yaml.Node) {
		if isCredential(name) {
			r.fault(key.Line, "%s: a credential must not be in the config: %s", at(name), credentialVariable(t.Name, name))
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
		r.fault(address.Line, "%s: the address %s", at("url"), why)
	}
	for _, member := range slices.Sorted(maps.Keys(lines)) {
		if of := vendorOf[member]; of != "" && of != t.Vendor {
			r.fault(lines[member], "%s: only %s has this member", at(member), of)
		}
	}
	return after
}

// vendorOf has the members that only one vendor has.
var vendorOf = map[string]string{
	"tenant": fusionauth.Name, "phone_login": fusionauth.Name, "app": usercom.Name, "version": usercom.Name,
	"application_id": quickblox.Name, "login": quickblox.Name, "email": quickblox.Name, "session_keys": mixin.Name,
}

// columns returns a reader of columns by field.
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

// place returns a reader of the location of the ledger or the queue.
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

// dotted returns a dot and the name of a member, if it looks like a name.
func dotted(name string) string {
	if !plainName.MatchString(name) {
		return ""
	}
	return "." + name
}
