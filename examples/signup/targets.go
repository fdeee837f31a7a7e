package main

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/usercom"
)

// A target is one place where the person gets a user.
type target struct{ name, vendor string }

// targets are in the order of the output.
var targets = [...]target{
	{"identity", fusionauth.Name},
	{"chat", quickblox.Name},
	{"crm", usercom.Name},
	{"wallet", mixin.Name},
}

// placeOf returns the place of a target in the output, -1 for what is none.
func placeOf(name string) int {
	return slices.IndexFunc(targets[:], func(t target) bool { return t.name == name })
}

func targetNames() []string {
	var names []string
	for _, t := range targets {
		names = append(names, t.name)
	}
	return names
}

// vendorOf is where a target is.
func vendorOf(name string) string {
	if i := placeOf(name); i >= 0 {
		return targets[i].vendor
	}
	return ""
}

// targets returns what a Provisioner needs: a client for each vendor, and what comes
// after what. keys stores the session keys of Mixin's users.
func (v *vendors) targets(keys mixin.SessionKeys, faults map[string]fault) (list []provision.Target, closeAll func(), err error) {
	pool := &http.Transport{TLSClientConfig: v.tls}
	through := func(target string, h userapi.HTTPOptions) userapi.HTTPOptions {
		var rt http.RoundTripper = pool
		if f := faults[target]; f != "" {
			rt = &faulty{RoundTripper: pool, fault: f}
		}
		h.HTTPClient = &http.Client{Transport: rt}
		return h
	}
	fail := func(vendor string, err error) ([]provision.Target, func(), error) {
		return nil, nil, fmt.Errorf("%s: %w", vendor, err)
	}

	v.fusionauth.HTTP = through("identity", v.fusionauth.HTTP)
	identity, err := fusionauth.New(v.fusionauth)
	if err != nil {
		return fail(fusionauth.Name, err)
	}
	v.quickblox.HTTP = through("chat", v.quickblox.HTTP)
	chat, err := quickblox.New(v.quickblox)
	if err != nil {
		return fail(quickblox.Name, err)
	}
	v.usercom.HTTP = through("crm", v.usercom.HTTP)
	crm, err := usercom.New(v.usercom)
	if err != nil {
		return fail(usercom.Name, err)
	}
	v.mixin.HTTP, v.mixin.SessionKeys = through("wallet", v.mixin.HTTP), keys
	wallet, err := mixin.New(v.mixin)
	if err != nil {
		return fail(mixin.Name, err)
	}
	return []provision.Target{
		{Name: "identity", Creator: identity},
		{Name: "chat", Creator: chat},
		{Name: "crm", Creator: crm, After: []string{"identity"}, Map: underIdentity},
		// The last: what it costs is not given back, and nobody can delete it.
		{Name: "wallet", Creator: wallet, After: []string{"identity", "chat", "crm"}},
	}, pool.CloseIdleConnections, nil
}

// underIdentity has the crm know the person by the id at identity.
func underIdentity(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
	req.ExternalID = users["identity"].ID
	return req
}
