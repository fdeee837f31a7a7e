package provision

import (
	"fmt"
	"slices"
	"strconv"
)

// A Disposition is the result for a user that was asked for. You can store its numbers:
// they never change.
type Disposition int

// The numbers are fixed.
const (
	// DispositionUnknown: the user may exist. The vendor could not say.
	DispositionUnknown Disposition = 0
	// DispositionNotSent: nothing was sent.
	DispositionNotSent Disposition = 1
	// DispositionRejected: the vendor refused the create, or the user is proven absent.
	DispositionRejected Disposition = 2
	// DispositionCreated: the vendor confirmed the user in reply to a create.
	DispositionCreated Disposition = 3
	// DispositionRecovered: the reply to the create was lost, and the user that it made
	// was found.
	DispositionRecovered Disposition = 4
	// DispositionExisting: the user existed before, and all of its identity keys equal
	// the request's. Only AdoptMatching and Target.Adopt give it.
	DispositionExisting Disposition = 5
	// DispositionUndone: the sign-up was undone. The user was deleted, or was not
	// created and will not be. Only a Provisioner gives it.
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
