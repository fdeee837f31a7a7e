package crashtest_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// The vendors of which more is asked than of others.
const (
	idp    = "fusionauth"
	chat   = "quickblox"
	crm    = "usercom" // whose users have the idp's id
	wallet = "mixin"   // which cannot be asked, and keeps session keys
)

// targetVendors are the vendors, each in one of its ways, as the ledger sorts them.
var targetVendors = func() (all []*vendors.Vendor) {
	for _, v := range vendors.All() {
		if v.Name == v.Package {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *vendors.Vendor) int { return strings.Compare(a.Name, b.Name) })
	return all
}()

// planted is in every text and secret of a request but the phone number, which begins
// with plantedPhone.
const (
	planted      = vendors.Planted
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
// its user can be found by matching alone.
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
	all := make([]provision.Target, 0, len(targetVendors))
	for _, v := range slices.Backward(targetVendors) { // the crm before the idp
		target := provision.Target{Name: v.Name, Creator: creators[v.Name]}
		switch v.Name {
		case crm:
			target.After = []string{idp}
			target.Map = func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
				req.ExternalID = users[idp].ID
				return req
			}
		case chat:
			target.Map = func(req userapi.CreateUserRequest, _ map[string]*userapi.User) userapi.CreateUserRequest {
				if n := numbered(req.IdempotencyKey); n.keyed() {
					req.ExternalID = n.chatID()
				}
				return req
			}
		}
		all = append(all, target)
	}
	return all
}

// vendorOf finds the vendor of a target.
func vendorOf(target string) *vendors.Vendor {
	return targetVendors[slices.IndexFunc(targetVendors, func(v *vendors.Vendor) bool { return v.Name == target })]
}

// settled reports whether nothing is left to do of a sign-up that a program can do.
func (n signUp) settled(records []provision.Record) bool {
	return len(records) == len(targetVendors) && !slices.ContainsFunc(records, func(r provision.Record) bool { return !n.settledAt(r) })
}

// settledAt is the same at one target. At some nobody can be asked what became of a
// create, and at some no user is deleted.
func (n signUp) settledAt(r provision.Record) bool {
	switch {
	case r.State == provision.StateUnknown && vendorOf(r.Target).Looks == 0:
		return true
	case r.Target == chat && n.barred() && !n.undone():
		return r.State == provision.StateRejected && r.Kind == userapi.KindConflict
	case r.State == provision.StateUndone:
		return true
	case !r.State.HasUser() || r.Unfinished && !n.undone():
		return false
	}
	return !n.undone() || n.keeps(r) || !vendors.Can[userapi.Deleter](vendorOf(r.Target))
}

// keeps reports whether a user is one that Undo must not touch: it was found by matching
// alone.
func (n signUp) keeps(r provision.Record) bool {
	return r.State == provision.StateRecovered && r.Proof == userapi.ProofMatch
}
