package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `Setting up, while a reply gets lost
  read billing: true
  create user: true
  update PIN: false
  failed: unavailable; the user's outcome: created
  its key file says "complete", and that the step to "tip_set" may have been done
Setting up
  look up user: true
  verify PIN: true
  register with Safe: true
  the user is registered, created by this call: false
Once more, as after a restart
The user, as itself, with nothing but what stands in the file
  look up user: true
  Bot User has a PIN: true, is registered with Safe: true
Users at the fake: 1
`

func TestOutput(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	require.NoError(t, run(t.Context(), &got, filepath.Join(t.TempDir(), "keys")))
	assert.Equal(t, want, got.String())
}
