package bulk_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// TestKeys fixes the form of keys, because ledgers store them. The hashes are from sha256sum, over
// the job, a NUL and the value.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		job   string
		value any
		want  string
	}{
		{"spring", "7", "spring/7"},
		{"spring", json.Number("7"), "spring/7"},
		{"spring", 7, "spring/7"},
		{"spring", "\u00a07 \t", "spring/7"},
		{"spring", "007", "spring/007"},
		{"spring", "-7", "spring/-7"},
		{"spring", "18446744073709551615", "spring/18446744073709551615"},
		{"Spring_2026.b-1", "7", "Spring_2026.b-1/7"},
		{"spring", "0D9C1B3E-6d3f-4b8e-9F00-2a51d1c0ffee", "spring/0d9c1b3e-6d3f-4b8e-9f00-2a51d1c0ffee"},
		{"spring", "ada@example.com", "spring/sha256:c235f3eaca736e9ad776ec2a08594e9dd7cb8ceb16454b73ee87b3821adb63ca"},
		{"spring", "Ada@example.com", "spring/sha256:17ee361cbc22e1fca2f7db689edae353f5eb57a2fb2d1290e610bfc58bb031ba"},
		{"autumn", "ada@example.com", "autumn/sha256:97fb5e36da777f4cebe8ea0d569cb6bdd2ea58f076d9694b7094f8a7d49c1e25"},
		{"spring", "+48123456789", "spring/sha256:7c0f2a8d4381885886b5b5fc1cf02ab7c2b29f08b3e00145d7a67f5f10017d1c"},
		{"spring", json.Number("7.0"), "spring/sha256:81faceb0b0466ea13143cb253d9115ab2cb25df81f4adca506d67fbb52483c59"},
		{"spring", "123456789012345678901", "spring/sha256:5e07c1fbd34a19e8a24763dc87267d7d6fcfb968734e4ca7452a8405601a1c0f"},
	} {
		m, err := bulk.Mapping{}.Compile(test.job)
		require.NoError(t, err)
		req, err := m.Request(bulk.Row{Line: 2, Values: map[string]any{"key": test.value}})
		require.NoError(t, err)
		assert.Equal(t, test.want, req.IdempotencyKey)
	}
}
