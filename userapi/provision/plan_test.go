package provision_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// TestPlan: a plan shows what would be sent, with known ids and every fault, and sends nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	idServer, chatServer, crmServer := fusionauthtest.NewServer(t), quickbloxtest.NewServer(t), usercomtest.NewServer(t)
	idp, err := fusionauth.New(idServer.Config())
	require.NoError(t, err)
	chat, err := quickblox.New(chatServer.Config())
	require.NoError(t, err)
	crm, err := usercom.New(crmServer.Config())
	require.NoError(t, err)
	ledger := new(provision.Memory)
	p := provisioner(t, ledger, []provision.Target{
		{Name: "crm", Creator: crm, After: []string{"idp"}, Map: idOf("idp")},
		{Name: "idp", Creator: idp},
		{Name: "chat", Creator: chat, After: []string{"crm"}},
		{Name: "crm of chat", Creator: crm, After: []string{"chat"}, Map: idOf("chat")},
		{Name: "own", Creator: newVendor("own")},
		{Name: "checked", Creator: full{newVendor("checked")}},
	})
	req := userapi.CreateUserRequest{
		IdempotencyKey: "sign-up 1", Username: "ann", Email: "ann@example.com", Password: "planted-password", Attributes: map[string]any{"plan": "pro"},
	}
	items := p.Plan(req)
	require.Len(t, items, 6)
	results, err := p.CreateUser(t.Context(), req)
	require.NoError(t, err)

	id := results[1].User.ID
	assert.Equal(t, "/api/user/"+id, items[1].Plan.Route)
	assert.Equal(t, id, items[1].Plan.UserID)
	assert.JSONEq(t, `{"user_id":"`+id+`","email":"ann@example.com"}`, string(items[0].Plan.Body), "the id is known before")
	assert.Equal(t, []string{"idp"}, items[0].After)
	assert.Equal(t, results[0].User.Unmapped, items[0].Plan.Unmapped)
	assert.Len(t, items[0].Plan.Next, 1)
	assert.Contains(t, string(items[2].Plan.Body), `"ann@example.com"`, "it waits, but its request is known")
	assert.Equal(t, []string{"chat", "crm"}, items[3].Waits, "of what came before only the vendors know the ids")
	assert.JSONEq(t, `{"user_id":"{chat}","email":"ann@example.com"}`, string(items[3].Plan.Body))
	for i, item := range items {
		assert.NoError(t, item.Err)
		assert.Equal(t, results[i].Target, item.Target)
		assert.Equal(t, i < 4, item.Plan.Method == "POST")
	}
	text, err := json.Marshal(items)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "planted")

	ids := len(idServer.Requests())
	// Each vendor's faults are reported, even for a target that waits for an invalid one. Faults of
	// values that Map does not have yet are not.
	items = p.Plan(userapi.CreateUserRequest{Language: "pl", Strict: true})
	for target, fields := range map[int][]string{
		0: {"Language"}, 1: {"Email"}, 2: {"Username", "Password", "Language"}, 3: {"Language"}, 5: {"Email"},
	} {
		require.ErrorIs(t, items[target].Err, userapi.ErrInvalid, "%s", items[target].Target)
		var got []string
		for _, f := range failureOf(t, items[target].Err).FieldErrors {
			got = append(got, f.Field)
		}
		assert.ElementsMatch(t, fields, got, "%s", items[target].Target)
		assert.Empty(t, items[target].Plan.Method)
	}
	assert.Len(t, idServer.Requests(), ids)
}

// TestPlanItemInLogs: bodies have personal data, so logs do not show them.
func TestPlanItemInLogs(t *testing.T) {
	t.Parallel()
	e := &userapi.Error{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, Message: "planted by the vendor"}
	item := provision.PlanItem{
		Target: "crm", Waits: []string{"chat"}, Err: e,
		Plan: userapi.Plan{Method: "POST", Route: "/users", Body: json.RawMessage(`{"email":"planted-ann@example.com"}`)},
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("planned", "item", item)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("planned", "item", item)
	shown := log.String() + fmt.Sprintf("%v %+v", item, []provision.PlanItem{item})
	assert.NotContains(t, shown, "planted")
	assert.Contains(t, log.String(), `"requests":["POST /users"]`)
	assert.Contains(t, log.String(), `"waits":["chat"]`)
}

// plans is a Planner that uses the ExternalID as the user's id and returns given faults.
type plans struct {
	*vendor
	faults []userapi.FieldError
}

func (p plans) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	if p.faults != nil {
		return userapi.Plan{}, &userapi.Error{Kind: userapi.KindInvalid, Outcome: userapi.OutcomeNotSent, FieldErrors: p.faults}
	}
	return userapi.Plan{Provider: p.name, Method: "PUT", Route: "/users/" + req.ExternalID, UserID: req.ExternalID}, nil
}

// TestPlanOfWhatWaits: a target that depends on an unknown id is not planned with a wrong id, and
// has no fault because of it.
func TestPlanOfWhatWaits(t *testing.T) {
	t.Parallel()
	mapped := userapi.FieldError{Field: "ExternalID", Code: "invalid"}
	native := userapi.FieldError{VendorField: "extra.id", Code: "invalid"}
	own := userapi.FieldError{Field: "Language", Code: "unsupported"}
	faults := []userapi.FieldError{mapped, native, own}
	after := []string{"chat"}
	items := provisioner(t, new(provision.Memory), []provision.Target{
		{Name: "chat", Creator: newVendor("chat")},
		{Name: "id", Creator: plans{newVendor("id"), nil}, After: after, Map: idOf("chat")},
		{Name: "unmapped", Creator: plans{newVendor("unmapped"), nil}, After: after},
		{Name: "theirs", Creator: plans{newVendor("theirs"), []userapi.FieldError{mapped, native}}, After: after, Map: idOf("chat")},
		{Name: "both", Creator: plans{newVendor("both"), faults}, After: after, Map: idOf("chat")},
	}).Plan(ann)

	assert.Equal(t, after, items[1].Waits)
	assert.Empty(t, items[1].Plan, "its own id is not known")
	assert.Empty(t, items[2].Waits, "nothing of its request depends on chat")
	assert.Equal(t, ann.ExternalID, items[2].Plan.UserID)
	require.NoError(t, items[3].Err)
	assert.Equal(t, []userapi.FieldError{own}, failureOf(t, items[4].Err).FieldErrors)
	assert.Equal(t, []userapi.FieldError{mapped, native, own}, faults, "the creator's own error is left as it was")
}
