// Package vendors is the list of the vendors, for tests that go through all of them. An
// entry has a vendor's fake, its client, sample requests, and what it can do. A new
// vendor is one more line in All, with its entry in a file of its own.
package vendors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// All returns every vendor, and at some a second way to use it, which has the same
// Package and another Name.
func All() []*Vendor {
	return slices.Concat(
		mixinVendor(),
		quickbloxVendor(),
		fusionauthVendor(),
		usercomVendor(),
	)
}

// A Vendor is an entry of the list.
type Vendor struct {
	// Package is the vendor's package, and its folder at the module's root. Name is the
	// same but for a second way to use a vendor.
	Package, Name string
	// Start starts a fake that accepts the clients of New. StartSilent starts one that
	// updates the user of a taken external id and answers as after a create; nil where no
	// vendor does that.
	Start, StartSilent func(o userapitest.ServerOptions) (*Fake, error)
	// New makes a client with Planted credentials. o has a BaseURL.
	New func(o userapi.HTTPOptions) (userapi.Creator, error)
	// Request returns a request with every secret planted. Different n give different
	// users.
	Request func(n int) userapi.CreateUserRequest
	// Creates matches the paths to which a POST creates a user.
	Creates *regexp.Regexp
	// Replies are the vendor's own: to a create without an id ("no id"), refused with a
	// status ("400", "401", "403", "404", "409", "422", "429") or failed with any ("5xx"),
	// and to a look-up that finds nobody ("absent"). Some have more.
	Replies map[string]Reply
	// Recorded says that the client's Resolver answers from its own record, and asks no
	// vendor.
	Recorded bool
	// Looks is how many look-ups three looks that miss take; 0 where none is answered.
	Looks int
	// Unique names the fields of a request that no two users may share.
	Unique []string
	// Compared are the members of a reply to a create that must show what was sent, by the
	// request's fields; "ID" is the id that the client chose.
	Compared map[string]string
	// Lists are what Request has the user put on in a second step, beside its Attributes.
	Lists []int64
	// Finished reports whether a user has all that a request gives it, where a create
	// gives it in one step and the client is a userapi.Finisher nevertheless. nil: the
	// second step of a create sets the request's Attributes, and the Lists.
	Finished func(u User, req userapi.CreateUserRequest) bool
	// Unfinished returns a request that makes the user of Request without what Finished looks for; nil
	// where there is nothing to look for.
	Unfinished func(n int) userapi.CreateUserRequest
	// Unproven is the body of a 200 that does not say that the user of Unfinished has the rest now.
	Unproven string
	// ReadsBack says that the reply to a create does not show the user, and that the client
	// reads it.
	ReadsBack bool
	// Sessions says that a create needs a session, Clock that it must tell the time.
	Sessions, Clock bool
	// Benches are what the benchmarks do; nil where they would do the same again.
	Benches []Bench
}

// IsCreate reports whether a request creates a user.
func (v *Vendor) IsCreate(method, path string) bool {
	return method == http.MethodPost && v.Creates.MatchString(path)
}

// OneStep returns Request without what takes a second step.
func (v *Vendor) OneStep(n int) userapi.CreateUserRequest {
	req := v.Request(n)
	req.Attributes = nil
	if v.Lists != nil {
		req.Extensions = nil
	}
	return req
}

// Repeats reports whether a create whose outcome is unknown can be carried out again.
func (v *Vendor) Repeats() bool { return v.Looks > 0 && len(v.Unique) > 0 }

// Asks reports whether a vendor's client has a userapi.Resolver that asks the vendor.
func (v *Vendor) Asks() bool { return Can[userapi.Resolver](v) && !v.Recorded }

// Can reports whether a vendor's client has an ability, such as userapi.Resolver.
func Can[T any](v *Vendor) bool {
	c, err := v.New(userapi.HTTPOptions{BaseURL: "http://127.0.0.1:1"})
	_, ok := userapi.Ability[T](c)
	return err == nil && ok
}

// TakesTwoSteps reports whether a create takes a second step with the user that it made.
func (v *Vendor) TakesTwoSteps() bool { return Can[userapi.Finisher](v) && v.Finished == nil }

// A Reply is an answer of a vendor's. A Status of 0 stands for any.
type Reply struct {
	Status int
	Body   string
}

// A Bench is a create whose cost is measured.
type Bench struct {
	Name    string
	New     func(o userapi.HTTPOptions) (userapi.Creator, error)
	Request userapi.CreateUserRequest
	// Native returns empty values of the vendor's own forms of request and reply.
	Native func() (request, reply any)
	// Reply is what the vendor documents as its reply to Request. It ends with the user's
	// last member.
	Reply string
}

// RealReply is Reply as vendors send it: with more members than they document, which at
// User.com's V2 are custom attributes.
func (b *Bench) RealReply() string {
	open := strings.TrimRight(b.Reply, "}")
	return open + strings.ReplaceAll(b.Reply[len(open):], "}", undocumented+"}")
}

// A Fake is a running fake, which knows the truth.
type Fake struct {
	Server
	// Client trusts the fake's certificate; nil without TLS.
	Client *http.Client
	// Users returns the users that there are.
	Users func() []User
}

// A Server is what all fakes have in common.
type Server interface {
	userapitest.Backend
	Requests() []userapitest.Request
	Stats() userapitest.Stats
	Close()
}

// A User is one that a fake has.
type User struct {
	ID string
	// Keys is what the vendor has of the fields of a request that tell users apart, by
	// their names.
	Keys map[string]string
	// Attributes and Lists are kept where setting them is a second step.
	Attributes map[string]json.RawMessage
	Lists      []int64
	// Native is the fake's own form of the user.
	Native any
}

// newFake takes the users of a server for this package's.
func newFake[U any](s interface {
	Server
	Users() []U
}, client *http.Client, user func(U) User) *Fake {
	return &Fake{Server: s, Client: client, Users: func() (all []User) {
		for _, native := range s.Users() {
			u := user(native)
			u.Native = native
			all = append(all, u)
		}
		return all
	}}
}

// IsFinished reports whether a user has all that a request gives it.
func (v *Vendor) IsFinished(u User, req userapi.CreateUserRequest) bool {
	if v.Finished != nil {
		return v.Finished(u, req)
	}
	for name := range req.Attributes {
		if u.Attributes[name] == nil {
			return false
		}
	}
	return !slices.ContainsFunc(v.Lists, func(list int64) bool { return !slices.Contains(u.Lists, list) })
}

// Made returns the users that have all the keys of a request.
func (f *Fake) Made(req userapi.CreateUserRequest) (users []User) {
	keys := map[string]string{"ExternalID": req.ExternalID, "Username": req.Username, "Email": req.Email, "FullName": req.FullName}
	for _, u := range f.Users() {
		same := true
		for name, value := range u.Keys {
			same = same && strings.EqualFold(value, keys[name])
		}
		if same {
			users = append(users, u)
		}
	}
	return users
}

// Planted is in every secret and in every text of a request but the phone number.
const Planted = "pLanTed"

// token is a key that every vendor takes which has keys: it has 64 characters.
const token = Planted + "0123456789" + Planted + "0123456789" + Planted + "0123456789abcdefghijklm"

// request returns a request that has what most vendors take.
func request(n int) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: fmt.Sprintf("%s-key-%d", Planted, n),
		Username:       fmt.Sprintf("ada.%s%d", Planted, n),
		Email:          fmt.Sprintf("ada+%s%d@example.org", Planted, n),
		Phone:          fmt.Sprintf("+4850010%04d", n),
		Password:       userapi.Secret(fmt.Sprintf("!%s-%d", Planted, n)),
		FullName:       fmt.Sprintf("Ada %s %d", Planted, n),
		Tags:           []string{Planted}, Attributes: map[string]any{Planted: Planted},
	}
}

// Page is an answer that is not any API's.
const Page = "<html><head><title>Oops</title></head><body>Something is wrong</body></html>"

// undocumented are members of an object that no vendor documents.
const undocumented = `,"loyalty_tier":"gold","consents":{"newsletter":true,"since":"2024-03-02T08:15:30Z"},"segments":[17,23,42],"shard":7,"is_partner":true`
