package fusionauth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

const (
	tenantUUID = "b3a1c2d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
	plainUUID  = "2ed6657d-e927-568b-95e1-2665a8aea6a2"
)

func TestNamespaceIsItsBytes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Namespace, namespace().String())
	inURLs := uuid.UUID{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	assert.Equal(t, Namespace, uuid.Derive(inURLs, "https://github.com/enlist-go/enlist/fusionauth").String())
}

// The ids were computed by Python's uuid.uuid5(NAMESPACE, "tenant|kind|text"). They must never
// change: a new id would create a user twice.
func TestChosenIDsAreFrozen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, tenant, own, external, key string
		id, externalID, field            string
	}{
		{name: "an external id", external: "customer-42", id: "aac12bd6-f50d-5834-8481-4cfaaf4e0a5a", externalID: "customer-42", field: "ExternalID"},
		{name: "an external id in a tenant", tenant: tenantUUID, external: "customer-42", id: "bfa70ae3-abe7-5e94-a063-23efc12157e9", externalID: "customer-42", field: "ExternalID"},
		{name: "a key", key: "customer-42", id: "181e05b5-a942-52cc-ace0-9ea94013a159", field: "IdempotencyKey"},
		{name: "a key in a tenant", tenant: tenantUUID, key: "signup-7", id: "32de4e9c-34d9-5374-9d11-b4f0016e214a", field: "IdempotencyKey"},
		{name: "beyond ASCII", external: "żółw 🐢", id: "c9457a0f-a182-54aa-9cf2-5004f79635de", externalID: "żółw 🐢", field: "ExternalID"},
		{name: "a bar in the text", external: "a|b", id: "f80519ec-5566-5d16-ab7d-9fc27792cf23", externalID: "a|b", field: "ExternalID"},
		{name: "a UUID without hyphens", key: "2ed6657de927568b95e12665a8aea6a2", id: "8226de54-99c2-5d59-9238-fbd3f98c91d1", field: "IdempotencyKey"},
		{name: "a UUID", tenant: tenantUUID, external: strings.ToUpper(plainUUID), id: plainUUID, externalID: strings.ToUpper(plainUUID), field: "ExternalID"},
		{name: "a UUID as the key", tenant: tenantUUID, key: strings.ToUpper(plainUUID), id: plainUUID, field: "IdempotencyKey"},
		{name: "the external id before the key", external: "customer-42", key: "signup-7", id: "aac12bd6-f50d-5834-8481-4cfaaf4e0a5a", externalID: "customer-42", field: "ExternalID"},
		{name: "one's own before all", own: plainUUID, external: "customer-42", key: "signup-7", id: plainUUID},
		{name: "one's own, the same", own: plainUUID, external: plainUUID, id: plainUUID, externalID: plainUUID, field: "ExternalID"},
		{name: "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			to := target{tenantID: tt.tenant}
			to.choose(tt.own, &userapi.CreateUserRequest{ExternalID: tt.external, IdempotencyKey: tt.key})
			assert.Equal(t, tt.id, to.userID)
			assert.Equal(t, tt.externalID, to.externalID)
			assert.Equal(t, tt.field, to.idField)
		})
	}
}
