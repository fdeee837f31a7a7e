package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `Signing up; chat creates the user, its reply is lost, and then it is down
  identity: created
  chat: unknown
  crm: created
Chat is back; a job that runs now and then takes up what is left
  identity: created
  chat: recovered
  crm: created
The same once more, which sends nothing
  identity: created
  chat: recovered
  crm: created
Undoing it
  identity: undone
  chat: undone
  crm: undone
  users left at the vendors: 0
`

func TestOutput(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	require.NoError(t, run(t.Context(), &got, t.TempDir()))
	assert.Equal(t, want, got.String())
}
