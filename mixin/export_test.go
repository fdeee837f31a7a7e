package mixin

import "time"

// For the tests of package mixin_test.
var (
	AsError       = asError
	KeyForms      = keyForms
	RequireNoLeak = requireNoLeak
)

type TokenSignerFunc = tokenSignerFunc

// KeyName returns the name of a key's files.
var KeyName = keyName

// SetStep sets a function that the directory calls at each step.
func (d *SessionKeyDir) SetStep(f func(step string)) { d.step = f }

// SetWaits replaces the waits of Setup.
func (d *SessionKeyDir) SetWaits(waits ...time.Duration) { d.waits = waits }
