package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// settings are the variables and files that configure vendors. What is wrong with
// them is gathered, so that all of it can be told at once.
type settings struct {
	env func(string) string
	// files stand in for variables: a path by the variable's name.
	files map[string]string
	// sessionKeys is where the new Mixin user's key is stored, nil for nowhere.
	sessionKeys *keyFile
	faults      []string
}

func newSettings(o *options, env func(string) string) *settings {
	s := &settings{env: env, files: map[string]string{}}
	for name, path := range map[string]string{"CREATEUSER_PASSWORD": o.passwordFile, "MIXIN_KEYSTORE": o.keystoreFile} {
		if path != "" {
			s.files[name] = path
		}
	}
	if path := s.text("MIXIN_KEYSTORE"); path != "" && path[0] != '{' && o.keystoreFile == "" && env("MIXIN_KEYSTORE_FILE") == "" {
		s.files["MIXIN_KEYSTORE"] = path
	}
	if o.apiKeyFile != "" {
		s.files[strings.ToUpper(o.providers[0])+"_API_KEY"] = o.apiKeyFile
	}
	if o.sessionKeyFile != "" {
		s.sessionKeys = &keyFile{path: o.sessionKeyFile}
	}
	return s
}

func (s *settings) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// isSet reports whether a variable, or the file in its place, is set.
func (s *settings) isSet(name string) bool {
	return s.files[name] != "" || s.env(name) != "" || s.env(name+"_FILE") != ""
}

// text returns a variable that is no secret.
func (s *settings) text(name string) string { return strings.TrimSpace(s.env(name)) }

// secret returns a variable's value or that of the file in its place.
func (s *settings) secret(name string) userapi.Secret {
	path, value := s.files[name], s.env(name)
	if path == "" {
		if path = s.env(name + "_FILE"); path != "" && value != "" {
			s.fault("only one of %s and %s_FILE may be set", name, name)
			return ""
		}
	}
	if path == "" {
		return userapi.Secret(value)
	}
	text, err := readInput(path, strings.NewReader(""))
	if err != nil {
		// Its path is not shown: it may be the secret itself, given by mistake.
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err
		}
		s.fault("the file for %s: %v", name, err)
		return ""
	}
	value = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		s.fault("the file for %s is empty", name)
	}
	return userapi.Secret(value)
}

// refused notes what a vendor's New finds wrong, by the names of the variables.
func (s *settings) refused(v *vendor, err error) {
	e, ok := errors.AsType[*userapi.Error](err)
	if !ok || len(e.FieldErrors) == 0 {
		s.fault("%s: %v", v.name, err)
		return
	}
	for _, f := range e.FieldErrors {
		name := f.VendorField
		if variable, ok := v.variableOf[name]; ok {
			name = variable
		}
		s.fault("%s: %s: %s", v.name, name, f.Message)
	}
}

// prepare makes the job of the flags and the settings, or tells everything that is
// wrong with them. The job is to be closed in any case.
func prepare(o *options, env func(string) string, stdin io.Reader) (*job, []string) {
	s := newSettings(o, env)
	req, described := describeUser(o, s, stdin)
	var chosen, configured []*vendor
	for i := range vendors {
		v := &vendors[i]
		isConfigured := slices.ContainsFunc(v.variables, s.isSet)
		if isConfigured {
			configured = append(configured, v)
		}
		if len(o.providers) == 0 && isConfigured || slices.Contains(o.providers, v.name) {
			chosen = append(chosen, v)
		}
	}
	j := &job{fakes: len(configured) == 0}
	if j.fakes && len(chosen) == 0 {
		for i := range vendors {
			chosen = append(chosen, &vendors[i])
		}
	}
	if s.sessionKeys != nil && !slices.ContainsFunc(chosen, func(v *vendor) bool { return v.name == "mixin" }) {
		s.fault("-session-key-file is for Mixin, which is not called")
	}
	if !j.fakes && !described && !o.sample {
		s.fault("no user is described: set -email or another flag for the user, -in, or -sample")
	}
	for _, v := range chosen {
		t := target{vendor: v, request: req, close: func() {}}
		if !described {
			t.request, t.more = v.sample(req)
			if !j.fakes && t.request.Password != "" && req.Password == "" {
				s.fault("%s: -sample takes a password of yours here: set -password-file or CREATEUSER_PASSWORD", v.name)
			}
		}
		switch {
		case j.fakes:
			v.fake(s, &t)
		case slices.Contains(configured, v):
			v.configure(s, &t)
		default:
			s.fault("%s is not configured, and other vendors are: a fake would be mixed with them. Set %s", v.name, v.needs)
		}
		j.targets = append(j.targets, t)
	}
	return j, s.faults
}
