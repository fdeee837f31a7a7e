package bulk

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// TestOutcomes: the class of each result.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	user := &userapi.User{Provider: "acme", ID: "7"}
	failed := func(d provision.Disposition, u *userapi.User, e userapi.Error, steps ...provision.Action) provision.Result {
		res := provision.Result{Target: "crm", Disposition: d, User: u, Err: &e}
		for _, a := range steps {
			res.Steps = append(res.Steps, provision.Step{Action: a})
		}
		return res
	}
	const created, rejected, notSent, unknown = provision.DispositionCreated, provision.DispositionRejected, provision.DispositionNotSent, provision.DispositionUnknown
	for name, tt := range map[string]struct {
		res   provision.Result
		state string
		class Class
	}{
		"a user":                {provision.Result{Target: "crm", Disposition: created, User: user}, "created", ClassDone},
		"undone":                {provision.Result{Target: "crm", Disposition: provision.DispositionUndone}, "undone", ClassDone},
		"no record":             {provision.Result{Disposition: provision.DispositionUndone}, StateUnknownKey, ClassDone},
		"invalid":               {failed(rejected, nil, userapi.Error{Kind: userapi.KindInvalid}), "rejected", ClassRefused},
		"taken":                 {failed(rejected, nil, userapi.Error{Kind: userapi.KindConflict}), "rejected", ClassRefused},
		"another request":       {failed(created, user, userapi.Error{Kind: userapi.KindInvalid, Code: codeChanged}), StateDifferent, ClassRefused},
		"of an undone key":      {failed(created, user, userapi.Error{Kind: userapi.KindInvalid, Code: codeUndone}), "created", ClassRefused},
		"too many requests":     {failed(rejected, nil, userapi.Error{Kind: userapi.KindRateLimited}), "rejected", ClassOpen},
		"the vendor is down":    {failed(notSent, nil, userapi.Error{Kind: userapi.KindUnavailable}), "not_sent", ClassOpen},
		"stopped":               {failed(notSent, nil, userapi.Error{Kind: userapi.KindCanceled}), "not_sent", ClassOpen},
		"paused":                {failed(notSent, nil, userapi.Error{Kind: userapi.KindUnavailable, Code: codePaused}), StateOpen, ClassOpen},
		"waits":                 {failed(notSent, nil, userapi.Error{Kind: userapi.KindUnavailable, Code: codeWaits}), StateOpen, ClassOpen},
		"in flight":             {failed(unknown, nil, userapi.Error{Kind: userapi.KindUnavailable, Code: codeInProgress}), StateOpen, ClassOpen},
		"a lost one, not there": {failed(rejected, nil, userapi.Error{Kind: userapi.KindNotFound}, provision.ActionResolve), "rejected", ClassOpen},
		"not found":             {failed(rejected, nil, userapi.Error{Kind: userapi.KindNotFound}, provision.ActionCreate), "rejected", ClassRefused},
		"nobody knows":          {failed(unknown, nil, userapi.Error{Kind: userapi.KindTimeout}), "unknown", ClassUnknown},
		"unfinished":            {failed(created, user, userapi.Error{Kind: userapi.KindUnavailable}), StateUnfinished, ClassOpen},
		"not to be finished":    {failed(created, user, userapi.Error{Kind: userapi.KindInvalid}), StateUnfinished, ClassOpen},
		"kept":                  {failed(created, user, userapi.Error{Kind: userapi.KindInvalid, Code: codeKept}), StateKept, ClassDone},
		"not stored":            {failed(created, user, userapi.Error{Kind: userapi.KindUnknown, Code: codeNotStored}), "created", ClassOpen},
		"no ledger":             {failed(unknown, nil, userapi.Error{Kind: userapi.KindUnknown, Code: codeLedger}), StateOpen, ClassOpen},
		"not to be deleted":     {failed(created, user, userapi.Error{Op: opUndo, Code: "no_deleter"}), "created", ClassRefused},
		"not deleted yet":       {failed(created, user, userapi.Error{Op: "delete user", Kind: userapi.KindRateLimited}, provision.ActionDelete), "created", ClassOpen},
		"an error of no kind":   {provision.Result{Target: "crm", Disposition: rejected, Err: assert.AnError}, "rejected", ClassRefused},
	} {
		assert.Equal(t, tt.state, stateOf(tt.res), name)
		assert.Equal(t, tt.class, classOf(tt.res), name)
	}
}

// TestRowsThatWait: if a target waits for one that refused the row, the row is not left for another
// run.
func TestRowsThatWait(t *testing.T) {
	t.Parallel()
	of := func(d provision.Disposition, k userapi.Kind, code string) provision.Result {
		return provision.Result{Target: "crm", Disposition: d, Err: &userapi.Error{Kind: k, Code: code}}
	}
	waits := of(provision.DispositionNotSent, userapi.KindUnavailable, codeWaits)
	created := provision.Result{Target: "identity", Disposition: provision.DispositionCreated}
	for name, tt := range map[string]struct {
		results []provision.Result
		want    [classes]int64
	}{
		"refused":          {[]provision.Result{of(provision.DispositionRejected, userapi.KindConflict, ""), waits, created}, [classes]int64{ClassRefused: 1}},
		"refused, others":  {[]provision.Result{of(provision.DispositionNotSent, userapi.KindInvalid, ""), waits, of(provision.DispositionNotSent, userapi.KindUnavailable, codePaused)}, [classes]int64{ClassRefused: 1, ClassOpen: 1}},
		"unknown":          {[]provision.Result{of(provision.DispositionUnknown, userapi.KindTimeout, ""), waits}, [classes]int64{ClassUnknown: 1}},
		"paused":           {[]provision.Result{of(provision.DispositionNotSent, userapi.KindUnavailable, codePaused), waits}, [classes]int64{ClassOpen: 1}},
		"nothing but that": {[]provision.Result{created, waits}, [classes]int64{ClassOpen: 1}},
		"all are there":    {[]provision.Result{created, created}, [classes]int64{ClassDone: 1}},
	} {
		o := newOutcomes()
		o.add(tt.results)
		assert.Equal(t, tt.want, o.rows, name)
	}
}

// TestHopeless: earlier results in the ledger say nothing about the credentials.
func TestHopeless(t *testing.T) {
	t.Parallel()
	o := newOutcomes()
	refused := []provision.Result{{Target: "crm", Err: &userapi.Error{Kind: userapi.KindUnauthorized, StatusCode: 401}}}
	known := []provision.Result{{Target: "crm", Recorded: true}}
	for range maxUnauthorized - 1 {
		assert.NoError(t, o.hopeless(1, refused))
		assert.NoError(t, o.hopeless(1, known))
	}
	assert.ErrorContains(t, o.hopeless(1, refused), "crm refused the credentials")
}
