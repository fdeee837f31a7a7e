package main

import (
	"time"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapiotel"
)

// vendors are clients, with their traces.
type vendors struct {
	identity, chat userapi.Creator
	every          time.Duration // how often Resume goes on
	close          func()
}

// A startVendors makes the clients.
type startVendors func(traces userapiotel.Option) (*vendors, error)

// startFakes starts a fake of each vendor. In earnest there are none, and each Config has your own key.
func startFakes(traces userapiotel.Option) (*vendors, error) {
	identity, err := fusionauthtest.Start()
	if err != nil {
		return nil, err
	}
	chat, err := quickbloxtest.Start()
	if err != nil {
		identity.Close()
		return nil, err
	}
	return connect(identity.Config(), chat.Config(), traces, func() { identity.Close(); chat.Close() })
}

// connect makes the clients. closeAll is called by their close, and after an error.
func connect(identity fusionauth.Config, chat quickblox.Config, traces userapiotel.Option, closeAll func()) (*vendors, error) {
	identity.HTTP = userapiotel.Options(fusionauth.Name, identity.HTTP, traces)
	chat.HTTP = userapiotel.Options(quickblox.Name, chat.HTTP, traces)
	fa, err := fusionauth.New(identity)
	if err != nil {
		closeAll()
		return nil, err
	}
	qb, err := quickblox.New(chat)
	if err != nil {
		closeAll()
		return nil, err
	}
	return &vendors{
		identity: userapiotel.Wrap(fa, traces), chat: userapiotel.Wrap(qb, traces), every: 5 * time.Second,
		close: func() { fa.CloseIdleConnections(); qb.CloseIdleConnections(); closeAll() },
	}, nil
}
