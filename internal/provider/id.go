package provider

import (
	"strconv"

	"github.com/enlist-go/enlist/internal/uuid"
)

// NumberID notes a user's id as a fault that is not a number: positive and in decimal, without sign
// or leading zeros.
func (c *Check) NumberID(field, vendorField, id string) {
	switch n, err := strconv.ParseInt(id, 10, 64); {
	case err != nil || strconv.FormatInt(n, 10) != id:
		c.Invalid(field, vendorField, "must be a positive number in decimal, without sign or leading zeros")
	case n <= 0:
		c.Invalid(field, vendorField, "must be a positive number")
	}
}

// MustBeUUID is what is expected of an id that is a UUID.
const MustBeUUID = "must be a UUID of 36 characters, such as 06aed1e3-bd77-4a59-991a-5bb5ae6fbb09"

// UUID reads an id that is a UUID, in lower case. It notes anything else as a fault.
func (c *Check) UUID(field, vendorField, id string) string {
	canonical, ok := uuid.Canonical(id)
	if !ok {
		c.Invalid(field, vendorField, MustBeUUID)
	}
	return canonical
}

// UUIDIfSet is UUID for an id that may be missing, which is "".
func (c *Check) UUIDIfSet(vendorField, id string) string {
	if id == "" {
		return ""
	}
	return c.UUID("", vendorField, id)
}

// CheckNumberID refuses what NumberID does.
func CheckNumberID(provider, vendorField, id string) error {
	check := NativeCheck(provider)
	check.NumberID("", vendorField, id)
	_, err := check.Done(opCheckID)
	return err
}

// CheckUUID refuses what UUID does.
func CheckUUID(provider, vendorField, id string) error {
	check := NativeCheck(provider)
	check.UUID("", vendorField, id)
	_, err := check.Done(opCheckID)
	return err
}

const opCheckID = "check user id"
