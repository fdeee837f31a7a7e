package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/wire"
)

func TestDecodeMembers(t *testing.T) {
	t.Parallel()
	type target struct {
		Text   *string      `json:"text"`
		Number *int64       `json:"number"`
		Flag   *bool        `json:"flag"`
		List   []string     `json:"list"`
		Loose  *wire.Number `json:"loose"`
	}
	number := wire.Number("7")
	for data, want := range map[string]target{
		`{"text":"a","number":1,"flag":true,"list":["x"]}`:                 {Text: new("a"), Number: new(int64(1)), Flag: new(true), List: []string{"x"}},
		`{"text":5,"number":"1","flag":"true","list":{},"loose":"7"}`:      {Text: new("5"), Number: new(int64(1)), Flag: new(true), Loose: &number},
		`{"text":true,"number":1.5,"flag":"yes"}`:                          {Text: new("true")},
		`{"text":["a"],"number":{},"flag":[],"list":"x","unknown":[{}]}`:   {},
		`{"text":null,"number":"null","flag":"","list":null,"loose":null}`: {},
		`{"number":"12345678901234567890"}`:                                {},
		`[]`:                                                               {},
		`null`:                                                             {},
		`{`:                                                                {},
	} {
		t.Run(data, func(t *testing.T) {
			t.Parallel()
			var got target
			wire.DecodeMembers([]byte(data), &got)
			assert.Equal(t, want, got)
		})
	}
}

func FuzzDecodeMembers(f *testing.F) {
	f.Add([]byte(`{"text":5,"number":"1"}`))
	f.Add([]byte(`{"text":"\ud800","number":"\"1\""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got struct {
			Text   *string
			Number *int64
		}
		wire.DecodeMembers(data, &got)
		_, err := json.Marshal(got)
		assert.NoError(t, err)
	})
}
