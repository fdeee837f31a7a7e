package lenient

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Time is an RFC 3339 time that may be null, missing or written otherwise. The time is
// zero if there is none, if it could not be read, and if RFC 3339 has no form for it.
// [Time.Text] then has what the vendor wrote.
type Time struct {
	time.Time
	text string
}

// ParseTime reads a time as vendors write it. Without a zone the time is in UTC. For a
// text that is not a time the Time is zero, and only its text is set.
func ParseTime(s string) Time {
	t := Time{text: s}
	if s == "" {
		return t
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			if encodable(at) {
				t.Time = at
			}
			break
		}
	}
	return t
}

// encodable reports whether RFC 3339 has a form for a time, in its own zone and in
// UTC: [time.Time.MarshalJSON] fails for any other.
func encodable(t time.Time) bool {
	const day = 24 * 60 * 60
	_, offset := t.Zone()
	local, utc := t.Year(), t.UTC().Year()
	return -day < offset && offset < day && 0 <= local && local <= 9999 && 0 <= utc && utc <= 9999
}

// Text returns the time as it was written; "" for none.
func (t Time) Text() string { return t.text }

// UnmarshalJSON reads a time, or keeps the text that came instead. It returns nil.
func (t *Time) UnmarshalJSON(data []byte) error {
	*t = ParseTime(text(data))
	return nil
}

// MarshalJSON writes the time as it came, null for none. It never fails.
func (t Time) MarshalJSON() ([]byte, error) {
	switch {
	case t.text != "":
		return json.Marshal(t.text)
	case t.IsZero():
		return []byte("null"), nil
	}
	return json.Marshal(t.Format(time.RFC3339Nano))
}

// Instant is a point in time that is written as milliseconds since the Unix epoch. The
// zero value means null or missing. The time is also zero if it could not be read, or
// is not in the years 0 to 9999. [Instant.Text] then has what the vendor wrote.
type Instant struct {
	time.Time
	text string // what could not be read
}

// InstantOf returns the instant of a time, to the millisecond.
func InstantOf(t time.Time) Instant { return Instant{Time: time.UnixMilli(t.UnixMilli()).UTC()} }

// Text returns the text that came, if it could not be read as an instant; otherwise "".
func (i Instant) Text() string { return i.text }

// UnmarshalJSON reads a number or its decimal text, or keeps the text that came
// instead. It returns nil.
func (i *Instant) UnmarshalJSON(data []byte) error {
	*i = Instant{}
	s := strings.TrimSpace(text(data))
	if s == "" {
		return nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		var f float64
		if f, err = strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<53 {
			ms = int64(f)
		} else {
			i.text = s
			return nil
		}
	}
	if at := time.UnixMilli(ms).UTC(); encodable(at) {
		i.Time = at
	} else {
		i.text = s
	}
	return nil
}

// MarshalJSON writes milliseconds, null for none, and otherwise the text that could
// not be read. It never fails.
func (i Instant) MarshalJSON() ([]byte, error) {
	switch {
	case i.text != "":
		return json.Marshal(i.text)
	case i.IsZero():
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, i.UnixMilli(), 10), nil
}

// Date is a calendar day written yyyy-MM-dd; "" means null or missing.
type Date string

// DateOf returns the day of a time, in its own zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Time returns midnight UTC of the day, and false if it is not a real day.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}

// UnmarshalJSON keeps the text that came. It returns nil.
func (d *Date) UnmarshalJSON(data []byte) error {
	*d = Date(text(data))
	return nil
}
