package provision

import (
	"fmt"
	"slices"
	"strconv"
)

// A Disposition says what became of a user that was asked for. Its numbers never
// change, so that they can be stored.
type Disposition int

// The numbers are fixed.
const (
	// DispositionUnknown: the user may or may not exist, and the vendor could not
	// tell.
	DispositionUnknown Disposition = 0
	// DispositionNotSent: nothing was sent.
	DispositionNotSent Disposition = 1
	// DispositionRejected: the vendor refused, or has proven not to have the user.
	DispositionRejected Disposition = 2
	// DispositionCreated: the vendor confirmed the user in reply to a create.
	DispositionCreated Disposition = 3
	// DispositionRecovered: the create's own reply said nothing, and the user that it
	// made was found.
	DispositionRecovered Disposition = 4
	// DispositionExisting: the user was there before, and all of its identity keys
	// equal the request's. Only AdoptMatching gives it.
	DispositionExisting Disposition = 5
	// DispositionUndone: the sign-up was undone. The user was deleted, or none had been
	// created and none will be. Only a Provisioner gives it.
	DispositionUndone Disposition = 6
)

var dispositionNames = [...]string{"unknown", "not_sent", "rejected", "created", "recovered", "existing", "undone"}

// String returns the lower-case name, such as "not_sent".
func (d Disposition) String() string {
	if d < 0 || int(d) >= len(dispositionNames) {
		return "disposition(" + strconv.Itoa(int(d)) + ")"
	}
	return dispositionNames[d]
}

// MarshalText returns the lower-case name.
func (d Disposition) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Disposition) UnmarshalText(text []byte) error {
	i := slices.Index(dispositionNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("provision: no such disposition, expected one of %v", dispositionNames)
	}
	*d = Disposition(i)
	return nil
}
