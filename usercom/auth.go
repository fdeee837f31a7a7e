package usercom

import "net/http"

// token returns the API key. It is a closure so that printing it shows nothing.
type token func() string

// sign puts the key on a request.
func (t token) sign(r *http.Request, _ []byte) error {
	r.Header["Authorization"] = []string{"Token " + t()}
	return nil
}
