package lenient_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/lenient"
)

// The times that package time reads, or makes of milliseconds, and that its
// MarshalJSON then fails for, in their own zone or in UTC.
func TestTimeOutOfRange(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`"2024-01-01T00:00:00+24:00"`,
		`"2024-01-01T00:00:00-23:60"`,
		`"2024-01-01T00:00:00.5-24:00"`,
		`"2024-01-01 00:00:00 +2400"`,
		`"9999-12-31T23:59:59-01:00"`,
		`"9999-12-31 23:59:59 -0100"`,
		`"0000-01-01T00:00:00+01:00"`,
		`"0000-01-01 00:00:00 +0100"`,
	} {
		var got lenient.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, got.IsZero(), in)
		assert.Equal(t, in, `"`+got.Text()+`"`)
		for _, at := range []time.Time{got.Time, got.UTC()} {
			_, err := json.Marshal(at)
			require.NoError(t, err, in)
		}
		again, err := json.Marshal(got)
		require.NoError(t, err, in)
		assert.JSONEq(t, in, string(again))
	}
	for _, in := range []string{`"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59+23:59"`, `"0000-01-01T00:00:00Z"`, `"0000-12-31"`} {
		var got lenient.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.False(t, got.IsZero(), in)
	}
}

func TestInstantOutOfRange(t *testing.T) {
	t.Parallel()
	for _, in := range []string{`253402300800000`, `9223372036854775807`, `-9223372036854775808`, `-62167219200001`, `"253402300800000"`, `2.534023008e14`} {
		var got lenient.Instant
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, got.IsZero(), in)
		assert.NotEmpty(t, got.Text(), in)
		again, err := json.Marshal(got)
		require.NoError(t, err, in)
		assert.Contains(t, string(again), got.Text())
	}
	for _, in := range []string{`253402300799999`, `-62167219200000`} {
		var got lenient.Instant
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.Empty(t, got.Text(), in)
		_, err := json.Marshal(got.Time)
		require.NoError(t, err, in)
	}
}

// A time that the program set itself is written too.
func TestMarshalOutOfRange(t *testing.T) {
	t.Parallel()
	far := time.Date(12024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, v := range []any{
		lenient.Time{Time: far},
		lenient.Time{Time: far.In(time.FixedZone("", 25*60*60))},
		lenient.Instant{Time: far},
		lenient.InstantOf(far),
		lenient.DateOf(far),
	} {
		_, err := json.Marshal(v)
		assert.NoError(t, err, "%T", v)
	}
}

// FuzzEncode holds that whatever was decoded encodes, its time by itself too, and
// that what was encoded decodes to the same.
func FuzzEncode(f *testing.F) {
	for _, in := range []string{`"2018-05-03T06:03:56.867971412Z"`, `"9999-12-31T23:59:59-01:00"`, `1700000000123`, `1e300`, `"\ud800"`, `{"a":[null]}`, `null`} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		type values struct {
			Text    lenient.Text
			Number  lenient.Number
			Decimal lenient.Decimal
			Time    lenient.Time
			Instant lenient.Instant
			Date    lenient.Date
		}
		if !json.Valid(data) {
			return
		}
		var got, again values
		for _, into := range []any{&got.Text, &got.Number, &got.Decimal, &got.Time, &got.Instant, &got.Date} {
			require.NoError(t, json.Unmarshal(data, into))
		}
		encoded, err := json.Marshal(got)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &again))
		once, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(encoded), string(once))
		for _, at := range []time.Time{got.Time.Time, got.Time.UTC(), got.Instant.Time} {
			_, err := json.Marshal(at)
			require.NoError(t, err)
		}
	})
}
