package fusionauth

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/provider"
)

func TestLikePhone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sent, has string
		want      provider.Match
	}{
		{"+13035551212", "+13035551212", provider.Same},
		{"+1 (303) 555-12.12", "+13035551212", provider.Same},
		{"303-555-1212", "+13035551212", provider.Same},
		{"07911 123456", "+447911123456", provider.Same},
		{"0044 7911/123456", "+447911123456", provider.Same},
		{"+44 (0) 7911 123456", "+447911123456", provider.Same},
		{"011 44 7911 123456", "+447911123456", provider.Unsure},
		{"1212", "+13035551212", provider.Unsure},
		{"303-555-1212 ext. 5", "+13035551212", provider.Unsure},
		{"1-800-FLOWERS", "+18003569377", provider.Unsure},
		{"+3035551212", "+13035551212", provider.Different},
		{"+13035551213", "+13035551212", provider.Different},
		{"303-555-1213", "+13035551212", provider.Different},
		{"303-555-1212", "", provider.Different},
		{"ext.", "", provider.Different},
	} {
		assert.Equal(t, tt.want, likePhone(tt.sent, tt.has), "%s beside %s", tt.sent, tt.has)
	}
}
