package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// A client is what each vendor's package has.
type client interface {
	userapi.Creator
	userapi.Preflighter
	CloseIdleConnections()
}

// A vendor is what this program must know of one. A fifth is one more file, and one
// more line in vendors.
type vendor struct {
	name string
	// variables configure the vendor, any one of them; needs says in words which.
	variables []string
	needs     string
	// variableOf finds the variable behind a setting of the vendor's Config.
	variableOf map[string]string
	// configure sets the target's client from the settings, fake from a fake that it
	// starts. Without a client they have noted a fault.
	configure, fake func(*settings, *target)
	// sample is the user of the vendor's documentation, with req's password, if any,
	// and its Strict.
	sample func(req userapi.CreateUserRequest) (userapi.CreateUserRequest, []member)
	// returned is what only this vendor tells of a new user.
	returned func(*userapi.User) []member
	// find says how a user is looked up whose creation is in doubt.
	find string
}

var vendors = [...]vendor{mixinVendor, quickbloxVendor, fusionauthVendor, usercomVendor}

func vendorNamed(name string) *vendor {
	for i := range vendors {
		if vendors[i].name == name {
			return &vendors[i]
		}
	}
	return nil
}

func vendorNames() []string {
	names := make([]string, len(vendors))
	for i, v := range vendors {
		names[i] = v.name
	}
	return names
}

// A member is a part of what was sent or came back, by the field's name.
type member struct{ name, value string }

// use gives a target its client, or notes what New found wrong with the settings.
func (t *target) use(s *settings, c client, err error, at string) {
	if err != nil {
		s.refused(t.vendor, err)
		return
	}
	t.client, t.at = c, at
}

// started reports whether a fake was started, or notes why not.
func (t *target) started(s *settings, err error) bool {
	if err != nil {
		s.fault("%s: cannot start the fake: %v", t.name, err)
	}
	return err == nil
}

// fakeAt tells where a fake serves.
func fakeAt(address string) string { return "fake on " + hostOf(address) }

// vendorAt tells where a configured vendor is called: at an address that was set,
// or at the vendor's own.
func vendorAt(address, own string) string {
	if address == "" {
		return own
	}
	return hostOf(address)
}

// hostOf shows no more of an address than where it is.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address of yours"
	}
	return u.Host
}

// shown is the text of a member of a reply, "" for none.
func shown[T any](p *T) string {
	if p == nil {
		return ""
	}
	return fmt.Sprint(*p)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
