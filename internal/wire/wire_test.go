package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/wire"
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
		var n wire.Number
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
		var text wire.Text
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
		var got wire.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, want.Equal(got.Time), in)
		again, err := json.Marshal(got)
		require.NoError(t, err)
		if in == `17` {
			in = `"17"`
		}
		assert.JSONEq(t, in, string(again), "a time is written as it came")
	}
	built, err := json.Marshal(wire.Time{Time: at})
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
		var got wire.Instant
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		if want.ms != 0 {
			assert.Equal(t, want.ms, got.UnixMilli(), in)
		}
		again, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, want.again, string(again), in)
	}
	assert.Equal(t, int64(1700000000123), wire.InstantOf(time.UnixMicro(1700000000123456)).UnixMilli())
}

func TestDate(t *testing.T) {
	t.Parallel()
	var d wire.Date
	require.NoError(t, json.Unmarshal([]byte(`"9181-63-65"`), &d))
	_, ok := d.Time()
	assert.False(t, ok)
	require.NoError(t, json.Unmarshal([]byte(`"2024-02-29"`), &d))
	at, ok := d.Time()
	assert.True(t, ok)
	assert.Equal(t, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), at)
	assert.Equal(t, wire.Date("2024-02-29"), wire.DateOf(at.Add(23*time.Hour)))
	require.NoError(t, json.Unmarshal([]byte(`17`), &d))
	assert.Equal(t, wire.Date("17"), d)
}

func TestScanID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"user":{"id":96752798,"login":"Pe`:           "96752798",
		`{"user":{"login":"x","id":96752798}`:          "96752798",
		`{"user":{"id":"96752798" ,`:                   "96752798",
		`{"a":{"id":1},"b":[{"id":2}],"user":{"id":3,`: "3",
		`{"user":{"id":96752798`:                       "", // perhaps cut in two
		`{"user":{"id":96752798   `:                    "",
		`{"user":{"id":"967527`:                        "",
		`{"user":{"id":null,`:                          "",
		`{"user":{"id":{"a":1},`:                       "",
		`{"user":{"id":true,`:                          "",
		`{"user":{"id":"",`:                            "",
		`{"id":5,`:                                     "",
		`{"user":[{"id":5}],`:                          "",
		`[{"user":{"id":5,`:                            "",
		`<html>`:                                       "",
		``:                                             "",
	} {
		id, ok := wire.ScanID([]byte(in), "user", "id")
		assert.Equal(t, want != "", ok, in)
		if ok {
			assert.Equal(t, want, id, in)
		}
	}
}

func TestTolerate(t *testing.T) {
	t.Parallel()
	var v struct{ A, B int }
	member, err := wire.Tolerate(json.Unmarshal([]byte(`{"A":"x","B":2}`), &v))
	require.NoError(t, err)
	assert.Equal(t, "A", member)
	assert.Equal(t, 2, v.B)
	_, err = wire.Tolerate(json.Unmarshal([]byte(`{"A":`), &v))
	require.Error(t, err)
}

// FuzzNames holds the scan of names against package json's reading of them.
func FuzzNames(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":1}`, `{"a":{"b":[{"c":"}"}]},"d\"e":"\\","":[]}`, `[{"a":1}]`, `"a"`, `{"a":[1,"b",{"c":2}],"d":null}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var names []string
		collect := func(name []byte) bool {
			names = append(names, string(name))
			return true
		}
		wire.Names(data, collect) // never panics
		var members map[string]json.RawMessage
		if json.Unmarshal(data, &members) != nil {
			return
		}
		seen := map[string]bool{}
		for _, name := range names {
			var plain string
			require.NoError(t, json.Unmarshal([]byte(`"`+name+`"`), &plain))
			seen[plain] = true
		}
		assert.Len(t, seen, len(members))
		for name := range members {
			assert.True(t, seen[name])
		}
	})
}

func TestHasVariant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"user":{"id":5}}`:           false,
		`{"user":{"id":5,"ID":7}}`:    true,
		`{"user":{"Id":5}}`:           true,
		`{"paid":1,"ids":2,"id":"x"}`: false,
		`"iD"`:                        true,
		`"iD`:                         false,
		``:                            false,
	} {
		assert.Equal(t, want, wire.HasVariant([]byte(text), "id"), text)
	}
}
