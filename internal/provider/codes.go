package provider

import (
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// Codes says what a vendor's words mean in the codes of userapi.FieldError.
type Codes struct {
	// Words are the vendor's own codes. They are never masked.
	Words map[string]string
	// Texts are parts of its fixed texts. The first that a message holds counts.
	Texts []TextCode
}

// A TextCode is a part of a vendor's fixed text, and what it means.
type TextCode struct{ Part, Code string }

// Of returns the code for a vendor's word and message; CodeInvalid for what is not known.
func (c *Codes) Of(word, message string) string {
	if code, known := c.Words[word]; known {
		return code
	}
	for _, text := range c.Texts {
		if strings.Contains(message, text.Part) {
			return text.Code
		}
	}
	return userapi.CodeInvalid
}

// Masked returns a vendor's word, masked unless it is known.
func (c *Codes) Masked(word string, mask Mask) string {
	if _, known := c.Words[word]; known {
		return word
	}
	return mask.Code(word)
}

// Add adds a fault that the vendor named to an error, up to MaxFields. word may be "".
func (c *Codes) Add(e *userapi.Error, mask Mask, field, vendorField, word, message string) {
	if len(e.FieldErrors) >= MaxFields {
		return
	}
	e.FieldErrors = append(e.FieldErrors, userapi.FieldError{
		Field: field, VendorField: vendorField,
		Code: c.Of(word, message), VendorCode: c.Masked(word, mask), Message: mask.Text(message),
	})
}
