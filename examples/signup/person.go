package main

import (
	"crypto/rand"

	"github.com/enlist-go/enlist/userapi"
)

// A person is who signs up.
type person struct{ name, email, phone, account string }

// request is what all targets are asked for. A password that is made up differs each
// time, which makes it no other sign-up: a password is no part of what the ledger
// compares.
func (p person) request(key, password string) userapi.CreateUserRequest {
	if password == "" {
		password = rand.Text()
	}
	return userapi.CreateUserRequest{
		IdempotencyKey: key, ExternalID: p.account, FullName: p.name, Email: p.email, Phone: p.phone,
		Password: userapi.Secret(password),
	}
}
