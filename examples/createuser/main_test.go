package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, false))
	assert.Regexp(t, `^VENDOR +STATUS +ID +NAME
mixin +created +[0-9a-f-]{36} +Bot User
quickblox +created +96752798 +Peter Smith
fusionauth +created +[0-9a-f-]{36} +Jane Marie Doe
usercom +created +310455021 +John Doe
$`, out.String())
	for line := range strings.Lines(out.String()) {
		assert.LessOrEqual(t, len(line), 81)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, true))
	var report struct {
		Mode    string
		Results []struct{ Provider, Status, ID string }
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	assert.Equal(t, "fakes", report.Mode)
	require.Len(t, report.Results, 4)
	for i, name := range []string{"mixin", "quickblox", "fusionauth", "usercom"} {
		assert.Equal(t, name, report.Results[i].Provider)
		assert.Equal(t, "created", report.Results[i].Status)
		assert.NotEmpty(t, report.Results[i].ID)
	}
	assert.NotContains(t, out.String(), "!Peter009")
}

// TestFailure: the error of a create is that of the program, in either form.
func TestFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		require.ErrorIs(t, run(ctx, &out, asJSON), context.Canceled)
		assert.Contains(t, out.String(), "failed")
	}
}
