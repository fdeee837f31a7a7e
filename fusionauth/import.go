package fusionauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/uuid"
	"github.com/enlist-go/enlist/userapi"
)

// ImportRequest is a request to POST /api/user/import. Marshalling it shows every secret
// redacted: it is for reading. Source: FusionAuth, "Users API", "Import Users".
type ImportRequest struct {
	// TenantID is the tenant to create the users in; "" means the client's.
	TenantID string `json:"-"`

	// EncryptionScheme and Factor say how the server hashes passwords in plain text.
	EncryptionScheme EncryptionScheme `json:"encryptionScheme,omitempty"`
	Factor           *int             `json:"factor,omitempty"`
	// Users are the users to create. Of each:
	//   - Password is a hash where EncryptionScheme is set, and a plain text where it is
	//     not. Salt, which may be "", is sent with a hash, and must be "" without one. Plain texts are slow: the server
	//     hashes each.
	//   - Active is false unless it is set: such a user cannot log in.
	//   - ID is random unless it is set.
	//   - Registrations are created too.
	Users []NewUser `json:"users"`
	// ValidateDBConstraints has the server look for users that exist. It then answers 400
	// and names them; otherwise it answers 500. The server takes much longer with it.
	ValidateDBConstraints *bool `json:"validateDbConstraints,omitempty"`
	// EventInfo describes the caller, for events and webhooks.
	EventInfo EventInfo `json:"eventInfo,omitzero"`
}

// ImportResponse says which users an import created: FusionAuth's reply has no content.
type ImportResponse struct {
	// UserIDs are the ids of the users, in the order of the request.
	UserIDs []string
}

// Import creates many users by one request: all of them, or none. The error is about
// all of the users. With OutcomeUnknown any of them may exist. They can be looked up
// only by ids that the request gives.
//
// FusionAuth asks for one import at a time. A client and those of its WithTenant send
// one after the other. If the context ends while a call waits for its turn, the outcome
// is NotSent. The server answers when the import is done: Config.HTTP.Timeout must be
// long enough. Source: FusionAuth, "Users API", "Import Users".
func (s *UsersService) Import(ctx context.Context, req ImportRequest) (*ImportResponse, error) {
	check := s.core.check()
	tenant := cmp.Or(check.UUIDIfSet("ImportRequest.TenantID", req.TenantID), s.core.tenantID)
	req.Users = slices.Clone(req.Users)
	ids := make([]string, len(req.Users))
	for i := range req.Users {
		u := &req.Users[i]
		if u.ID == nil {
			u.ID = new(uuid.New().String())
		}
		ids[i] = strings.ToLower(*u.ID)
	}
	body := req.encode(&check)
	if _, err := check.Done(provider.OpImport); err != nil {
		return nil, err
	}
	call := importCall(provider.OpImport, body, tenant)
	call.Many = len(req.Users) > maxMasked
	if _, err := s.core.sendImport(ctx, call); err != nil {
		return nil, err
	}
	return &ImportResponse{UserIDs: ids}, nil
}

// encode checks a request and writes what is sent.
func (r *ImportRequest) encode(c *provider.Check) []byte {
	if len(r.Users) == 0 {
		c.Required("", "users", "must hold at least one user")
	}
	sent := make([]importedUser, len(r.Users))
	for i := range r.Users {
		u := &r.Users[i]
		sent[i] = imported(u)
		of := provider.NativeCheck(Name)
		u.checkNew(&of, nil)
		of.Secret("", "user.password", u.Password)
		if u.Salt != "" && u.EncryptionScheme == "" {
			of.Invalid("", "user.salt", "must not be set without the user's encryptionScheme: the password counts as plain text")
		}
		if slices.ContainsFunc(u.ownValues(), Data.holdsSecret) {
			of.Invalid("", "user.data", "must not have a Secret in it: it would be revealed")
		}
		for _, fault := range of.Faults() {
			fault.Field = "" // of which user?
			fault.VendorField = fmt.Sprintf("users[%d]", i) + strings.TrimPrefix(fault.VendorField, "user")
			c.Add(fault)
		}
	}
	return encode(c, struct {
		*ImportRequest
		Users []importedUser `json:"users"`
	}{r, sent}, []Data{r.EventInfo.Data})
}

// An importedUser is a user as an import sends it: with a salt beside every hash.
type importedUser struct {
	*NewUser
	Salt *userapi.Secret `json:"salt,omitempty"`
}

func imported(u *NewUser) importedUser {
	if u.EncryptionScheme == "" {
		return importedUser{u, nil}
	}
	return importedUser{u, &u.Salt}
}

// maxMasked is of how many users an error shows the vendor's texts, masked.
const maxMasked = 100

const routeImport = "/api/user/import"

// importCall returns the call that creates users in a tenant.
func importCall(op string, body []byte, tenant string) *provider.Call {
	call := provider.NewCreate(routeImport, routeImport, "application/json", body)
	call.Operation, call.Tenant = op, tenant
	return call
}

// sendImport sends an import when no other of the client's is under way.
func (c *core) sendImport(ctx context.Context, call *provider.Call) (*provider.Empty, error) {
	select {
	case c.imports <- struct{}{}:
		defer func() { <-c.imports }()
		return provider.Read(ctx, c.Vendor, call, new(provider.Empty), nil)
	case <-ctx.Done():
		return nil, provider.NotPrepared(ctx, Name, call.Operation, ctx.Err())
	}
}

// Format shows only the type, as that of CreateUserRequest.
func (r ImportRequest) Format(f fmt.State, verb rune) { provider.TypeOnly(r).Format(f, verb) }

// LogValue is like Format.
func (r ImportRequest) LogValue() slog.Value { return provider.TypeOnly(r).LogValue() }
