// Package provider is what the four vendors' adapters share: checking a request
// before it is sent, the meaning of HTTP statuses, and the making of errors that
// hold no secret.
package provider

import (
	"net/http"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Classify says what a status means, at every vendor alike. A vendor's own rules
// come on top.
func Classify(status int) transport.Classification {
	rejected := func(kind userapi.Kind) transport.Classification {
		return transport.Classification{Kind: kind, Outcome: userapi.OutcomeRejected}
	}
	unknown := func(kind userapi.Kind) transport.Classification {
		return transport.Classification{Kind: kind, Outcome: userapi.OutcomeUnknown}
	}
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return rejected(userapi.KindInvalid)
	case http.StatusUnauthorized:
		return rejected(userapi.KindUnauthorized)
	case http.StatusPaymentRequired, http.StatusForbidden:
		return rejected(userapi.KindForbidden)
	case http.StatusNotFound:
		return rejected(userapi.KindNotFound)
	case http.StatusConflict:
		return rejected(userapi.KindConflict)
	case http.StatusTooManyRequests:
		v := rejected(userapi.KindRateLimited)
		v.Retry = transport.RetryBackoff
		return v
	case http.StatusRequestTimeout, 499:
		return unknown(userapi.KindUnavailable)
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return rejected(userapi.KindProtocol)
	}
	switch {
	case status >= 200 && status < 300:
		return transport.Classification{OK: true}
	case status >= 400 && status < 500:
		return rejected(userapi.KindProtocol)
	case status >= 500 && status < 600:
		return unknown(userapi.KindUnavailable)
	default:
		return unknown(userapi.KindProtocol)
	}
}
