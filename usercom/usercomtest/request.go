package usercomtest

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// checked does the framework's checks, and then calls the handler.
func (s *Server) checked(r *fakehttp.Request, next handler) fakehttp.Reply {
	if why := s.unauthorized(r.Header); why != "" {
		reply := detail(http.StatusUnauthorized, why)
		reply.Header.Set("WWW-Authenticate", "Token")
		return reply
	}
	v2, reply, ok := negotiate(r.Header.Get("Accept"))
	if !ok {
		return reply
	}
	return next(&request{Request: r, v2: v2})
}

// unauthorized says what is wrong with the credentials.
func (s *Server) unauthorized(h http.Header) string {
	words := strings.Fields(h.Get("Authorization"))
	switch {
	case len(words) == 0 || !strings.EqualFold(words[0], "token"):
		return "Authentication credentials were not provided."
	case len(words) == 1:
		return "Invalid token header. No credentials provided."
	case len(words) > 2:
		return "Invalid token header. Token string should not contain spaces."
	case subtle.ConstantTimeCompare([]byte(words[1]), []byte(s.apiKey())) != 1:
		return "Invalid token."
	}
	return ""
}

// negotiate reads the version off the Accept header.
func negotiate(accept string) (v2 bool, refusal fakehttp.Reply, ok bool) {
	first, _, _ := strings.Cut(accept, ",")
	media, params, err := mime.ParseMediaType(cmp.Or(strings.TrimSpace(first), "*/*"))
	if err != nil || !slices.Contains([]string{"*/*", "application/*", "application/json"}, media) {
		return false, detail(http.StatusNotAcceptable, "Could not satisfy the request Accept header."), false
	}
	switch params["version"] {
	case "", "1":
		return false, fakehttp.Reply{}, true
	case "2":
		return true, fakehttp.Reply{}, true
	}
	return false, detail(http.StatusNotAcceptable, `Invalid version in "Accept" header.`), false
}

func (s *Server) notAllowed(r *request) fakehttp.Reply {
	_ = s.unserved(r.Request) // named on the log: User.com may serve it, such as POST /users/merge/
	return detail(http.StatusMethodNotAllowed, fmt.Sprintf("Method %q not allowed.", r.Method))
}

// members reads a JSON or form body. A form's values become JSON texts.
func members(r *request) (map[string]json.RawMessage, fakehttp.Reply, bool) {
	none := fakehttp.Reply{}
	label := r.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(label)
	switch media {
	case "application/json":
		var values map[string]json.RawMessage
		err := json.Unmarshal(r.Body, &values)
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			return nil, detail(http.StatusBadRequest, "JSON parse error - "+parseError(r.Body, syntax.Offset)), false
		case err != nil || values == nil:
			return nil, refuse(map[string][]string{"non_field_errors": {"Invalid data. Expected a dictionary."}}), false
		}
		return values, none, true
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return nil, detail(http.StatusBadRequest, "Malformed request."), false
		}
		values := map[string]json.RawMessage{}
		for name, texts := range form {
			if name == "tags" {
				values[name] = encode(texts)
			} else {
				values[name] = encode(texts[len(texts)-1])
			}
		}
		return values, none, true
	}
	return nil, detail(http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type %q in request.", label)), false
}

// parseError is the text of Python's parser about the byte before offset.
func parseError(body []byte, offset int64) string {
	at := int(max(offset-1, 0))
	before := body[:min(at, len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := at - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("Expecting value: line %d column %d (char %d)", line, column, at)
}
