package mixin

import "time"

// What the tests of package mixin_test share with those in here.
var (
	AsError       = asError
	KeyForms      = keyForms
	RequireNoLeak = requireNoLeak
)

type TokenSignerFunc = tokenSignerFunc

// KeyName is what the files of a key are called by.
var KeyName = keyName

// SetStep has f called at each step that the directory takes, by its name.
func (d *SessionKeyDir) SetStep(f func(step string)) { d.step = f }

// SetWaits replaces the waits of Setup.
func (d *SessionKeyDir) SetWaits(waits ...time.Duration) { d.waits = waits }
