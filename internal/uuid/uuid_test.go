package uuid_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/uuid"
)

func TestNewIsVersion4AndUnique(t *testing.T) {
	t.Parallel()
	seen := map[uuid.UUID]bool{}
	for range 1000 {
		u := uuid.New()
		assert.Equal(t, byte(4), u[6]>>4)
		assert.Equal(t, byte(2), u[8]>>6)
		assert.False(t, seen[u])
		seen[u] = true
		canonical, ok := uuid.Canonical(u.String())
		assert.True(t, ok)
		assert.Equal(t, u.String(), canonical)
	}
}

// The examples of RFC 9562, appendix A.4, and of Python's uuid module.
func TestDerive(t *testing.T) {
	t.Parallel()
	dns := uuid.UUID{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	assert.Equal(t, "2ed6657d-e927-568b-95e1-2665a8aea6a2", uuid.Derive(dns, "www.example.com").String())
	assert.Equal(t, "886313e1-3b8a-5372-9b90-0c9aee199e5d", uuid.Derive(dns, "python.org").String())
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	got, ok := uuid.Canonical("2ED6657D-E927-568B-95E1-2665A8AEA6A2")
	assert.True(t, ok)
	assert.Equal(t, "2ed6657d-e927-568b-95e1-2665a8aea6a2", got)
	for _, bad := range []string{"", "2ed6657de927568b95e12665a8aea6a2", "{2ed6657d-e927-568b-95e1-2665a8aea6a2}", "2ed6657d-e927-568b-95e1-2665a8aea6ag", "2ed6657d_e927-568b-95e1-2665a8aea6a2"} {
		_, ok := uuid.Canonical(bad)
		assert.False(t, ok, bad)
	}
}
