package faultmatrix_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/fakehttp"
	"github.com/enlist-go/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// stepFaults apply to the second step for a user who exists already.
func stepFaults(unproven string) map[string]userapitest.Fault {
	html := http.Header{"Content-Type": {"text/html"}}
	faults := map[string]userapitest.Fault{"none": {On: userapitest.Delete}}
	for name, f := range map[string]userapitest.Fault{
		"reset":     {Do: userapitest.Reset},
		"hung up":   {Do: userapitest.Hangup},
		"timed out": {Do: userapitest.Stall},
		"500":       {Status: 500},
		"503":       {Status: 503},
		"502 HTML":  {Status: 502, Header: html, Body: []byte(vendors.Page)},
		"504 HTML":  {Status: 504, Header: html, Body: []byte(vendors.Page)},
		"403":       {Status: 403},
		"404 HTML":  {Status: 404, Header: html, Body: []byte(vendors.Page)},
		"409":       {Status: 409},
		"429":       {Status: 429},
		"200 HTML":  {Status: 200, Header: html, Body: []byte(vendors.Page)},
		"200":       {Status: 200, Header: jsonHeader(), Body: []byte(unproven)},
		"cut off":   {Do: userapitest.Truncate, Status: 200, Header: jsonHeader(), Body: []byte(`{"registration":{"applicationId":"x"}}`)},
	} {
		f.On = userapitest.Attributes
		for when, moment := range map[string]userapitest.Moment{"before": userapitest.BeforeCommit, "after": userapitest.AfterCommit} {
			for times, n := range map[string]int{"once": 1, "for good": 3} {
				f.When, f.Times = moment, n
				faults[name+" "+when+", "+times] = f
			}
		}
	}
	return faults
}

// TestSecondStepOfAnExistingUser: what FinishUser and Ensure say of a user who lacks what its create was to give it
// is so, nobody is doubled or lost, and the step can be taken again.
func TestSecondStepOfAnExistingUser(t *testing.T) {
	t.Parallel()
	cells := 0
	for _, v := range vendors.All() {
		if v.Unfinished == nil {
			continue
		}
		for name, f := range stepFaults(v.Unproven) {
			for _, m := range []mode{byCreate, byEnsure} {
				cells++
				t.Run(v.Name+", "+name+", "+string(m), func(t *testing.T) {
					t.Parallel()
					if !stalls(f) {
						finishes(t, v, f, m, userapitest.ServerOptions{})
						return
					}
					synctest.Test(t, func(t *testing.T) { // where time passes when nothing else goes on
						finishes(t, v, f, m, userapitest.ServerOptions{Listener: fakehttp.NewMemory()})
					})
				})
			}
		}
	}
	assert.Equal(t, 3*2*(1+14*4), cells)
}

func finishes(t *testing.T, v *vendors.Vendor, f userapitest.Fault, m mode, o userapitest.ServerOptions) {
	begun := time.Now()
	o.Now = func() time.Time { return begun } // as in a rig
	fake, err := v.Start(o)
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	c, err := v.New(userapi.HTTPOptions{
		BaseURL: fake.URL(), HTTPClient: fake.Client, Timeout: forever,
		Retry: userapi.RetryPolicy{BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond, Jitter: -1},
	})
	require.NoError(t, err)
	if closer, ok := c.(interface{ CloseIdleConnections() }); ok {
		t.Cleanup(closer.CloseIdleConnections)
	}
	req, unfinished := v.Request(1), v.Unfinished(1)
	req.IdempotencyKey, unfinished.IdempotencyKey = "sign-up", "sign-up"
	user, err := c.CreateUser(t.Context(), unfinished)
	require.NoError(t, err)
	finished := func() bool { return v.IsFinished(fake.Users()[0], req) }
	require.False(t, finished(), "there is something to do")

	fake.Inject(f)
	finisher, _ := userapi.Ability[userapi.Finisher](c)
	if m == byCreate {
		err = finisher.FinishUser(t.Context(), req, user)
	} else {
		var res provision.Result
		res, err = provision.Ensure(t.Context(), c, req, provision.Resuming(begun))
		assert.Equal(t, provision.DispositionRecovered, res.Disposition)
		assert.Equal(t, user.ID, res.User.ID)
	}
	if err == nil {
		assert.True(t, finished(), "FALSE: it says that all is well")
	} else if e := new(userapi.Error); assert.ErrorAs(t, err, &e) {
		assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
		assert.Equal(t, user.ID, e.User.ID)
	}
	assert.Equal(t, 1, fake.UserCount(), "nobody is doubled or lost")

	for range 4 { // the fault may still be there
		if err = finisher.FinishUser(t.Context(), req, user); err == nil {
			break
		}
	}
	require.NoError(t, err)
	assert.True(t, finished())
	assert.Equal(t, 1, fake.UserCount())
}
