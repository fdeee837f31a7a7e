package provider

import (
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// Codes says what a vendor's words mean in the codes of userapi.FieldError. It is data:
// the zero value knows no word.
type Codes struct {
	// Words are the vendor's own codes. They are shown also where a value of the request
	// happens to be the same word.
	Words map[string]string
	// Texts are parts of its fixed texts, for faults without a code. The first that a
	// message holds counts.
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

// Shown returns a vendor's word as it may be shown: itself where it is known, masked otherwise.
func (c *Codes) Shown(word string, mask Mask) string {
	if _, known := c.Words[word]; known {
		return word
	}
	return mask.Code(word)
}

// Add adds one fault that the vendor named to an error, by the vendor's word, "" for
// none, and its message. Beyond MaxFields nothing is added.
func (c *Codes) Add(e *userapi.Error, mask Mask, field, vendorField, word, message string) {
	if len(e.FieldErrors) >= MaxFields {
		return
	}
	e.FieldErrors = append(e.FieldErrors, userapi.FieldError{
		Field: field, VendorField: vendorField,
		Code: c.Of(word, message), VendorCode: c.Shown(word, mask), Message: mask.Text(message),
	})
}
