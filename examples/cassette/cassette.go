// Package cassette shows how to test a program with recorded replies of a vendor, by go-vcr.
//
// [Open] records once, with your own credentials, and replays in every later run. Secrets never
// reach the file: see the hook scrub. The package's example replays.
package cassette

import (
	"bytes"
	"io"
	"net/http"
	"regexp"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"
)

// Open opens the cassette with the given name, without its ending .yaml. It is an
// http.RoundTripper for the HTTPClient of userapi.HTTPOptions. With recorder.ModeReplayOnly
// nothing is sent. With recorder.ModeRecordOnce a missing cassette is recorded through transport;
// Stop writes the file.
func Open(name string, mode recorder.Mode, transport http.RoundTripper) (*recorder.Recorder, error) {
	return recorder.New(name,
		recorder.WithMode(mode),
		recorder.WithRealTransport(transport),
		recorder.WithHook(scrub, recorder.BeforeSaveHook),
		recorder.WithMatcher(match),
		recorder.WithSkipRequestLatency(true),
	)
}

// kept are the headers that a cassette keeps. All others may have credentials in them.
var kept = []string{"Content-Type"}

// secret matches a member of JSON that holds a secret, whatever blanks are around its colon.
var secret = regexp.MustCompile(`("(?:password|old_password|token)"\s*:\s*)"(?:[^"\\]|\\.)*"`)

func redacted(body string) string { return secret.ReplaceAllString(body, `$1"[REDACTED]"`) }

// scrub takes secrets out of an interaction before it is written.
func scrub(i *cassette.Interaction) error {
	i.Request.Body, i.Response.Body = redacted(i.Request.Body), redacted(i.Response.Body)
	i.Request.ContentLength, i.Response.ContentLength = int64(len(i.Request.Body)), int64(len(i.Response.Body))
	for _, header := range []*http.Header{&i.Request.Headers, &i.Response.Headers} {
		all := *header
		*header = http.Header{}
		for _, name := range kept {
			if values := all.Values(name); len(values) > 0 {
				(*header)[name] = values
			}
		}
	}
	return nil
}

// match reports whether a request is a recorded one: by method, URL, and the body without
// secrets.
func match(r *http.Request, recorded cassette.Request) bool {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.Method == recorded.Method && r.URL.String() == recorded.URL && redacted(string(body)) == recorded.Body
}
