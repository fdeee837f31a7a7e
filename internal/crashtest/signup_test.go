package crashtest_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// The targets, in their order.
const (
	idp    = "idp"
	chat   = "chat"
	crm    = "crm"
	wallet = "wallet"
)

// planted is in every text and secret of a request but the phone number, which begins
// with plantedPhone.
const (
	planted      = "pLanTed"
	plantedPhone = "+48500"
)

// A signUp is one of the sign-ups, by its number: the key has all that the request is
// made of.
type signUp int

func (n signUp) key() string { return fmt.Sprintf("sign-up-%04d", int(n)) }

// keyIn finds the key of the sign-up that a user's text is of, "" for none.
func keyIn(text string) string {
	const begin, digits = "sign-up-", 4
	at := strings.Index(text, begin)
	if at < 0 || len(text) < at+len(begin)+digits {
		return ""
	}
	return text[at : at+len(begin)+digits]
}

// numbered returns the sign-up of a key.
func numbered(key string) signUp {
	n, _ := strconv.Atoi(strings.TrimPrefix(key, "sign-up-"))
	return signUp(n)
}

// What is done with a sign-up beside creating it.
func (n signUp) twice() bool  { return n%5 == 1 }  // by two runs at once
func (n signUp) undone() bool { return n%5 == 2 }  // it is undone
func (n signUp) hasty() bool  { return n%10 == 7 } // which begins while it is created
func (n signUp) again() bool  { return n%5 == 3 }  // CreateUser is called once more

// keyed reports whether the sign-up has a key of the caller's at the chat. Without one
// its user can be found by matching alone, and then is not deleted.
func (n signUp) keyed() bool { return n%3 == 0 }

// barred reports whether a stranger has the sign-up's name at the chat.
func (n signUp) barred() bool { return n%20 == 9 || n%20 == 12 }

// contended reports whether several calls are at work on it at once.
func (n signUp) contended() bool { return n.twice() || n.hasty() }

// decided reports whether a person decides on a user at the wallet that is unknown.
func (n signUp) decided() bool { return n%16 > 0 }

func (n signUp) request() userapi.CreateUserRequest {
	key := n.key()
	return userapi.CreateUserRequest{
		IdempotencyKey: key,
		Username:       "ada." + planted + "." + key,
		Email:          planted + "." + key + "@example.org",
		Phone:          fmt.Sprintf("%s%06d", plantedPhone, int(n)),
		Password:       userapi.Secret(planted + "-password-" + key),
		FullName:       "Ada " + planted + " " + key,
		Attributes:     map[string]any{attribute: planted + "-" + key},
	}
}

// attribute is the name of the attribute that the second step at the crm sets.
const attribute = "plan"

// chatID is the caller's own id of the person, as the chat takes it.
func (n signUp) chatID() string { return strconv.Itoa(471100 + int(n)) }

// targets returns the targets with their creators.
func targets(creators map[string]userapi.Creator) []provision.Target {
	return []provision.Target{
		{Name: crm, Creator: creators[crm], After: []string{idp}, Map: func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
			req.ExternalID = users[idp].ID
			return req
		}},
		{Name: wallet, Creator: creators[wallet]},
		{Name: idp, Creator: creators[idp]},
		{Name: chat, Creator: creators[chat], Map: func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
			if n := numbered(req.IdempotencyKey); n.keyed() {
				req.ExternalID = n.chatID()
			}
			return req
		}},
	}
}

// targetNames are the targets' names, as the ledger sorts them.
var targetNames = []string{chat, crm, idp, wallet}

// settled reports whether nothing is left to do of a sign-up that a program can do. Of
// what became of a create at the wallet nobody can be asked.
func (n signUp) settled(records []provision.Record) bool {
	if len(records) != len(targetNames) {
		return false
	}
	for _, r := range records {
		switch {
		case r.Target == wallet && r.State == provision.StateUnknown:
		case r.Target == chat && n.barred() && !n.undone():
			if r.State != provision.StateRejected || r.Kind != userapi.KindConflict {
				return false
			}
		case r.State == provision.StateUndone:
		case !r.State.HasUser() || r.Unfinished && !n.undone():
			return false
		case n.undone() && r.Target != wallet && !n.keeps(r):
			return false
		}
	}
	return true
}

// keeps reports whether a user is one that Undo must not touch.
func (n signUp) keeps(r provision.Record) bool {
	return r.Target == chat && r.State == provision.StateRecovered && r.Proof == userapi.ProofMatch
}
