package usercomtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

func body(status int, data []byte) fakehttp.Reply {
	return fakehttp.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: data}
}

func detail(status int, text string) fakehttp.Reply {
	return body(status, encode(map[string]string{"detail": text}))
}

func notFound() fakehttp.Reply { return detail(http.StatusNotFound, "Not found.") }

// refuse is the answer to fields that are wrong.
func refuse(faults map[string][]string) fakehttp.Reply {
	return body(http.StatusBadRequest, encode(map[string]any{"errors": faults}))
}

// tooMany is the answer to a request above the rate. Source: Django REST framework, exceptions.Throttled.
func (s *Server) tooMany(r *fakehttp.Request, wait time.Duration) fakehttp.Reply {
	return s.stamped(func(*fakehttp.Request) fakehttp.Reply {
		seconds := int64(math.Ceil(wait.Seconds()))
		unit := "seconds"
		if seconds == 1 {
			unit = "second"
		}
		reply := detail(http.StatusTooManyRequests, fmt.Sprintf("%s Expected available in %d %s.", throttled, seconds, unit))
		reply.Header.Set("Retry-After", strconv.FormatInt(seconds, 10))
		return s.translated(r, reply)
	})(r)
}

// pageNotFound is the vendor's page for an unknown path.
func pageNotFound() fakehttp.Reply {
	return fakehttp.Reply{
		Status: http.StatusNotFound,
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   []byte("<!DOCTYPE html>\n<html><head><title>User.com | Page not found</title></head><body><h1>404</h1></body></html>\n"),
	}
}

// encode writes JSON as the vendor does, without escaping for HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("usercomtest: " + err.Error()) // what is encoded here always can be
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
