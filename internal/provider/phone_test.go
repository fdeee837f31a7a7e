package provider

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestComparePhone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sent, has string
		want      Match
	}{
		{"+13035551212", "+13035551212", Same},
		{"+1 (303) 555-12.12", "+13035551212", Same},
		{"303-555-1212", "+13035551212", Same},
		{"07911 123456", "+447911123456", Same},
		{"0044 7911/123456", "+447911123456", Same},
		{"+44 (0) 7911 123456", "+447911123456", Same},
		{"011 44 7911 123456", "+447911123456", Unsure},
		{"1212", "+13035551212", Unsure},
		{"303-555-1212 ext. 5", "+13035551212", Unsure},
		{"1-800-FLOWERS", "+18003569377", Unsure},
		{"+3035551212", "+13035551212", Different},
		{"+13035551213", "+13035551212", Different},
		{"303-555-1213", "+13035551212", Different},
		{"303-555-1212", "", Different},
		{"ext.", "", Different},
		{"bob@example.com", "+13035551212", Different},
		{"٣٠٣٥٥٥١٢١٢", "+13035551212", Unsure},
	} {
		assert.Equal(t, tt.want, ComparePhone(tt.sent, tt.has), "%s beside %s", tt.sent, tt.has)
	}
}
