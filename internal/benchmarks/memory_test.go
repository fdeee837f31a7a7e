package benchmarks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

// canned is a RoundTripper in memory: it reads the body, as a server would, and
// answers with the same reply each time.
type canned struct {
	status int
	header http.Header
	body   []byte
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return &http.Response{
		StatusCode: c.status, ProtoMajor: 1, ProtoMinor: 1, Header: c.header,
		Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: r,
	}, nil
}

// timeout is what each way of calling gives a request.
const timeout = 30 * time.Second

// A baseline does with plain tools what a vendor's CreateUser does: encode the
// vendor's request, send it with the same headers and a time-out, check the
// status, decode the vendor's reply.
type baseline struct {
	method, url string
	header      http.Header
	request     any
	reply       func() any
}

func (b *baseline) raw(ctx context.Context, hc *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(b.request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, b.method, b.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range b.header {
		req.Header[name] = values
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

func (b *baseline) resty(ctx context.Context, rc *resty.Client) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req := rc.R().SetContext(ctx).SetBody(b.request).SetResult(b.reply())
	for name, values := range b.header {
		req.Header[name] = values
	}
	resp, err := req.Execute(b.method, b.url)
	if err != nil {
		return err
	}
	if resp.IsError() {
		return errors.New(resp.Status())
	}
	return nil
}

const quickbloxReply = `{"user":{"id":96752798,"full_name":"Peter Smith","email":"peter@gmail.com","login":"Peter","phone":"+73123555","website":"https://mysite.com","created_at":"2019-08-27T20:19:08Z","updated_at":"2019-08-27T20:19:08Z","last_request_at":null,"external_user_id":1236672,"facebook_id":"8887366","blob_id":null,"custom_data":"lead of marketing team","age_over16":false,"allow_statistics_analysis":false,"allow_sales_activities":false,"parents_contacts":"","user_tags":"marketing,seo"}}`

func BenchmarkMemory(b *testing.B) {
	rt := &canned{201, http.Header{"Content-Type": {"application/json"}}, []byte(quickbloxReply)}
	base := &baseline{
		method: "POST", url: "https://api.quickblox.com/users.json",
		header: http.Header{"Authorization": {"ApiKey k"}, "Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"x"}, "Quickblox-Rest-Api-Version": {"0.1.1"}, "Qb-Sdk": {"Go"}},
		request: struct {
			User struct {
				Login    string `json:"login"`
				FullName string `json:"full_name"`
				Password string `json:"password"`
				Email    string `json:"email"`
			} `json:"user"`
		}{},
		reply: func() any {
			return &struct {
				User quickblox.User `json:"user"`
			}{}
		},
	}
	hc := &http.Client{Transport: rt}
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := base.raw(b.Context(), hc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("resty", func(b *testing.B) {
		rc := resty.NewWithClient(&http.Client{Transport: rt})
		b.ReportAllocs()
		for b.Loop() {
			if err := base.resty(b.Context(), rc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("quickblox", func(b *testing.B) {
		c, err := quickblox.New(quickblox.Config{APIKey: "k", HTTP: userapi.HTTPOptions{HTTPClient: &http.Client{Transport: rt}}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.CreateUser(b.Context(), userapi.CreateUserRequest{Username: "Peter", Password: "!Peter009", Email: "peter@gmail.com", FullName: "Peter Smith"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	_ = fmt.Sprint
}
