package lenient_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/lenient"
)

func TestNumberAndText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		content, again string
		value          int64
		ok             bool
	}{
		`17`:                  {"17", `17`, 17, true},
		`"17"`:                {"17", `17`, 17, true},
		`-3`:                  {"-3", `-3`, -3, true},
		`null`:                {"", `null`, 0, false},
		`""`:                  {"", `null`, 0, false},
		`1.5`:                 {"1.5", `"1.5"`, 0, false},
		`1e3`:                 {"1e3", `"1e3"`, 0, false},
		`"007"`:               {"007", `"007"`, 0, false},
		`true`:                {"true", `"true"`, 0, false},
		`"a\"é"`:              {`a"é`, `"a\"é"`, 0, false},
		`{"a":1}`:             {`{"a":1}`, `"{\"a\":1}"`, 0, false},
		`9223372036854775807`: {"9223372036854775807", "9223372036854775807", 9223372036854775807, true},
		`9223372036854775808`: {"9223372036854775808", `"9223372036854775808"`, 0, false},
	} {
		var n lenient.Number
		require.NoError(t, json.Unmarshal([]byte(in), &n), in)
		assert.Equal(t, want.content, string(n), in)
		v, ok := n.Int64()
		assert.Equal(t, want.ok, ok, in)
		if ok {
			assert.Equal(t, want.value, v, in)
		}
		again, err := json.Marshal(n)
		require.NoError(t, err)
		assert.JSONEq(t, want.again, string(again), in)
		var text lenient.Text
		require.NoError(t, json.Unmarshal([]byte(in), &text), in)
		assert.Equal(t, want.content, string(text), in)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2018, 5, 3, 6, 3, 56, 867971412, time.UTC)
	for in, want := range map[string]time.Time{
		`"2018-05-03T06:03:56.867971412Z"`:      at,
		`"2018-05-03T08:03:56.867971412+02:00"`: at,
		`"2018-07-11 17:33:09 +0000"`:           time.Date(2018, 7, 11, 17, 33, 9, 0, time.UTC),
		`"2016-04-11 16:29:04 UTC"`:             time.Date(2016, 4, 11, 16, 29, 4, 0, time.UTC),
		`"2018-05-03"`:                          time.Date(2018, 5, 3, 0, 0, 0, 0, time.UTC),
		`"0001-01-01T00:00:00Z"`:                {},
		`null`:                                  {},
		`"soon"`:                                {},
		`17`:                                    {},
	} {
		var got lenient.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, want.Equal(got.Time), in)
		again, err := json.Marshal(got)
		require.NoError(t, err)
		if in == `17` {
			in = `"17"`
		}
		assert.JSONEq(t, in, string(again), "a time is written as it came")
	}
	built, err := json.Marshal(lenient.Time{Time: at})
	require.NoError(t, err)
	assert.JSONEq(t, `"2018-05-03T06:03:56.867971412Z"`, string(built))
}

func TestInstant(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		ms    int64
		again string
	}{
		`1700000000123`:   {1700000000123, `1700000000123`},
		`"1700000000123"`: {1700000000123, `1700000000123`},
		`1700000000123.9`: {1700000000123, `1700000000123`},
		`-1`:              {-1, `-1`},
		`0`:               {0, `0`},
		`""`:              {0, `null`},
		`null`:            {0, `null`},
		`"soon"`:          {0, `"soon"`},
		`1e300`:           {0, `"1e300"`},
	} {
		var got lenient.Instant
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		if want.ms != 0 {
			assert.Equal(t, want.ms, got.UnixMilli(), in)
		}
		again, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, want.again, string(again), in)
	}
	assert.Equal(t, int64(1700000000123), lenient.InstantOf(time.UnixMicro(1700000000123456)).UnixMilli())
}

func TestDate(t *testing.T) {
	t.Parallel()
	var d lenient.Date
	require.NoError(t, json.Unmarshal([]byte(`"9181-63-65"`), &d))
	_, ok := d.Time()
	assert.False(t, ok)
	require.NoError(t, json.Unmarshal([]byte(`"2024-02-29"`), &d))
	at, ok := d.Time()
	assert.True(t, ok)
	assert.Equal(t, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), at)
	assert.Equal(t, lenient.Date("2024-02-29"), lenient.DateOf(at.Add(23*time.Hour)))
	require.NoError(t, json.Unmarshal([]byte(`17`), &d))
	assert.Equal(t, lenient.Date("17"), d)
}
