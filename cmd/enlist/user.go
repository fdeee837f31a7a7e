package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

// passwordVariable has the password, or passwordVariable_FILE the path of its file.
const passwordVariable = "ENLIST_PASSWORD"

// userFlags describe the user to create.
type userFlags struct {
	user         userapi.CreateUserRequest
	tags, attrs  []string
	sets         []string
	in           string
	passwordFile string
}

func (u *userFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&u.user.Email, "email", "", "the user's e-mail `address`")
	fs.StringVar(&u.user.Username, "username", "", "the name to log in with")
	fs.StringVar(&u.user.Phone, "phone", "", "the phone `number`")
	fs.StringVar(&u.user.ExternalID, "external-id", "", "your own unique `id` for the user")
	fs.StringVar(&u.user.FullName, "name", "", "the full name")
	fs.StringArrayVar(&u.tags, "tag", nil, "a `tag`; may be repeated")
	fs.StringArrayVar(&u.attrs, "attr", nil, "a custom value as `name=text`; may be repeated")
	fs.StringArrayVar(&u.sets, "set", nil, setHelp)
	fs.StringVar(&u.user.IdempotencyKey, "key", "", "your own `name` for this create: a run with the same key is the same create. Default: made from the first of e-mail address, username, phone number and external id that is set")
	fs.StringVarP(&u.in, "in", "i", "", "a `file` with the user as a JSON object; \"-\" is standard input. Members: idempotency_key, external_id, username, email, phone, password, full_name, given_name, family_name, timezone, language, tags, attributes, strict. Flags override it; tags and custom values are added to it")
	fs.StringVar(&u.passwordFile, "password-file", "", "a `file` with the password; a line end at its end is ignored. Or set "+passwordVariable+" or "+passwordVariable+"_FILE. No flag takes the password itself")
	fs.BoolVar(&u.user.Strict, "strict", false, "refuse a value that a vendor cannot store, instead of leaving it out")
}

// request returns the user of the flags, the file and the variables.
func (u *userFlags) request(ctx context.Context, env *environment, fs *pflag.FlagSet) (req userapi.CreateUserRequest, err error) {
	var faults []error
	fs.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "email", "username", "phone", "external-id", "name", "key", "in", "password-file":
			if f.Value.String() == "" {
				faults = append(faults, fmt.Errorf("--%s must not be empty: leave the flag out", f.Name))
			}
		}
	})
	if u.in != "" {
		if req, err = readUser(ctx, u.in, env.in); err != nil {
			faults = append(faults, fmt.Errorf("--in: %w", err))
		}
	}
	req.Email = cmp.Or(u.user.Email, req.Email)
	req.Username = cmp.Or(u.user.Username, req.Username)
	req.Phone = cmp.Or(u.user.Phone, req.Phone)
	req.ExternalID = cmp.Or(u.user.ExternalID, req.ExternalID)
	req.FullName = cmp.Or(u.user.FullName, req.FullName)
	req.IdempotencyKey = cmp.Or(u.user.IdempotencyKey, req.IdempotencyKey)
	req.Strict = req.Strict || u.user.Strict
	req.Tags = append(req.Tags, u.tags...)
	attributes, err := attributesOf(u.attrs)
	if err != nil {
		faults = append(faults, err)
	}
	if req.Attributes == nil {
		req.Attributes = attributes
	} else {
		maps.Copy(req.Attributes, attributes)
	}
	if req.Extensions, err = extensionsOf(u.sets); err != nil {
		faults = append(faults, err)
	}
	password, err := u.password(env)
	if err != nil {
		faults = append(faults, err)
	}
	req.Password = cmp.Or(password, req.Password)
	if req.Email+req.Username+req.Phone+req.ExternalID+req.FullName+req.GivenName+req.FamilyName == "" && len(faults) == 0 {
		faults = append(faults, errors.New("no user is given: set --email or another flag for the user, or --in"))
	}
	return req, errors.Join(faults...)
}

func (u *userFlags) password(env *environment) (userapi.Secret, error) {
	if u.passwordFile == "" {
		return vendors.Secret(env.getenv, passwordVariable)
	}
	secret, err := vendors.ReadSecret(u.passwordFile)
	if err != nil {
		return "", fmt.Errorf("the file for the password %w", err)
	}
	return secret, nil
}

// attributesOf reads each name=text. Errors show no value.
func attributesOf(texts []string) (map[string]any, error) {
	var attributes map[string]any
	for i, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--attr number %d must be name=text", i+1)
		}
		if _, twice := attributes[name]; twice {
			return nil, fmt.Errorf("--attr %s was given before", name)
		}
		if attributes == nil {
			attributes = map[string]any{}
		}
		attributes[name] = value
	}
	return attributes, nil
}

// defaultKey makes a key from the first value that identifies the user, and from where it is created; ""
// without such a value. A create that is run again has the same key.
func defaultKey(req userapi.CreateUserRequest, where string) string {
	for _, identity := range [...]struct{ name, value string }{
		{"email", strings.ToLower(req.Email)}, {"username", req.Username}, {"phone", req.Phone}, {"external_id", req.ExternalID},
	} {
		if identity.value != "" {
			return keyOf(where, identity.name, identity.value)
		}
	}
	return ""
}

// keyOf makes the key of a create from a value and from where the user is created.
func keyOf(where, name, value string) string {
	sum := sha256.Sum256([]byte("enlist create\x00" + where + "\x00" + name + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

// maxUser is the largest size of a user's file.
const maxUser = 1 << 20

// readUser reads a request in JSON. Its errors show names and types of members, and no values.
func readUser(ctx context.Context, path string, stdin io.Reader) (req userapi.CreateUserRequest, err error) {
	text, err := readInput(ctx, path, stdin)
	if err != nil {
		return req, err
	}
	if name := doubled(text, strings.ToLower); name != "" && json.Valid(text) {
		return req, fmt.Errorf("member %q appears twice", name)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	dec.UseNumber() // custom values keep every digit
	err = dec.Decode(&req)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("expected one JSON object and nothing after it")
		}
	}
	if first := bytes.TrimSpace(text); err == nil && first[0] != '{' { // null
		err = errors.New("expected a JSON object")
	}
	if err != nil {
		return userapi.CreateUserRequest{}, jsonFault(err)
	}
	return req, nil
}

// doubled returns the name of a member that appears twice in one object; "" for none. encoding/json would
// take the last. Two names are the same if form returns the same for both.
func doubled(text []byte, form func(string) string) (found string) {
	seen := map[string]bool{}
	wire.Each(text, func(quoted, value []byte) bool {
		name := wire.Unquote(quoted)
		if quoted != nil && seen[form(name)] {
			found = name
			return false
		}
		seen[form(name)] = true
		found = doubled(value, func(name string) string { return name })
		return found == ""
	})
	return found
}

// jsonFault says what is wrong with a JSON object, without its values.
func jsonFault(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("expected a JSON object, got none or an incomplete one")
	case errors.As(err, &syntax):
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		got, _, _ := strings.Cut(kind.Value, " ") // the value may follow
		if kind.Field == "" {
			return fmt.Errorf("expected a JSON object, got JSON %s", got)
		}
		return fmt.Errorf("member %q cannot be a JSON %s", kind.Field, got)
	case isUnknown:
		return fmt.Errorf("unknown member %s; see enlist create --help", unknown)
	}
	return err
}

// readInput reads a file, or standard input for "-".
func readInput(ctx context.Context, path string, stdin io.Reader) ([]byte, error) {
	text, err := awaited(ctx, func() ([]byte, error) { return readAll(path, stdin) })
	if ctx.Err() != nil {
		return nil, &exitError{exitFailed, errors.New("interrupted")}
	}
	return text, err
}

// awaited calls read, and does not wait for it after ctx ends: a read may block for ever.
func awaited[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := read()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func readAll(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the caller names the file
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxUser+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxUser:
		return nil, fmt.Errorf("is longer than %d bytes", maxUser)
	}
	return text, nil
}
