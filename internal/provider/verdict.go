// Package provider is what the four vendors' clients share. It checks a request before
// it is sent, gives HTTP statuses their meaning, and makes errors without secrets in
// them.
package provider

import (
	"net/http"

	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

// Classify says what a status means, in the same way for every vendor. A vendor's own
// rules come before it.
func Classify(status int) transport.Classification {
	c := transport.Classification{Kind: userapi.KindProtocol, Outcome: userapi.OutcomeRejected}
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		c.Kind = userapi.KindInvalid
	case http.StatusUnauthorized:
		c.Kind = userapi.KindUnauthorized
	case http.StatusPaymentRequired, http.StatusForbidden:
		c.Kind = userapi.KindForbidden
	case http.StatusNotFound:
		c.Kind = userapi.KindNotFound
	case http.StatusConflict:
		c.Kind = userapi.KindConflict
	case http.StatusTooManyRequests:
		c.Kind, c.Retry = userapi.KindRateLimited, transport.RetryBackoff
	case http.StatusRequestTimeout, 499:
		c.Kind, c.Outcome = userapi.KindUnavailable, userapi.OutcomeUnknown
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect: // not followed
	default:
		switch status / 100 {
		case 2:
			return transport.Classification{OK: true}
		case 4:
		case 5:
			c.Kind, c.Outcome = userapi.KindUnavailable, userapi.OutcomeUnknown
		default:
			c.Outcome = userapi.OutcomeUnknown
		}
	}
	return c
}
