package userapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

type nativeUser struct{ Plan string }

func TestAs(t *testing.T) {
	t.Parallel()
	u := &userapi.User{}
	_, ok := userapi.As[*nativeUser](u)
	assert.False(t, ok)
	u.SetNative(&nativeUser{Plan: "gold"})
	n, ok := userapi.As[*nativeUser](u)
	require.True(t, ok)
	assert.Equal(t, "gold", n.Plan)
	_, ok = userapi.As[nativeUser](u)
	assert.False(t, ok)
	_, ok = userapi.As[*nativeUser](nil)
	assert.False(t, ok)
}

func TestUserShowsItsIDAlone(t *testing.T) {
	t.Parallel()
	u := &userapi.User{
		Provider: "mixin", ID: "17", Email: "peter@example.com", Proof: userapi.ProofReply,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Raw: json.RawMessage(`{"pin_token":"` + planted + `"}`),
	}
	u.SetNative(&nativeUser{Plan: planted})
	for _, v := range []any{u, *u, []*userapi.User{u}} {
		assert.False(t, strings.Contains(forms(v), planted))
	}
	text, err := json.Marshal(u)
	require.NoError(t, err)
	assert.JSONEq(t, `{"provider":"mixin","id":"17","email":"peter@example.com","created_at":"2026-01-02T03:04:05Z","proof":"reply"}`, string(text))
	assert.Equal(t, "user mixin/17", strings.TrimSpace(strings.Split(forms(u), "\n")[0]))
}

func TestCreatorFunc(t *testing.T) {
	t.Parallel()
	var c userapi.Creator = userapi.CreatorFunc(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
		return &userapi.User{ID: req.Username}, nil
	})
	u, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{Username: "peter"})
	require.NoError(t, err)
	assert.Equal(t, "peter", u.ID)
}
