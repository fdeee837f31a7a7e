package faultmatrix_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A mode is one of the two claims of a cell.
type mode string

const (
	byCreate mode = "CreateUser"
	byEnsure mode = "Ensure"
)

// A claim is what a call said, beside what was true.
type claim struct {
	mode         mode
	text         string // "ok", or the outcome or disposition
	kind         string // of the error, "" for none
	failed       error
	unknown      bool
	posts, users int      // of this call
	wrong        []string // what the truth contradicts
}

func (c *claim) wrongf(format string, args ...any) {
	c.wrong = append(c.wrong, string(c.mode)+": "+fmt.Sprintf(format, args...))
}

// measure carries one call out under the fault, and compares what it says with what
// the server holds.
func measure(v *vendors.Vendor, f *fault, m mode) claim {
	c := claim{mode: m}
	r, err := newRig(v, f)
	if err != nil {
		c.wrongf("the rig could not be built: %v", err)
		return c
	}
	defer r.close()
	if f.arm != nil {
		f.arm(r)
	}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if f.ctx != nil {
		ctx, cancel = f.ctx(ctx, r)
	}
	defer cancel()

	req := v.Request(1)
	var (
		user   *userapi.User
		failed error
		shown  []any
	)
	if m == byCreate {
		user, failed = r.creator.CreateUser(ctx, req)
		shown = []any{failed}
		c.created(user, failed)
		if f.contradicts {
			c.contradicted(r, failed)
		}
	} else {
		opts := []provision.EnsureOption{provision.Grace(forever)}
		if f.adopt {
			opts = append(opts, provision.AdoptMatching())
		}
		var res provision.Result
		res, failed = provision.Ensure(ctx, r.creator, req, opts...)
		user = res.User
		shown = []any{failed, res}
		c.ensured(res, failed, f)
	}
	c.failed = failed
	c.posts, c.users = r.posts()-r.postsBefore, r.fake.UserCount()-r.usersBefore
	c.compare(r, user)
	if vendors.Can[userapi.Finisher](v) && failed == nil && user != nil && !r.fault.seeded {
		for _, u := range r.fake.Made(req) {
			if !v.IsFinished(u, req) {
				c.wrongf("FALSE: all is well, and the user has not what the second step gives it")
			}
		}
	}
	c.secrets(r, req, user, shown)
	if f.disarm != nil {
		f.disarm(r)
	}
	for _, sent := range r.fake.Requests() {
		if strings.HasPrefix(sent.URI, "/elsewhere") {
			c.wrongf("a redirect was followed")
		}
	}
	c.recovers(r)
	if n := r.strays.Load(); n > 0 {
		c.wrongf("%d requests went to another host", n)
	}
	return c
}

func (c *claim) created(user *userapi.User, failed error) {
	if failed == nil {
		c.text = "ok"
		if user == nil {
			c.wrongf("neither a user nor an error")
		}
		return
	}
	if user != nil {
		c.wrongf("a user and an error together")
	}
	e, ok := failed.(*userapi.Error)
	if !ok {
		c.wrongf("the error is a %T", failed)
		return
	}
	c.kind = e.Kind.String()
	c.text, c.unknown = e.Outcome.String(), e.Outcome == userapi.OutcomeUnknown
	if userapi.MayHaveCreated(failed) != (c.unknown || e.Outcome == userapi.OutcomeCreated) {
		c.wrongf("MayHaveCreated contradicts the outcome")
	}
}

func (c *claim) ensured(res provision.Result, failed error, f *fault) {
	c.text, c.unknown = res.Disposition.String(), res.Disposition == provision.DispositionUnknown
	if res.Err != failed { //nolint:errorlint // the same error
		c.wrongf("the result's error is another than the one returned")
	}
	if has, should := res.User != nil, res.Disposition >= provision.DispositionCreated; has != should {
		c.wrongf("%v and has a user: %v", res.Disposition, has)
	}
	if res.Disposition == provision.DispositionExisting && !f.adopt {
		c.wrongf("a user was adopted although nobody allowed it")
	}
	if failed == nil {
		if res.User == nil {
			c.wrongf("neither a user nor an error")
		}
		return
	}
	e, ok := failed.(*userapi.Error)
	if !ok {
		c.wrongf("the error is a %T", failed)
		return
	}
	c.kind = e.Kind.String()
	if agrees := map[provision.Disposition]userapi.Outcome{
		provision.DispositionUnknown:   userapi.OutcomeUnknown,
		provision.DispositionNotSent:   userapi.OutcomeNotSent,
		provision.DispositionRejected:  userapi.OutcomeRejected,
		provision.DispositionCreated:   userapi.OutcomeCreated,
		provision.DispositionRecovered: userapi.OutcomeCreated,
	}[res.Disposition]; agrees != e.Outcome {
		c.wrongf("the disposition is %v and the error's outcome %v", res.Disposition, e.Outcome)
	}
}

// compare holds the claim against the truth.
func (c *claim) compare(r *rig, user *userapi.User) {
	ids := made(r.fake, r.vendor.Request(1))
	if c.users > 1 || len(ids) > 1 {
		c.wrongf("DOUBLED: the server holds %d users", len(ids))
	}
	switch c.text {
	case "ok", "created", "recovered":
		if c.users != 1 {
			c.wrongf("LOST: it says %s and the server made %d users", c.text, c.users)
		}
	case "not_sent", "rejected", "existing":
		if c.users != 0 {
			c.wrongf("FALSE: it says %s and the server made %d users", c.text, c.users)
		}
	case "unknown":
	default:
		c.wrongf("it says %q", c.text)
	}
	if c.text == "not_sent" && c.posts != 0 {
		c.wrongf("FALSE: it says not_sent and the server saw %d creates", c.posts)
	}
	if user != nil && !slices.Contains(ids, user.ID) {
		c.wrongf("FALSE: the server has no such user as the one returned")
	}
}

// made returns the ids of the users that have all of a request's keys.
func made(f *vendors.Fake, req userapi.CreateUserRequest) (ids []string) {
	for _, u := range f.Made(req) {
		ids = append(ids, u.ID)
	}
	return ids
}

// recovers creates somebody else once the fault is over.
func (c *claim) recovers(r *rig) {
	if r.vendor.ReadsBack && strings.HasPrefix(r.fault.name, "lost, then look-ups ") {
		return // its look-ups go on failing, and it needs them
	}
	other := r.vendor.OneStep(2) // the second may still fail
	before := r.fake.UserCount()
	user, err := r.patient.CreateUser(context.Background(), other)
	switch ids := made(r.fake, other); {
	case err != nil:
		c.secrets(r, other, nil, []any{err})
		c.wrongf("after the fault a create fails: %v", err)
	case len(ids) != 1 || ids[0] != user.ID || r.fake.UserCount() != before+1:
		c.wrongf("after the fault a create made %d users", len(ids))
	}
}

// secrets looks for what was planted in everything that can be seen.
func (c *claim) secrets(r *rig, req userapi.CreateUserRequest, user *userapi.User, shown []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	shown = append(shown, req, r.creator, r.attempts)
	for _, e := range errorsOf(shown[0]) {
		shown = append(shown, *e, e.FieldErrors, e.Message, e.Code, e.RequestID, e.Err)
	}
	seen := strings.ToLower(r.log.String() + dump(shown...) + dump(user))
	for i, value := range []string{vendors.Planted, hex.EncodeToString([]byte(vendors.Planted)), fmt.Sprint([]byte(vendors.Planted))[1:20],
		inBase64(0), inBase64(1), inBase64(2), req.Phone} {
		if value != "" && strings.Contains(seen, strings.ToLower(value)) {
			c.wrongf("SHOWN: a secret or a value of the request (form %d)", i)
		}
	}
}

// inBase64 is what of the planted text is the same in every text that has it at this
// offset, modulo 3.
func inBase64(offset int) string {
	text := base64.StdEncoding.EncodeToString([]byte("   "[:offset] + vendors.Planted))
	return text[(offset*4+2)/3 : 8]
}

func errorsOf(v any) []*userapi.Error {
	if e, ok := v.(*userapi.Error); ok && e != nil {
		return []*userapi.Error{e}
	}
	return nil
}

// dump returns every printed form of values.
func dump(values ...any) string {
	var b bytes.Buffer
	for _, v := range values {
		for _, verb := range [...]string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		switch v.(type) {
		case userapi.CreateUserRequest, *userapi.User: // whose JSON is their data
		default:
			if text, err := json.Marshal(v); err == nil {
				b.Write(text)
			}
		}
		slog.New(slog.NewJSONHandler(&b, nil)).Info("dump", "value", v)
	}
	return b.String()
}
