package lenient

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// text returns the content of a JSON string, or the literal itself of any other
// value; "" for null.
func text(data []byte) string {
	if n := len(data); n > 1 && data[0] == '"' {
		if bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) {
			return string(data[1 : n-1])
		}
		var s string
		if json.Unmarshal(data, &s) == nil {
			return s
		}
	}
	if string(data) == "null" {
		return ""
	}
	return string(data)
}

// Text is a text that may come as a number or a boolean; "" means null or missing.
type Text string

// UnmarshalJSON keeps a text's content, and any other value as it is written. It
// returns nil.
func (t *Text) UnmarshalJSON(data []byte) error {
	*t = Text(text(data))
	return nil
}

// Number is a whole number that may come as a text; "" means null or missing.
type Number string

// UnmarshalJSON keeps the digits, or any other text that came. It returns nil.
func (n *Number) UnmarshalJSON(data []byte) error {
	*n = Number(text(data))
	return nil
}

// MarshalJSON writes a number where it is one, null for none, and otherwise a text.
// It never fails.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	if _, ok := n.Int64(); ok {
		return []byte(n), nil
	}
	return json.Marshal(string(n))
}

// Int64 returns the number's value, and false where it is not a whole number in
// canonical decimal form.
func (n Number) Int64() (int64, bool) {
	if n == "" || n[0] != '-' && (n[0] < '0' || n[0] > '9') {
		return 0, false // without the error that strconv would make
	}
	v, err := strconv.ParseInt(string(n), 10, 64)
	return v, err == nil && strconv.FormatInt(v, 10) == string(n)
}

// Decimal is a number, whole or not, that may come as a text; "" means null or missing.
type Decimal string

// UnmarshalJSON keeps the number as it is written, or any other text that came. It
// returns nil.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	*d = Decimal(text(data))
	return nil
}

// MarshalJSON writes a number where it is one, null for none, and otherwise a text.
// It never fails.
func (d Decimal) MarshalJSON() ([]byte, error) {
	var n json.Number
	if d == "" {
		return []byte("null"), nil
	}
	if json.Unmarshal([]byte(d), &n) == nil && string(n) == string(d) {
		return []byte(d), nil
	}
	return json.Marshal(string(d))
}

// Float64 returns the number's value, and false where it is not a finite number.
func (d Decimal) Float64() (float64, bool) {
	v, err := strconv.ParseFloat(string(d), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}
