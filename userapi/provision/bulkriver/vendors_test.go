//go:build unix

package bulkriver_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// vendors are two fakes with their clients.
type vendors struct {
	identity *fusionauthtest.Server
	chat     *quickbloxtest.Server

	identityClient *fusionauth.Client
	chatClient     *quickblox.Client
}

var soon = userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond}

func newVendors(t testing.TB) *vendors {
	t.Helper()
	v := &vendors{identity: fusionauthtest.NewServer(t), chat: quickbloxtest.NewServer(t)}
	ofIdentity, ofChat := v.identity.Config(), v.chat.Config()
	ofIdentity.HTTP.Retry, ofChat.HTTP.Retry = soon, soon
	var err error
	v.identityClient, err = fusionauth.New(ofIdentity)
	require.NoError(t, err)
	t.Cleanup(v.identityClient.CloseIdleConnections)
	v.chatClient, err = quickblox.New(ofChat)
	require.NoError(t, err)
	t.Cleanup(v.chatClient.CloseIdleConnections)
	return v
}

// targets returns both vendors, the second one after the first.
func (v *vendors) targets() []provision.Target {
	return []provision.Target{
		{Name: "identity", Creator: v.identityClient}, {Name: "chat", Creator: v.chatClient, After: []string{"identity"}},
	}
}
