package usercom

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var hostName = func() *regexp.Regexp {
	const label = `[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?`
	return regexp.MustCompile(`^` + label + `(\.` + label + `)*$`)
}()

// appURL returns the address of an application, "" for what is neither a URL nor a host's name.
func appURL(app string) string {
	switch {
	case strings.Contains(app, "://"):
		return app
	case !hostName.MatchString(app):
		return ""
	case strings.Contains(app, "."):
		return "https://" + app
	default:
		return "https://" + app + domain
	}
}

// withAPIPath adds the API's path where it is missing, but not to what the transport refuses.
func withAPIPath(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return base
	}
	return strings.TrimSuffix(strings.TrimRight(base, "/"), apiPath) + apiPath
}

// mustNotNameCall is what is expected of an address that leads to one of the API's calls.
const mustNotNameCall = "must be the address of the application alone, such as https://acme.user.com, or with /api/public behind it; the client adds the path of each call"

// calls are what stands behind /users/ and /users-by-id/ in the paths of calls, beside ids.
var calls = []string{
	"create", "search", "update", "update_or_create", "merge", "set_attribute", "set_multiple_attributes", "add_to_list", "add_tag",
}

// namesCall reports whether an address has more of the API's path than /api/public, or a part of it
// alone at a host of User.com's. What the transport refuses is left to it.
func namesCall(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	segments := strings.FieldsFunc(strings.ToLower(u.Path), func(r rune) bool { return r == '/' })
	for i, s := range segments {
		rest := segments[i+1:]
		if s == "public" && i > 0 && segments[i-1] == "api" {
			return len(rest) > 0 || !strings.HasSuffix(strings.TrimRight(u.Path, "/"), apiPath)
		}
		if s == "users" || s == "users-by-id" {
			return len(rest) == 0 || isCall(rest[len(rest)-1])
		}
	}
	return len(segments) > 0 && strings.HasSuffix(strings.ToLower(u.Hostname()), domain)
}

// isCall reports whether the last part of a path is that of a call for users.
func isCall(segment string) bool {
	_, err := strconv.ParseUint(segment, 10, 64)
	return err == nil || slices.Contains(calls, segment)
}
