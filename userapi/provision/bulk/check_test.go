package bulk_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

var _ = context.Background

func provisionerOf(t testing.TB, targets ...provision.Target) *provision.Provisioner {
	t.Helper()
	p, err := provision.New(new(provision.Memory), targets)
	require.NoError(t, err)
	return p
}

func threeTargets(t testing.TB) []provision.Target {
	t.Helper()
	identity, err := fusionauth.New(fusionauthtest.NewServer(t).Config())
	require.NoError(t, err)
	chat, err := quickblox.New(quickbloxtest.NewServer(t).Config())
	require.NoError(t, err)
	crm, err := usercom.New(usercomtest.NewServer(t).Config())
	require.NoError(t, err)
	return []provision.Target{{Name: "identity", Creator: identity}, {Name: "chat", Creator: chat}, {Name: "crm", Creator: crm}}
}
