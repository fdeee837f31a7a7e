// Package transport sends one request for a vendor's client and tells, with
// evidence, what became of it.
//
// It is the one importer of resty, which builds the request, runs the hook that
// signs each attempt, and repeats attempts on the word of one retry condition.
// Beneath resty stands a RoundTripper of ours that reads the reply through a
// limit and records what net/http says it wrote. What is switched off, and why:
//
//   - resty re-sends any request, a POST too, once a retry count is set: the
//     one condition overrides that and repeats only what provably did not happen;
//   - resty drops the bytes of a body that was cut off, and decodes only what is
//     labelled as JSON: it is told not to parse, and the reply is read here;
//   - net/http follows redirects, with custom headers and, on 307, the body: off;
//   - net/http's HTTP/2 repeats a POST that the peer reset: Request.GetBody fails
//     once the headers of such a request were written;
//   - net/http repeats requests that carry an Idempotency-Key header: never set.
package transport
