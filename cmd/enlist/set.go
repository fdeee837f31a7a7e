package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

const setHelp = "a value that only one vendor has, as `vendor.member=VALUE`. The names are those of the columns of enlist import: " +
	`fusionauth.birth_date=1990-05-17, quickblox.facebook_id=8887366, usercom.company_id=c-17. Write a list with commas or as JSON. For an unknown name the error lists the known ones; may be repeated`

// extensionsOf makes a request's extensions from texts such as vendor.member=VALUE: it maps them as one row
// of package bulk. Errors show no value.
func extensionsOf(texts []string) ([]userapi.Extension, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	const key = "key"
	mapping := bulk.Mapping{Columns: map[string]string{key: key}}
	row := bulk.Row{Values: map[string]any{key: key}}
	var faults []error
	for i, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		vendor, member, _ := strings.Cut(name, ".")
		switch _, twice := row.Values[name]; {
		case !ok || member == "" || !slices.Contains(vendors.Names(), vendor):
			faults = append(faults, fmt.Errorf("--set number %d must be vendor.member=VALUE, with one of the vendors %s", i+1, strings.Join(vendors.Names(), ", ")))
			continue
		case twice:
			faults = append(faults, fmt.Errorf("--set %s was given before", name))
		case value == "":
			faults = append(faults, fmt.Errorf("--set %s must not be empty: leave it out", name))
		}
		mapping.Columns[name], row.Values[name] = name, value
	}
	for _, name := range vendors.Names() {
		mapping.Extensions = append(mapping.Extensions, prototypes[name])
	}
	mapper, err := mapping.Compile("create")
	if err = errors.Join(append(faults, err)...); err != nil {
		return nil, ofSet(err)
	}
	req, err := mapper.Request(row)
	if err != nil {
		return nil, ofSet(err)
	}
	for _, x := range req.Extensions {
		if holdsSecret(reflect.ValueOf(x)) {
			return nil, fmt.Errorf("--set: a member of %s is a secret, and no flag takes secrets", x.UserExtension())
		}
	}
	return req.Extensions, nil
}

// ofSet words an error of package bulk with the flag's name.
func ofSet(err error) error {
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if rest, of := strings.CutPrefix(line, "bulk: "); of {
			_, rest, _ = strings.Cut(rest, ": ") // the column, or the mapping
			line = "--set " + strings.Replace(rest, "cannot come from a column", "cannot be a text", 1)
		}
		lines = append(lines, line)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// holdsSecret reports whether a value has a secret.
func holdsSecret(v reflect.Value) bool {
	if v.Type() == reflect.TypeFor[userapi.Secret]() {
		return !v.IsZero()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && holdsSecret(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsSecret(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if holdsSecret(v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if holdsSecret(v.MapIndex(key)) {
				return true
			}
		}
	default:
	}
	return false
}

// checkCalled refuses members of vendors that are not called.
func checkCalled(req userapi.CreateUserRequest, called []string) error {
	for _, x := range req.Extensions {
		if !slices.Contains(called, x.UserExtension()) {
			return fmt.Errorf("--set: %s is not one of the vendors of this command", x.UserExtension())
		}
	}
	return nil
}
