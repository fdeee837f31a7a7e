package main

import (
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/mixin/mixintest"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
	"github.com/enlist-go/enlist/usercom/usercomtest"
)

// Each function starts a vendor's fake, and makes a client of what the fake accepts.

func openMixin() (userapi.Creator, func(), error) {
	server, err := mixintest.Start()
	if err != nil {
		return nil, nil, err
	}
	client, err := mixin.New(server.Config())
	return client, server.Close, err
}

func openQuickBlox() (userapi.Creator, func(), error) {
	server, err := quickbloxtest.Start()
	if err != nil {
		return nil, nil, err
	}
	config := server.Config()
	config.APIKey, config.Session = "", server.SessionConfig() // sessions, which the client signs
	client, err := quickblox.New(config)
	return client, server.Close, err
}

func openFusionAuth() (userapi.Creator, func(), error) {
	server, err := fusionauthtest.Start()
	if err != nil {
		return nil, nil, err
	}
	client, err := fusionauth.New(server.Config())
	return client, server.Close, err
}

func openUserCom() (userapi.Creator, func(), error) {
	server, err := usercomtest.Start()
	if err != nil {
		return nil, nil, err
	}
	client, err := usercom.New(server.Config())
	return client, server.Close, err
}
