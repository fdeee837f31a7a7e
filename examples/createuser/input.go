package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// maxInput bounds what is read of any file.
const maxInput = 1 << 20

// describeUser returns the user that flags, -in and the password's settings
// describe. described is false if none of them says more than a password.
func describeUser(o *options, s *settings, stdin io.Reader) (req userapi.CreateUserRequest, described bool) {
	if o.in != "" {
		var err error
		if req, err = readUser(o.in, stdin); err != nil {
			s.fault("-in: %v", err)
		}
	}
	for _, f := range [...]struct{ to, from *string }{
		{&req.Email, &o.user.Email},
		{&req.Username, &o.user.Username},
		{&req.Phone, &o.user.Phone},
		{&req.ExternalID, &o.user.ExternalID},
		{&req.FullName, &o.user.FullName},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	req.Tags = append(req.Tags, o.user.Tags...)
	if req.Attributes == nil {
		req.Attributes = o.user.Attributes
	} else {
		maps.Copy(req.Attributes, o.user.Attributes)
	}
	if password := s.secret("CREATEUSER_PASSWORD"); password != "" {
		req.Password = password
	}
	req.Strict = req.Strict || o.strict
	return req, o.in != "" || o.userFlags
}

// readUser reads a request in JSON. Its errors show names and kinds of members,
// and no value: one of them is a password.
func readUser(path string, stdin io.Reader) (req userapi.CreateUserRequest, err error) {
	text, err := readInput(path, stdin)
	if err != nil {
		return req, err
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
		return userapi.CreateUserRequest{}, describeJSONError(err)
	}
	return req, nil
}

func describeJSONError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("expected a JSON object, got none or the beginning of one")
	case errors.As(err, &syntax):
		return fmt.Errorf("is no JSON, at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		got, _, _ := strings.Cut(kind.Value, " ") // the value may follow
		if kind.Field == "" {
			return fmt.Errorf("expected a JSON object, got JSON %s", got)
		}
		return fmt.Errorf("member %q is a JSON %s, which is not what it takes", kind.Field, got)
	case isUnknown:
		return fmt.Errorf("unknown member %s; createuser -h lists those that there are", unknown)
	}
	return err
}

// readInput reads a file, or standard input for "-".
func readInput(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the caller names the file
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxInput:
		return nil, fmt.Errorf("is longer than %d bytes", maxInput)
	}
	return text, nil
}
