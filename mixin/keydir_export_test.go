package mixin

import "time"

// SetStep has f called at each step that the directory takes, by its name.
func (d *SessionKeyDir) SetStep(f func(step string)) { d.step = f }

// SetWaits replaces the waits of Setup.
func (d *SessionKeyDir) SetWaits(waits ...time.Duration) { d.waits = waits }
