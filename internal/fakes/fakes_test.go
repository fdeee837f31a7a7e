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
		"acme:create:after-commit:reset":          `there is no vendor "acme"; there are mixin, quickblox, fusionauth, usercom`,
		"mixin:make:after-commit:reset":           "operation \"make\"; there are create, session, lookup, attributes, delete",
		"mixin:create:later:reset":                "moment \"later\"; there are before-read, before-commit, after-commit",
		"mixin:create:after-commit:explode":       "action \"explode\"; there are respond, reset, hangup, stall, truncate",
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
