package fusionauth

import (
	"cmp"
	"strings"

	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// Namespace is the namespace of the user ids that are derived from an ExternalID
// or an IdempotencyKey. It is the version 5 UUID of the text
// "https://github.com/enlist-go/enlist/fusionauth" in the URL namespace of RFC
// 9562, and never changes.
//
// The id is the version 5 UUID in it of the UTF-8 text
//
//	tenant|external|text    for an ExternalID
//	tenant|key|text         for an IdempotencyKey
//
// where tenant is the id of the tenant that the user is created in, in lower case,
// or nothing when neither the client nor the request names one.
const Namespace = "fc870748-966d-58d5-b0bb-4671965cc393"

func namespace() uuid.UUID {
	return uuid.UUID{0xfc, 0x87, 0x07, 0x48, 0x96, 0x6d, 0x58, 0xd5, 0xb0, 0xbb, 0x46, 0x71, 0x96, 0x5c, 0xc3, 0x93}
}

// The fields of a neutral request that can give the user's id.
const (
	fieldExternalID     = "ExternalID"
	fieldIdempotencyKey = "IdempotencyKey"
)

// A target says which user a create makes, and where.
type target struct {
	// userID is the id that this client chose; "" leaves it to the server.
	userID string
	// tenantID is the tenant that the call is scoped to; "" for none.
	tenantID string
	// idField is the field of the neutral request that gave the id; "" where none did.
	idField string
	// externalID is the neutral request's ExternalID where it gave the id.
	externalID string
}

// The paths that users are created at, or below with an id.
const (
	userPath         = "/api/user"
	registrationPath = "/api/user/registration"
)

// route returns the user's path below base, and its template for logs.
func (t target) route(base string) (path, template string) {
	if t.userID == "" {
		return base, base
	}
	return base + "/" + t.userID, base + "/{userId}"
}

// choose finds the id that a request asks for: own, which is canonical, ExternalID or
// IdempotencyKey, the first that is set.
func (t *target) choose(own string, req *userapi.CreateUserRequest) {
	external := ""
	if req.ExternalID != "" {
		external = deriveID(t.tenantID, "external", req.ExternalID)
	}
	t.userID = cmp.Or(own, external)
	if t.userID == "" && req.IdempotencyKey != "" {
		t.userID, t.idField = deriveID(t.tenantID, "key", req.IdempotencyKey), fieldIdempotencyKey
	}
	if external != "" && external == t.userID {
		t.externalID, t.idField = req.ExternalID, fieldExternalID
	}
}

// deriveID returns the user id that a text of the caller's stands for.
func deriveID(tenantID, kind, text string) string {
	if id, ok := uuid.Canonical(text); ok {
		return id
	}
	return uuid.Derive(namespace(), strings.Join([]string{tenantID, kind, text}, "|")).String()
}
