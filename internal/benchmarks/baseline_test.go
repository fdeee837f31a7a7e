package benchmarks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"
)

// timeout is what each way of calling gives a request.
const timeout = 30 * time.Second

// A baseline does with plain tools what a vendor's CreateUser does: it encodes the
// vendor's request, sends it with the same headers and a time-out, checks the
// status, and decodes the vendor's reply into the same type.
type baseline struct {
	path    string
	header  http.Header
	request any
	reply   func() any
	// sign makes an Authorization for a body, where the vendor wants a new one for
	// each request; nil for none.
	sign func(path string, body []byte) (string, error)
}

func (b *baseline) raw(ctx context.Context, hc *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(b.request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+b.path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range b.header {
		req.Header[name] = values
	}
	if b.sign != nil {
		authorization, err := b.sign(b.path, body)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", authorization)
	}
	resp, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return errors.New(resp.Status)
	}
	return json.Unmarshal(data, b.reply())
}

func (b *baseline) resty(ctx context.Context, rc *resty.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req := rc.R().SetContext(ctx).SetBody(b.request).SetResult(b.reply())
	for name, values := range b.header {
		req.Header[name] = values
	}
	resp, err := req.Execute(http.MethodPost, url+b.path)
	if err != nil {
		return err
	}
	if !resp.IsSuccess() {
		return errors.New(resp.Status())
	}
	return nil
}

// canned is a RoundTripper in memory: it reads the body, as a server would, and
// answers with the same reply each time.
type canned struct{ body []byte }

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: http.StatusCreated, ProtoMajor: 1, ProtoMinor: 1, Header: jsonHeader,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: r,
	}, nil
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}
