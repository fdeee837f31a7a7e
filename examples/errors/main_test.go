package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const want = `a new user: created 96752798, as "peter" (status 201)
a second one: taken, Username has already been taken [QuickBlox: status 422, 47 bytes]; outcome rejected: no user was created
a bad one: invalid, Password is too short (minimum is 8 characters) [QuickBlox: status 422, 66 bytes]; outcome rejected: no user was created
too many: rate limited, again in 2m0s [QuickBlox: status 429, 0 bytes]; outcome rejected: no user was created
a lost reply: protocol; outcome unknown: look the user up before creating it again
a cut-off reply: protocol; outcome created: it is 96752800
ensured: user at quickblox: recovered as 96752801 (proof match); create: unavailable, unknown, then resolve: ok, user 96752801, proof match, compared Username
users at the vendor: 4
`

func TestOutput(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	require.NoError(t, run(t.Context(), &got))
	assert.Equal(t, want, got.String())
}
