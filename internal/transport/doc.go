// Package transport sends one request for a vendor's client, and returns its result
// with evidence of what was sent.
//
// It is the only importer of resty. resty builds the request, runs the hook that signs
// each attempt, and repeats attempts if our one retry condition says so. Below resty a
// RoundTripper of ours reads the reply through a limit, and records what net/http
// reports as written. What is switched off, and why:
//
//   - resty re-sends any request, a POST too, once a retry count is set: the
//     one condition overrides that and repeats only what provably did not happen;
//   - resty drops the bytes of a body that was cut off, and decodes only what is
//     labelled as JSON: it does not parse here, and this package reads the reply;
//   - net/http follows redirects, with custom headers and, on 307, the body: off;
//   - net/http's HTTP/2 repeats a POST that the peer reset: Request.GetBody fails
//     once the headers of such a request were written;
//   - net/http repeats requests that carry an Idempotency-Key header: never set.
package transport
