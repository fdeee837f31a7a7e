package provider_test

import (
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
