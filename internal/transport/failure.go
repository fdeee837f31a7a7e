package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
)

// A failure is why a request was not answered, in words of ours. Its text is its class,
// one of a fixed list: what net/http and other transports say quotes the server's bytes,
// and those may echo a password. So a failure has no Unwrap; Is and As still find the
// cause.
type failure struct {
	class string
	// cause is a function so that no dump of the value prints what it holds; nil means
	// that the failure is its own cause.
	cause func() error
}

func newFailure(class string, cause error) *failure {
	return &failure{class, func() error { return cause }}
}

func (f *failure) Error() string { return f.class }

// Class is the text as well: userapi.Error shows it.
func (f *failure) Class() string { return f.class }

func (f *failure) causedBy() error {
	if f.cause == nil {
		return nil
	}
	return f.cause()
}

// Is reports whether the cause matches target.
func (f *failure) Is(target error) bool { return errors.Is(f.causedBy(), target) }

// Timeout and Temporary make a failure a net.Error, for the callers that look for one.
func (f *failure) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(f.causedBy(), &timeout) && timeout.Timeout()
}

// Temporary says the same as Timeout.
func (f *failure) Temporary() bool { return f.Timeout() }

// As finds the cause's type if its text is known to hold nothing of the server's, or if
// it is a type of the caller's own. Types whose text may quote the server are found as
// copies that do not. An interface finds nothing but the failure itself.
func (f *failure) As(target any) bool {
	switch target.(type) {
	case **net.OpError, **net.DNSError, **tls.CertificateVerificationError,
		*x509.UnknownAuthorityError, *x509.HostnameError, *x509.CertificateInvalidError:
	default:
		if !isErrno(target) && !isCallersType(reflect.TypeOf(target).Elem()) {
			return false
		}
	}
	if !errors.As(f.causedBy(), target) {
		return false
	}
	switch t := target.(type) {
	case **net.OpError:
		op := **t
		op.Err = newFailure(cmp.Or(classOf(op.Err), "failed"), op.Err)
		*t = &op
	case **net.DNSError:
		dns := **t
		dns.Err, dns.UnwrapErr = dnsClass(&dns), nil
		*t = &dns
	case **tls.CertificateVerificationError:
		*t = &tls.CertificateVerificationError{
			UnverifiedCertificates: (*t).UnverifiedCertificates,
			Err:                    newFailure(cmp.Or(classOf((*t).Err), classCertificate), (*t).Err),
		}
	case *x509.UnknownAuthorityError:
		*t = x509.UnknownAuthorityError{Cert: t.Cert}
	case *x509.HostnameError:
		// Its text lists the names in the certificate.
		*t = x509.HostnameError{Certificate: &x509.Certificate{}, Host: t.Host}
	case *x509.CertificateInvalidError:
		t.Detail = ""
	}
	return true
}

// standard are the roots of the packages whose errors net/http passes on.
var standard = []string{
	"bufio", "bytes", "compress", "context", "crypto", "encoding", "errors", "fmt", "internal", "io", "math", "mime",
	"net", "os", "runtime", "strconv", "strings", "syscall", "time", "vendor",
}

// isCallersType reports whether a type is one that a caller or a RoundTripper of the
// caller's declares.
func isCallersType(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path := t.PkgPath()
	root, _, _ := strings.Cut(path, "/")
	return path != "" && !slices.Contains(standard, root) && !strings.HasPrefix(path, "golang.org/x/net/")
}

// The classes that several places name.
const (
	classCertificate  = "TLS: certificate is not valid"
	classProxyRefused = "proxy refused"
)

// classOf names the cause of an error by its types; "" if they do not show it.
func classOf(err error) string {
	var (
		known     *failure
		op        *net.OpError
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		timeout   net.Error
		protocol  textproto.ProtocolError
		reset     streamError
	)
	isOp := errors.As(err, &op)
	switch {
	case errors.As(err, &known):
		return known.class
	case isOp && op.Op == "proxyconnect":
		if inner := classOf(op.Err); inner != "" {
			return "proxy: " + inner
		}
		return classProxyRefused
	case errors.As(err, &dns):
		return dnsClass(dns)
	case errors.As(err, &authority):
		return "TLS: certificate signed by unknown authority"
	case errors.As(err, &host):
		return "TLS: certificate is not valid for this host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "TLS: certificate has expired or is not yet valid"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return classCertificate
	case errors.As(err, &record):
		return "TLS: the server does not speak TLS"
	case isOp && (op.Op == "remote error" || op.Op == "local error"):
		return "TLS: handshake failed" // an alert
	case errnoClass(err) != "":
		return errnoClass(err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		if isOp && op.Op == "dial" {
			return "connecting timed out"
		}
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "unexpected EOF"
	case errors.As(err, &protocol), isBrokenHTTP(err):
		return "the server's reply is not HTTP"
	case errors.As(err, &reset):
		return "HTTP/2 stream reset"
	case isOp && op.Op == "dial":
		return "no connection"
	default:
		return ""
	}
}

func dnsClass(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "host look-up timed out"
	default:
		return "host look-up failed"
	}
}

// isBrokenHTTP recognises net/http's error of an HTTP/1 reply that it could not parse. The error has
// no type of its own, so its text must do. Only the class in our error's text depends on it.
func isBrokenHTTP(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
}

// A streamError has the fields of net/http's error of an HTTP/2 stream, which lets
// itself be read into any such type.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "HTTP/2 stream reset" }

// failed says why an attempt had no reply. proxied says that the request goes through a
// proxy.
func (e *evidence) failed(err error, proxied bool) *failure {
	e.mu.Lock()
	defer e.mu.Unlock()
	class := classOf(err)
	switch {
	case class != "":
	case e.conn || e.wrote:
		class = "connection lost"
	case !e.asked:
		class = "no responder (the transport reported nothing)"
	case e.own && proxied:
		// net/http gives the status line of a proxy's refusal as a plain error.
		class = classProxyRefused
	default:
		class = "no connection"
	}
	return newFailure(class, err)
}

// contextError is what a done context ended with, and why.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if !errors.Is(cause, err) {
		cause = errors.Join(err, cause)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return newFailure("the context's deadline passed", cause)
	}
	return newFailure("the context was canceled", cause)
}
