package transport

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// cleanBaseURL checks a vendor's address and cuts its trailing slashes. The
// errors name no part of the address: it may hold a password.
func cleanBaseURL(text string, allowInsecure bool) (string, error) {
	if text == "" {
		return "", errors.New("is required: the address of the API, such as https://host")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "", errors.New("must be an absolute URL, such as https://host")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("must begin with https:// or http://")
	case u.User != nil:
		return "", errors.New("must not have a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("must not contain a query or fragment")
	case u.Scheme == "http" && !allowInsecure && !isLoopback(u.Hostname()):
		return "", errors.New("must be https beyond loopback, unless AllowInsecure is set")
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "", errors.New("must not have . or .. in its path")
		}
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
