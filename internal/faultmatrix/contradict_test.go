package faultmatrix_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// stranger creates another user and returns the reply, as it was sent.
func (r *rig) stranger() (reply []byte, err error) {
	r.front.arm(func(x *exchange) bool {
		reply = x.process()
		_, err := x.conn.Write(reply)
		return err == nil
	})
	u, err := r.patient.CreateUser(context.Background(), r.vendor.Request(4))
	if err != nil {
		return nil, err
	}
	r.shown = u.ID
	r.usersBefore, r.postsBefore = r.fake.UserCount(), r.posts()
	return reply, nil
}

// strangers answers a create with the reply to another one, as a mixed-up cache or
// connection does.
func strangers(processed bool) func(*rig) {
	return func(r *rig) {
		reply, err := r.stranger()
		r.front.arm(func(x *exchange) bool {
			if processed {
				_ = x.process()
			} else {
				_ = x.request()
			}
			if err != nil {
				return false
			}
			_, err := x.conn.Write(reply)
			return err == nil
		})
	}
}

// anotherID is a user's whom nobody created.
const anotherID = "3f0c6f0e-8f4f-4f55-9d0b-51f2f8e8f0aa"

// shows answers a create with the user that was made, but for one member.
func shows(field string) func(*rig) {
	return func(r *rig) {
		member := r.vendor.Compared[field]
		if field == "ID" {
			r.shown = anotherID
		}
		other := r.vendor.Request(4)
		value := map[string]string{"ID": anotherID, "Username": other.Username, "Email": other.Email, "ExternalID": other.ExternalID}[field]
		r.front.arm(changed(func(body string) string {
			before := body[:max(strings.Index(body, `"user":{`), 0)] // such as a registration
			body = body[len(before):]
			at := regexp.MustCompile(`"` + member + `":("[^"]*"|[0-9]+)`).FindStringSubmatchIndex(body)
			if at == nil {
				return before + body
			}
			if body[at[2]] == '"' {
				value = `"` + value + `"`
			}
			return before + body[:at[2]] + value + body[at[3]:]
		}))
	}
}

// contradictions are successes that show somebody else's user.
func contradictions(all []*vendors.Vendor) []fault {
	compares := func(field string) map[string]string {
		return only(all, func(v *vendors.Vendor) bool { return v.Compared[field] != "" }, "shows nothing to compare that was sent")
	}
	// Whatever a vendor compares, of another user's it is another.
	some := only(all, func(v *vendors.Vendor) bool { return len(v.Compared) > 0 }, "shows nothing to compare that was sent")
	return []fault{
		{name: "another's reply", cannot: some, front: true, contradicts: true, arm: strangers(false)},
		{name: "another's reply, after processing", cannot: some, front: true, contradicts: true, arm: strangers(true)},
		{name: "a reply with another id", cannot: compares("ID"), front: true, contradicts: true, arm: shows("ID")},
		{name: "a reply with another user name", cannot: compares("Username"), front: true, contradicts: true, arm: shows("Username")},
		{name: "a reply with another e-mail address", cannot: compares("Email"), front: true, contradicts: true, arm: shows("Email")},
		{name: "a reply with another external id", cannot: compares("ExternalID"), front: true, contradicts: true, arm: shows("ExternalID")},
	}
}

// contradicted holds an error against what a contradicting reply may claim.
func (c *claim) contradicted(r *rig, failed error) {
	e, ok := failed.(*userapi.Error)
	if !ok {
		c.wrongf("FALSE: a reply that contradicts what was sent is believed")
		return
	}
	shown := r.shown
	if ids := made(r.fake, r.vendor.Request(1)); shown == "" && len(ids) > 0 {
		shown = ids[0]
	}
	switch {
	case e.User != nil:
		c.wrongf("FALSE: the error has the user of a reply that contradicts what was sent")
	case !slices.Contains(e.Candidates, shown):
		c.wrongf("the id that was shown is not among the candidates %v", e.Candidates)
	}
}

// TestUndoLeavesAnothersUser: Undo does not delete the user that a contradicting reply
// shows.
func TestUndoLeavesAnothersUser(t *testing.T) {
	t.Parallel()
	for _, v := range vendors.All() {
		if len(v.Compared) == 0 || !vendors.Can[userapi.Deleter](v) {
			continue
		}
		for _, processed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, processed %t", v.Name, processed), func(t *testing.T) {
				t.Parallel()
				f := fault{front: true, arm: strangers(processed)}
				r, err := newRig(v, &f)
				require.NoError(t, err)
				defer r.close()
				f.arm(r)
				require.NotEmpty(t, r.shown)
				p, err := provision.New(&provision.Memory{}, []provision.Target{{Name: v.Name, Creator: r.creator}})
				require.NoError(t, err)
				req := v.Request(1)
				req.IdempotencyKey = "sign-up"
				_, _ = p.CreateUser(t.Context(), req)
				_, _ = p.Undo(t.Context(), "sign-up")
				assert.Equal(t, []string{r.shown}, made(r.fake, v.Request(4)), "another's user is deleted")
				assert.Equal(t, r.usersBefore+len(made(r.fake, req)), r.fake.UserCount())
			})
		}
	}
}
