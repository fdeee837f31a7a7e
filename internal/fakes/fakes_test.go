package fakes_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakes"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	got, err := fakes.ParseFault("fusionauth:create:after-commit:reset:3")
	require.NoError(t, err)
	assert.Equal(t, fakes.Fault{Vendor: "fusionauth", Fault: userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset, Times: 3}}, got)
	got, err = fakes.ParseFault("usercom:lookup:before_read:respond=503:-1")
	require.NoError(t, err)
	assert.Equal(t, fakes.Fault{Vendor: "usercom", Fault: userapitest.Fault{On: userapitest.Lookup, Status: 503, Body: []byte("Service Unavailable"), Times: -1}}, got)

	for text, want := range map[string]string{
		"":                                        "must be VENDOR:OPERATION:MOMENT:ACTION[:TIMES]",
		"fusionauth:create:after-commit":          "must be VENDOR:",
		"acme:create:after-commit:reset":          `unknown vendor "acme"; expected mixin, quickblox, fusionauth, usercom`,
		"mixin:make:after-commit:reset":           "operation \"make\"; expected create, session, lookup, attributes, delete",
		"mixin:create:later:reset":                "moment \"later\"; expected before-read, before-commit, after-commit",
		"mixin:create:after-commit:explode":       "action \"explode\"; expected respond, reset, hangup, stall, truncate",
		"mixin:create:after-commit:respond":       "has a status, as respond=503",
		"mixin:create:after-commit:reset=503":     "has a status, as respond=503",
		"mixin:create:after-commit:respond=99999": "from 200 to 599",
		"mixin:create:after-commit:reset:0":       "must be a positive number",
		"mixin:create:after-commit:reset:-2":      "must be a positive number",
	} {
		_, err := fakes.ParseFault(text)
		assert.ErrorContains(t, err, want, text)
	}

	_, err = fakes.Start(fakes.Options{Addresses: map[string]string{"mixin": ""}, Faults: []fakes.Fault{{Vendor: "mixin"}}})
	assert.ErrorContains(t, err, "mixin, whose fake is left out")
}

// TestAddresses: a fake serves only on loopback, because its credentials are public.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ vendor, address, want string }{
		{"mixin", "127.0.0.1:7001", ""},
		{"mixin", "[::1]:0", ""},
		{"mixin", "localhost:0", ""},
		{"mixin", "0.0.0.0:7001", "--mixin: must be on loopback"},
		{"quickblox", ":7001", "--quickblox: must be on loopback"},
		{"usercom", "192.0.2.1:7001", "--usercom: must be on loopback"},
		{"usercom", "example.com:7001", "--usercom: must be on loopback"},
		{"fusionauth", "127.0.0.1", "--fusionauth: must be a host and port"},
	} {
		err := fakes.Options{Addresses: map[string]string{c.vendor: c.address}}.Check("--")
		if c.want == "" {
			assert.NoError(t, err, c.address)
		} else {
			assert.ErrorContains(t, err, c.want, c.address)
		}
	}
	none := map[string]string{}
	for _, name := range fakes.Names() {
		none[name] = ""
	}
	assert.ErrorContains(t, fakes.Options{Addresses: none}.Check("--"), "nothing to serve")
}
