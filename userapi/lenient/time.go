package lenient

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is an RFC 3339 time that may be null, missing or written otherwise.
type Time struct {
	time.Time // zero where there is none, or it could not be read or be written again
	text      string
}

// ParseTime reads a time as vendors write it.
func ParseTime(s string) Time {
	t := Time{text: s}
	if s == "" {
		return t
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			if canEncode(at) {
				t.Time = at
			}
			break
		}
	}
	return t
}

// canEncode reports whether package time writes a time as JSON, in its own zone and in
// UTC: its year has four digits and its zone is less than a day away.
func canEncode(t time.Time) bool {
	_, err := t.MarshalJSON()
	_, errUTC := t.UTC().MarshalJSON()
	return err == nil && errUTC == nil
}

// Text returns the time as it was written.
func (t Time) Text() string { return t.text }

// UnmarshalJSON reads a time, or keeps what stands in its place.
func (t *Time) UnmarshalJSON(data []byte) error {
	*t = ParseTime(text(data))
	return nil
}

// MarshalJSON writes the time as it came, null for none.
func (t Time) MarshalJSON() ([]byte, error) {
	switch {
	case t.text != "":
		return json.Marshal(t.text)
	case t.IsZero():
		return []byte("null"), nil
	}
	return json.Marshal(t.Time)
}

// Instant is a point in time that is written as milliseconds since the epoch. The
// zero value is none.
type Instant struct {
	time.Time
	text string // what could not be read, or is out of range
}

// InstantOf returns the instant of a time, to the millisecond.
func InstantOf(t time.Time) Instant { return Instant{Time: time.UnixMilli(t.UnixMilli()).UTC()} }

// Text returns what stood in the instant's place when it could not be read.
func (i Instant) Text() string { return i.text }

// UnmarshalJSON reads a number, whole or not, or its decimal text, or keeps what
// stands in its place.
func (i *Instant) UnmarshalJSON(data []byte) error {
	*i = Instant{}
	s := strings.TrimSpace(text(data))
	if s == "" {
		return nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if f, floatErr := strconv.ParseFloat(s, 64); err != nil && floatErr == nil && math.Abs(f) < 1<<53 {
		ms, err = int64(f), nil
	}
	if at := time.UnixMilli(ms).UTC(); err == nil && canEncode(at) {
		i.Time = at
		return nil
	}
	i.text = s
	return nil
}

// MarshalJSON writes milliseconds, or null for none.
func (i Instant) MarshalJSON() ([]byte, error) {
	switch {
	case i.text != "":
		return json.Marshal(i.text)
	case i.IsZero():
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, i.UnixMilli(), 10), nil
}

// Date is a calendar day written yyyy-MM-dd; "" is none.
type Date string

// DateOf returns the day of a time, in its own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Time returns midnight UTC of the day, and false for what is no real day.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}

// UnmarshalJSON keeps whatever stands there.
func (d *Date) UnmarshalJSON(data []byte) error {
	*d = Date(text(data))
	return nil
}
