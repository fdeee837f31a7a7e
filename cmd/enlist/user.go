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

// passwordVariable holds the password, and passwordVariable_FILE the name of a file with it.
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
	fs.StringVar(&u.user.ExternalID, "external-id", "", "your own unique `id` of the user")
	fs.StringVar(&u.user.FullName, "name", "", "the full name")
	fs.StringArrayVar(&u.tags, "tag", nil, "a `tag`; may be repeated")
	fs.StringArrayVar(&u.attrs, "attr", nil, "a custom value, `name=text`; may be repeated")
	fs.StringArrayVar(&u.sets, "set", nil, setHelp)
	fs.StringVar(&u.user.IdempotencyKey, "key", "", "your own `name` of this create: a second run with it is the same create. By default it is made of the e-mail address, the username, the phone number or the external id, whichever is given first")
	fs.StringVarP(&u.in, "in", "i", "", "a `file` with a JSON object, \"-\" for standard input, with any of idempotency_key, external_id, username, email, phone, password, full_name, given_name, family_name, timezone, language, tags, attributes, strict. Flags win over it; tags and custom values are added to it")
	fs.StringVar(&u.passwordFile, "password-file", "", "a `file` with the password, without its last line end; or set "+passwordVariable+" or "+passwordVariable+"_FILE. No flag takes the password itself")
	fs.BoolVar(&u.user.Strict, "strict", false, "refuse what a vendor cannot store, in place of leaving it out")
}

// request returns the user that the flags, the file and the password's settings describe.
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
		faults = append(faults, errors.New("no user is described: set --email or another flag for the user, or --in"))
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

// defaultKey names a create by the first of what tells one user from another, and where it is:
// "" where nothing does. With it a create that is run again is the same create.
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

// keyOf is the key of a create, made of what names it and of where it is.
func keyOf(where, name, value string) string {
	sum := sha256.Sum256([]byte("enlist create\x00" + where + "\x00" + name + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

// maxUser bounds what is read of a user's file.
const maxUser = 1 << 20

// readUser reads a request in JSON. Its errors show names and kinds of members, and no value: one
// of them is a password.
func readUser(ctx context.Context, path string, stdin io.Reader) (req userapi.CreateUserRequest, err error) {
	text, err := readInput(ctx, path, stdin)
	if err != nil {
		return req, err
	}
	if name := doubled(text, strings.ToLower); name != "" && json.Valid(text) {
		return req, fmt.Errorf("member %q stands there twice", name)
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

// doubled names a member that stands twice in one object, "" for none: encoding/json takes the last. It
// also takes a member of a request in another case, of which form makes the same name.
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
		return errors.New("expected a JSON object, got none or the beginning of one")
	case errors.As(err, &syntax):
		return fmt.Errorf("is not JSON, at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		got, _, _ := strings.Cut(kind.Value, " ") // the value may follow
		if kind.Field == "" {
			return fmt.Errorf("expected a JSON object, got JSON %s", got)
		}
		return fmt.Errorf("member %q is a JSON %s, which is not what it takes", kind.Field, got)
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

// awaited calls read, and goes on without it when ctx ends: what nobody writes to holds up no signal.
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
