package provision_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestRefuse: if a Map cannot make a request, nothing is sent to its target. If that is found
// before the start, nothing is sent anywhere.
func TestRefuse(t *testing.T) {
	t.Parallel()
	field := userapi.FieldError{Field: "Phone", Code: userapi.CodeInvalid, Message: "all digits are expected"}
	for name, tt := range map[string]struct {
		after []string
		at    string // the id for which Map cannot make a request
		want  string
		sent  int
	}{
		"at once":         {nil, "", "idp not_sent, crm not_sent", 0},
		"of what waits":   {[]string{"idp"}, "{idp}", "idp not_sent, crm not_sent", 0},
		"of the known id": {[]string{"idp"}, "idp-1", "idp created, crm not_sent", 1},
	} {
		idp, crm := newVendor("idp"), newVendor("crm")
		targets := append(beside(idp), provision.Target{Name: "crm", Creator: full{crm}, After: tt.after, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			if u := users["idp"]; u == nil || u.ID == tt.at {
				return provision.Refuse(field)
			}
			return req
		}})
		ledger := new(provision.Memory)
		p := provisioner(t, ledger, targets)
		results, err := p.CreateUser(t.Context(), ann)
		require.ErrorIs(t, err, userapi.ErrInvalid, name)
		assert.Equal(t, tt.want, dispositions(results), name)
		var e *userapi.Error
		require.ErrorAs(t, results[1].Err, &e, name)
		assert.Equal(t, []userapi.FieldError{field}, e.FieldErrors, name)
		if tt.sent > 0 { // it is recorded as refused, and can be corrected
			assert.Equal(t, "crm not_sent, idp created", states(t, ledger, ann.IdempotencyKey))
		}
		assert.Len(t, idp.calls(), tt.sent, name)
		assert.Empty(t, crm.calls(), name)
		if tt.sent == 0 {
			require.ErrorAs(t, p.Plan(ann)[1].Err, &e, name)
			assert.Equal(t, []userapi.FieldError{field}, e.FieldErrors, name)
		}
	}
}
