package provider_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

func TestErrorsNameTheirSubject(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]userapi.Subject{
		provider.OpCreate: userapi.SubjectCreate, provider.OpLookup: userapi.SubjectUser,
		provider.OpResolve: userapi.SubjectUser, provider.OpDelete: userapi.SubjectUser,
		provider.OpNew: userapi.SubjectNone, "set attributes": userapi.SubjectStep,
	} {
		assert.Equal(t, want, provider.NewError("x", op, &transport.Result{}, provider.Mask{}).Subject, op)
		assert.Equal(t, want, provider.Invalid("x", op, nil).Subject, op)
	}
}

// TestNotPreparedNamesTheStep: a step of another name is told; one of the call's own is not said twice.
func TestNotPreparedNamesTheStep(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]string{
		"create session":  "x: create user: forbidden: create session failed, nothing was sent",
		provider.OpCreate: "x: create user: forbidden, nothing was sent",
	} {
		step := &userapi.Error{Provider: "x", Op: op, Kind: userapi.KindForbidden, UserID: "7", Err: errors.New("cause")}
		e := provider.NotPrepared(t.Context(), "x", provider.OpCreate, step)
		assert.Equal(t, want, e.Error())
		assert.Equal(t, "7", e.UserID)
		assert.ErrorIs(t, e, step.Err)
	}
}
