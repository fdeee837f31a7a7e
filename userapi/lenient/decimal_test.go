package lenient_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/lenient"
)

func TestDecimal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		value float64
		ok    bool
		out   string
	}{
		`0`:       {0, true, `0`},
		`100.5`:   {100.5, true, `100.5`},
		`-1e3`:    {-1000, true, `-1e3`},
		`"1.25"`:  {1.25, true, `1.25`},
		`"0x10"`:  {0, false, `"0x10"`},
		`"NaN"`:   {0, false, `"NaN"`},
		`"1e999"`: {0, false, `1e999`},
		`"\"5\""`: {0, false, `"\"5\""`},
		`"much"`:  {0, false, `"much"`},
		`null`:    {0, false, `null`},
		`""`:      {0, false, `null`},
		`{"a":1}`: {0, false, `"{\"a\":1}"`},
	} {
		var d lenient.Decimal
		require.NoError(t, json.Unmarshal([]byte(in), &d), in)
		got, ok := d.Float64()
		assert.Equal(t, want.ok, ok, in)
		if ok {
			assert.InDelta(t, want.value, got, 0, in)
		}
		out, err := json.Marshal(d)
		require.NoError(t, err, in)
		assert.Equal(t, want.out, string(out), in)
	}
}
