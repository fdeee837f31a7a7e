package provision

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// documented returns docs/outcomes.md with its lines joined.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/outcomes.md")
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(text)), " ")
}

// TestNext has each row of the decision, with its sentence in docs/outcomes.md.
func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)
	const (
		us = "us"
	)
	// first are the facts at the start; ready are the facts once the request is prepared.
	first := facts{now: now, owner: us, asks: true}
	ready := first
	ready.prepared, ready.same = true, true
	with := func(f facts, change func(*facts)) facts {
		change(&f)
		return f
	}
	of := func(state State, change ...func(*Record)) Record {
		r := Record{Key: "k", Target: "t", Revision: 1, State: state}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	unfinished := func(r *Record) { r.Unfinished = true }
	closed := func(r *Record) { r.Closed = true }
	lost := func(r *Record) { r.Lost = true }
	held := func(r *Record) { r.Owner, r.Until = "them", now.Add(time.Second) }
	cutOff := func(r *Record) { r.Owner, r.Until = "them", now }
	ours := func(r *Record) { r.Owner, r.Until = us, now.Add(time.Minute) }
	kind := func(k userapi.Kind) func(*Record) { return func(r *Record) { r.Kind = k } }
	client := func(c clientRecord) facts { return with(ready, func(f *facts) { f.client = c }) }
	keyClosed := with(first, func(f *facts) { f.closed = true })
	mute := with(ready, func(f *facts) { f.asks = false })
	resuming := func(f facts) facts { f.resuming = true; return f }
	over := func(f facts) facts { f.over = true; return f }
	fresh := func(f facts) facts { f.fresh = true; return f }
	other := func(f facts) facts { f.same = false; return f }

	const (
		done     = "nothing is left to do"
		undone   = "nothing, ever: a new sign-up needs a new key"
		creates  = "`CreateUser` or `Resume` creates it, once the targets before it have users"
		retries  = "each `CreateUser` tries again"
		asks     = "Then the vendor is asked, before anything is sent"
		asksEach = "asked again by each run"
		person   = "**a person decides**"
		alone    = "left alone until then"
		waits    = "a target that it comes after has no user"
		remapped = "`Target.Map` gives another request than the one that was sent, so that the user cannot be asked for"
		first2   = "so the user is asked for before it is created"
		second   = "the second step, if there is one left"
		closes   = "what is open of it is resolved, and nothing is created any more"
	)
	docs := documented(t)
	for name, tt := range map[string]struct {
		sentence string
		rec      Record
		f        facts
		do       step
		code     string
	}{
		"a user":                       {done, of(StateCreated), first, stepReport, ""},
		"a user that was found":        {done, of(StateRecovered), first, stepReport, ""},
		"a user that was there":        {done, of(StateExisting), first, stepReport, ""},
		"no record":                    {undone, Record{}, first, stepReport, codeUndone},
		"undone":                       {undone, of(StateUndone), first, stepReport, codeUndone},
		"being deleted":                {undone, of(StateDeleting), first, stepReport, codeUndone},
		"a user that is to be deleted": {undone, of(StateCreated, closed), first, stepReport, codeUndone},
		"queued in an undone key":      {undone, of(StateQueued), keyClosed, stepReport, codeUndone},
		"refused in an undone key":     {undone, of(StateRejected), keyClosed, stepReport, codeUndone},
		"cut off in an undone key":     {asks, of(StateInFlight, cutOff), keyClosed, stepPrepare, ""},

		"held by another":             {alone, of(StateInFlight, held), first, stepWait, ""},
		"held by another, resuming":   {alone, of(StateInFlight, held), resuming(first), stepReport, codeInProgress},
		"held by another, no time":    {alone, of(StateInFlight, held), over(first), stepReport, codeInProgress},
		"cut off":                     {asks, of(StateInFlight, cutOff), first, stepPrepare, ""},
		"cut off, once it is known":   {asks, of(StateInFlight, cutOff), ready, stepAskClient, ""},
		"cut off, the vendor is left": {asks, of(StateInFlight, cutOff), client(clientAsks), stepResolve, ""},
		"cut off, no time":            {asks, of(StateInFlight, cutOff), over(client(clientAsks)), stepResolve, ""},
		"cut off, its user is known":  {person, of(StateInFlight, cutOff), client(clientHasUser), stepKeep, ""},
		"cut off, nothing was sent":   {person, of(StateInFlight, cutOff), client(clientNotSent), stepCreate, ""},
		"cut off and closed":          {closes, of(StateInFlight, cutOff, closed), client(clientNotSent), stepForget, ""},
		"cut off, nobody knows":       {person, of(StateInFlight, cutOff), client(clientSilent), stepGiveUp, ""},
		"cut off, nobody to ask":      {person, of(StateInFlight, cutOff), mute, stepGiveUp, ""},
		"cut off, another request":    {remapped, of(StateInFlight, cutOff), other(ready), stepReport, codeRemapped},
		"cut off, unfit request":      {remapped, of(StateInFlight, cutOff), with(ready, func(f *facts) { f.unfit = true }), stepReport, codeRemapped},
		"claimed just now":            {creates, of(StateInFlight, ours), fresh(ready), stepCreate, ""},
		"claimed just now, no time":   {creates, of(StateInFlight, ours), over(fresh(ready)), stepCreate, ""},

		"unknown":                 {asksEach, of(StateUnknown), client(clientAsks), stepResolve, ""},
		"unknown, nobody to ask":  {person, of(StateUnknown), mute, stepGiveUp, ""},
		"unknown, its user":       {person, of(StateUnknown), client(clientHasUser), stepKeep, ""},
		"unknown, other request":  {remapped, of(StateUnknown), other(ready), stepReport, codeRemapped},
		"unknown, waits":          {waits, of(StateUnknown), with(ready, func(f *facts) { f.waits = true }), stepReport, codeWaits},
		"queued":                  {creates, of(StateQueued), first, stepPrepare, ""},
		"queued, ready":           {creates, of(StateQueued), ready, stepCreate, ""},
		"queued, resumed":         {creates, of(StateQueued), resuming(ready), stepCreate, ""},
		"queued, waits":           {waits, of(StateQueued), with(ready, func(f *facts) { f.waits = true }), stepReport, codeWaits},
		"queued, unfit":           {creates, of(StateQueued), with(ready, func(f *facts) { f.unfit = true }), stepRefuse, ""},
		"queued, no time":         {creates, of(StateQueued), over(ready), stepReport, codeRecorded},
		"not sent":                {retries, of(StateNotSent), ready, stepCreate, ""},
		"refused":                 {retries, of(StateRejected), ready, stepCreate, ""},
		"refused, unfit now":      {retries, of(StateRejected), with(ready, func(f *facts) { f.unfit = true }), stepRefuse, ""},
		"refused, resumed":        {"`Resume` does too, unless the Kind is `invalid`, `conflict` or `protocol`", of(StateRejected, kind(userapi.KindForbidden)), resuming(ready), stepCreate, ""},
		"refused as invalid":      {"`Resume` does too, unless the Kind is `invalid`, `conflict` or `protocol`", of(StateRejected, kind(userapi.KindInvalid)), resuming(first), stepReport, ""},
		"refused as a conflict":   {"`Resume` does too, unless the Kind is `invalid`, `conflict` or `protocol`", of(StateRejected, kind(userapi.KindConflict)), resuming(first), stepReport, ""},
		"refused, retrying":       {retries, of(StateRejected, kind(userapi.KindInvalid)), with(resuming(ready), func(f *facts) { f.retries = true }), stepCreate, ""},
		"refused after a lost":    {first2, of(StateRejected, lost), client(clientAsks), stepResolve, ""},
		"not sent after a lost":   {first2, of(StateNotSent, lost), ready, stepAskClient, ""},
		"nobody to ask of a lost": {first2, of(StateRejected, lost), mute, stepCreate, ""},
		"client knows of a lost":  {first2, of(StateRejected, lost), client(clientHasUser), stepCreate, ""},
		"a lost one of another":   {first2, of(StateRejected, lost), other(ready), stepCreate, ""},

		"unfinished":          {second, of(StateCreated, unfinished), ready, stepFinish, ""},
		"unfinished, found":   {second, of(StateRecovered, unfinished), ready, stepFinish, ""},
		"unfinished, no time": {second, of(StateCreated, unfinished), over(ready), stepReport, codeRecorded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.sentence != done {
				assert.Contains(t, docs, tt.sentence)
			}
			do, code := next(tt.rec, tt.f)
			assert.Equal(t, tt.do, do)
			assert.Equal(t, tt.code, code)
		})
	}
}

// TestMoves has each row of Ensure's three decisions.
func TestMoves(t *testing.T) {
	t.Parallel()
	failure := func(kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
		return &userapi.Error{Kind: kind, Outcome: outcome}
	}
	unknown := failure(userapi.KindTimeout, userapi.OutcomeUnknown)
	refused := failure(userapi.KindForbidden, userapi.OutcomeRejected)
	taken := failure(userapi.KindConflict, userapi.OutcomeRejected)
	absent := failure(userapi.KindNotFound, userapi.OutcomeRejected)
	notSent := failure(userapi.KindUnavailable, userapi.OutcomeNotSent)

	for name, tt := range map[string]struct {
		failure      *userapi.Error
		afterUnknown bool
		want         move
	}{
		"created":                {nil, false, moveDone},
		"created in part":        {failure(userapi.KindProtocol, userapi.OutcomeCreated), false, moveComplete},
		"unknown":                {unknown, false, moveLook},
		"unknown again":          {unknown, true, moveLook},
		"taken":                  {taken, false, moveConflict},
		"taken after an unknown": {taken, true, moveConflict},
		"refused":                {refused, false, moveFail},
		"not sent":               {notSent, false, moveFail},
		"refused after unknown":  {refused, true, moveAbsent},
		"not sent after unknown": {notSent, true, moveAbsent},
	} {
		assert.Equal(t, tt.want, afterCreate(tt.failure, tt.afterUnknown), name)
	}

	for name, tt := range map[string]struct {
		found                    bool
		miss                     *userapi.Error
		repeats, recreates, last bool
		want                     move
	}{
		"found":                      {true, nil, true, true, true, moveDone},
		"nobody to ask":              {false, nil, true, true, false, moveUnknown},
		"somebody else's":            {false, taken, true, true, false, moveConflict},
		"the look failed":            {false, unknown, true, true, false, moveUnknown},
		"not found, and not proven":  {false, failure(userapi.KindNotFound, userapi.OutcomeUnknown), true, true, false, moveUnknown},
		"taken, and not proven":      {false, failure(userapi.KindConflict, userapi.OutcomeUnknown), true, true, false, moveUnknown},
		"absent":                     {false, absent, false, false, false, moveAbsent},
		"absent, repeats":            {false, absent, true, true, false, moveRepeat},
		"absent, could repeat":       {false, absent, true, true, true, moveProbe},
		"absent, creates once more":  {false, absent, false, true, false, moveRecreate},
		"absent, has no create left": {false, absent, false, true, true, moveAbsent},
	} {
		assert.Equal(t, tt.want, afterLook(tt.found, tt.miss, tt.repeats, tt.recreates, tt.last), name)
	}

	canceled := failure(userapi.KindCanceled, userapi.OutcomeUnknown)
	canceled.Err = context.Canceled
	for name, tt := range map[string]struct {
		failure *userapi.Error
		probe   bool
		want    move
	}{
		"repeated":               {nil, false, moveLook},
		"unknown again":          {unknown, false, moveLook},
		"refused":                {refused, false, moveLook},
		"must not be repeated":   {failure(userapi.KindInvalid, userapi.OutcomeNotSent), false, moveUnknown},
		"not sent":               {notSent, false, moveAbsent},
		"canceled on its way":    {canceled, false, moveLook},
		"could be repeated":      {failure(userapi.KindCanceled, userapi.OutcomeNotSent), true, moveAbsent},
		"canceled, as was asked": {canceled, true, moveAbsent},
		"could not be repeated":  {failure(userapi.KindInvalid, userapi.OutcomeNotSent), true, moveUnknown},
		"was sent all the same":  {unknown, true, moveFail},
	} {
		assert.Equal(t, tt.want, afterRepeat(tt.failure, tt.probe), name)
	}
}

// TestDeletable: Undo deletes only a user that provably belongs to the sign-up and can be deleted.
func TestDeletable(t *testing.T) {
	t.Parallel()
	of := func(state State, proof userapi.Proof) Record { return Record{State: state, Proof: proof} }
	decided := of(StateRecovered, userapi.ProofID)
	decided.Decided = true
	for name, tt := range map[string]struct {
		rec  Record
		want string
	}{
		"created":             {of(StateCreated, userapi.ProofReply), ""},
		"was there before":    {of(StateCreated, userapi.ProofEarlier), codeNotProven},
		"found by our id":     {of(StateRecovered, userapi.ProofID), ""},
		"found by their key":  {of(StateRecovered, userapi.ProofKey), ""},
		"found under its id":  {of(StateRecovered, userapi.ProofReply), ""},
		"found by a match":    {of(StateRecovered, userapi.ProofMatch), codeNotProven},
		"found, without more": {of(StateRecovered, userapi.ProofNone), codeNotProven},
		"found, of before":    {of(StateRecovered, userapi.ProofEarlier), codeNotProven},
		"decided by a person": {decided, codeNotProven},
		"there before":        {of(StateExisting, userapi.ProofKey), codeExisting},
		"in flight":           {of(StateInFlight, userapi.ProofNone), codeUnsettled},
		"unknown":             {of(StateUnknown, userapi.ProofNone), codeUnsettled},
		"refused":             {of(StateRejected, userapi.ProofNone), codeUnsettled},
	} {
		assert.Equal(t, tt.want, deletable(tt.rec, true, true), name)
	}
	assert.Equal(t, codeNoTarget, deletable(of(StateCreated, userapi.ProofReply), false, false))
	assert.Equal(t, codeNoDeleter, deletable(of(StateCreated, userapi.ProofReply), true, false))
}

// TestOpen: what a vendor refused because of the request is not retried forever. What it may accept
// later is retried.
func TestOpen(t *testing.T) {
	t.Parallel()
	for kind, open := range map[userapi.Kind]bool{
		userapi.KindInvalid: false, userapi.KindConflict: false, userapi.KindProtocol: false,
		userapi.KindRateLimited: true, userapi.KindNotFound: true, userapi.KindUnknown: true,
	} {
		for _, state := range []State{StateRejected, StateNotSent} {
			assert.Equal(t, open, Record{State: state, Kind: kind}.Open(), "%s, %v", state, kind)
		}
	}
	assert.True(t, Record{State: StateRejected, Kind: userapi.KindProtocol, Lost: true}.Open())
	for state, open := range map[State]bool{
		StateQueued: true, StateInFlight: true, StateUnknown: true, StateDeleting: true, StateUndone: false,
		StateCreated: false, StateRecovered: false, StateExisting: false,
	} {
		assert.Equal(t, open, Record{State: state}.Open(), state)
	}
	assert.True(t, Record{State: StateCreated, Unfinished: true}.Open())
}

// TestChangeOf: another request takes a key only if nothing of the earlier one is open.
func TestChangeOf(t *testing.T) {
	t.Parallel()
	list := func(records ...Record) []Record { return records }
	user, refused := Record{State: StateCreated}, Record{State: StateRejected, Kind: userapi.KindInvalid}
	for name, tt := range map[string]struct {
		records []Record
		want    requestChange
	}{
		"nothing was sent":    {list(Record{State: StateQueued}, Record{State: StateNotSent}), requestReplaces},
		"refused":             {list(refused, Record{State: StateRejected, Kind: userapi.KindConflict}), requestReplaces},
		"refused and lost":    {list(Record{State: StateRejected, Lost: true}), requestRefused},
		"not sent and lost":   {list(Record{State: StateNotSent, Lost: true}), requestRefused},
		"in flight":           {list(Record{State: StateInFlight}, user), requestRefused},
		"unknown":             {list(Record{State: StateUnknown}, user), requestRefused},
		"a user":              {list(user, refused), requestMends},
		"a user, found":       {list(Record{State: StateRecovered}), requestMends},
		"a user, unfinished":  {list(Record{State: StateCreated, Unfinished: true}, refused), requestRefused},
		"a user, made late":   {list(Record{State: StateCreated, Lost: true}), requestMends},
		"a user goes":         {list(Record{State: StateDeleting}), requestRefused},
		"undone":              {list(Record{State: StateUndone, Closed: true}, user), sameRequest},
		"undone, and unknown": {list(Record{State: StateUnknown, Closed: true}, Record{State: StateDeleting}), sameRequest},
	} {
		records := map[string]Record{}
		for i, r := range tt.records {
			records[strconv.Itoa(i)] = r
		}
		assert.Equal(t, tt.want, changeOf(records, false), name)
		if tt.want != sameRequest {
			assert.Equal(t, requestRefused, changeOf(records, true), "%s, and the request is kept", name)
		}
	}
	for _, state := range []State{StateRejected, StateNotSent, StateUnknown, StateCreated} {
		assert.Equal(t, state == StateRejected || state == StateNotSent, isMendable(Record{State: state, Kind: userapi.KindForbidden}), state)
		assert.False(t, isMendable(Record{State: state, Kind: userapi.KindInvalid, Lost: true}), state)
	}
}

// TestRetaken: a vendor's answer to one request is not kept for the next one.
func TestRetaken(t *testing.T) {
	t.Parallel()
	for _, state := range states {
		r := Record{Target: "idp", State: state, Kind: userapi.KindInvalid, UserID: "7", Request: "1.a", Sent: "1.b", Started: time.Unix(1, 0)}
		kept := r
		kept.Request = "1.c"
		assert.Equal(t, kept, retaken(r, "1.c", false), state)
		if state == StateRejected || state == StateNotSent {
			kept = Record{Target: "idp", State: StateQueued, Request: "1.c", Sent: "1.b"}
		}
		assert.Equal(t, kept, retaken(r, "1.c", true), state)
	}
}

// TestResultOf: a result says what the record proves, and no more.
func TestResultOf(t *testing.T) {
	t.Parallel()
	user := func(state State) Record {
		return Record{State: state, Provider: "acme", UserID: "7", Proof: userapi.ProofKey, Kind: userapi.KindTimeout}
	}
	unfinished, closed := user(StateCreated), user(StateCreated)
	unfinished.Unfinished, closed.Closed = true, true
	canceled := context.Canceled
	const fault = "IdempotencyKey "
	for name, tt := range map[string]struct {
		rec   Record
		code  string
		cause error
		told  Disposition
		// What the error says; "" for no error.
		wantCode string
		outcome  userapi.Outcome
		kind     userapi.Kind
		userID   string
		field    string
	}{
		"created":              {user(StateCreated), "", nil, DispositionCreated, "", 0, 0, "", ""},
		"recovered":            {user(StateRecovered), "", nil, DispositionRecovered, "", 0, 0, "", ""},
		"existing":             {user(StateExisting), "", nil, DispositionExisting, "", 0, 0, "", ""},
		"undone":               {user(StateUndone), "", nil, DispositionUndone, "", 0, 0, "", ""},
		"queued":               {Record{State: StateQueued}, "", nil, DispositionNotSent, codeRecorded, userapi.OutcomeNotSent, 0, "", ""},
		"in flight":            {Record{State: StateInFlight}, "", nil, DispositionUnknown, codeRecorded, userapi.OutcomeUnknown, 0, "", ""},
		"unknown":              {user(StateUnknown), "", nil, DispositionUnknown, codeRecorded, userapi.OutcomeUnknown, userapi.KindTimeout, "7", ""},
		"not sent":             {Record{State: StateNotSent, Kind: userapi.KindInvalid}, "", nil, DispositionNotSent, codeRecorded, userapi.OutcomeNotSent, userapi.KindInvalid, "", ""},
		"refused":              {Record{State: StateRejected, Kind: userapi.KindConflict}, "", nil, DispositionRejected, codeRecorded, userapi.OutcomeRejected, userapi.KindConflict, "", ""},
		"deleting":             {user(StateDeleting), "", nil, DispositionUnknown, codeRecorded, userapi.OutcomeUnknown, userapi.KindTimeout, "7", ""},
		"unfinished":           {unfinished, "", nil, DispositionCreated, codeRecorded, userapi.OutcomeCreated, userapi.KindTimeout, "7", ""},
		"unfinished, no time":  {unfinished, codeRecorded, canceled, DispositionCreated, codeRecorded, userapi.OutcomeCreated, userapi.KindCanceled, "7", ""},
		"another request":      {user(StateCreated), codeRequestChanged, nil, DispositionCreated, codeRequestChanged, userapi.OutcomeCreated, userapi.KindInvalid, "7", fault + userapi.CodeDifferent},
		"another, in flight":   {Record{State: StateInFlight}, codeRequestChanged, nil, DispositionUnknown, codeRequestChanged, userapi.OutcomeUnknown, userapi.KindInvalid, "", fault + userapi.CodeDifferent},
		"gone":                 {user(StateUndone), codeUndone, nil, DispositionUndone, codeUndone, userapi.OutcomeNotSent, userapi.KindInvalid, "", fault + userapi.CodeTaken},
		"never there":          {Record{}, codeUndone, nil, DispositionUndone, codeUndone, userapi.OutcomeNotSent, userapi.KindInvalid, "", fault + userapi.CodeTaken},
		"going":                {user(StateDeleting), codeUndone, nil, DispositionUnknown, codeUndone, userapi.OutcomeUnknown, userapi.KindInvalid, "7", fault + userapi.CodeTaken},
		"left by an Undo":      {closed, codeUndone, nil, DispositionCreated, codeUndone, userapi.OutcomeCreated, userapi.KindInvalid, "7", fault + userapi.CodeTaken},
		"waits":                {Record{State: StateQueued}, codeWaits, nil, DispositionNotSent, codeWaits, userapi.OutcomeNotSent, userapi.KindUnavailable, "", ""},
		"paused":               {Record{State: StateUnknown}, codePaused, nil, DispositionUnknown, codePaused, userapi.OutcomeUnknown, userapi.KindUnavailable, "", ""},
		"held, no time":        {Record{State: StateInFlight}, codeInProgress, context.DeadlineExceeded, DispositionUnknown, codeInProgress, userapi.OutcomeUnknown, userapi.KindTimeout, "", ""},
		"another was sent":     {user(StateUnknown), codeRemapped, nil, DispositionUnknown, codeRemapped, userapi.OutcomeUnknown, userapi.KindUnavailable, "7", ""},
		"unfit, and was sent":  {user(StateUnknown), codeRemapped, refused(userapi.KindInvalid, userapi.FieldError{}), DispositionUnknown, codeRemapped, userapi.OutcomeUnknown, userapi.KindInvalid, "7", ""},
		"a cause of no kind":   {Record{State: StateQueued}, codeWaits, errors.ErrUnsupported, DispositionNotSent, codeWaits, userapi.OutcomeNotSent, userapi.KindUnavailable, "", ""},
		"recorded, of no kind": {Record{State: StateQueued}, codeRecorded, nil, DispositionNotSent, codeRecorded, userapi.OutcomeNotSent, 0, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.rec.Key, tt.rec.Target, tt.rec.Started = "k", "t", time.Unix(7, 0)
			res := resultOf(tt.rec, tt.code, tt.cause)
			want := Result{Target: "t", IdempotencyKey: "k", Started: time.Unix(7, 0), Recorded: true, Disposition: tt.told, Err: res.Err}
			if tt.rec.State.HasUser() {
				want.User = &userapi.User{Provider: "acme", ID: "7", Proof: userapi.ProofKey}
			}
			assert.Equal(t, want, res)
			if tt.wantCode == "" {
				require.NoError(t, res.Err)
				return
			}
			e := asError(res.Err)
			require.NotNil(t, e)
			assert.Equal(t, tt.wantCode, e.Code)
			assert.Equal(t, tt.outcome, e.Outcome)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.userID, e.UserID)
			assert.Equal(t, tt.userID != "", e.Provider == "acme")
			assert.Equal(t, want.User, e.User)
			assert.Equal(t, tt.cause, e.Err)
			field := ""
			if len(e.FieldErrors) > 0 {
				field = e.FieldErrors[0].Field + " " + e.FieldErrors[0].Code
			}
			assert.Equal(t, tt.field, field)
		})
	}
}

// TestRecordOf: the record of each result.
func TestRecordOf(t *testing.T) {
	t.Parallel()
	failed := func(kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
		return &userapi.Error{Provider: "acme", Kind: kind, Outcome: outcome, UserID: "9"}
	}
	unknown := failed(userapi.KindTimeout, userapi.OutcomeUnknown)
	refused := failed(userapi.KindForbidden, userapi.OutcomeRejected)
	half := failed(userapi.KindUnavailable, userapi.OutcomeCreated)
	steps := func(all ...Step) []Step { return all }
	create := Step{Action: ActionCreate}
	lost := Step{Action: ActionCreate, Err: unknown}
	user := &userapi.User{Provider: "acme", ID: "7", Proof: userapi.ProofKey}
	for name, tt := range map[string]struct {
		closed bool
		res    Result
		want   Record // besides what stays from the earlier record
	}{
		"created":               {false, Result{Disposition: DispositionCreated, User: user, Steps: steps(create)}, Record{State: StateCreated, Provider: "acme", UserID: "7", Proof: userapi.ProofKey}},
		"existing":              {false, Result{Disposition: DispositionExisting, User: user}, Record{State: StateExisting, Provider: "acme", UserID: "7", Proof: userapi.ProofKey}},
		"no vendor's name":      {false, Result{Disposition: DispositionCreated, User: &userapi.User{ID: "7"}}, Record{State: StateCreated, Provider: "before", UserID: "7"}},
		"created, unfinished":   {false, Result{Disposition: DispositionCreated, User: user, Err: half, Steps: steps(create, Step{Action: ActionFinish, Err: half})}, Record{State: StateCreated, Kind: userapi.KindUnavailable, Provider: "acme", UserID: "7", Proof: userapi.ProofKey, Unfinished: true}},
		"nobody finishes":       {false, Result{Disposition: DispositionCreated, User: user, Err: half}, Record{State: StateCreated, Kind: userapi.KindUnavailable, Provider: "acme", UserID: "7", Proof: userapi.ProofKey, Unfinished: true}},
		"nothing to finish":     {false, Result{Disposition: DispositionCreated, User: user, Err: half, Steps: steps(create)}, Record{State: StateCreated, Kind: userapi.KindUnavailable, Provider: "acme", UserID: "7", Proof: userapi.ProofKey}},
		"finished all the same": {false, Result{Disposition: DispositionCreated, User: user, Err: half, Steps: steps(create, Step{Action: ActionFinish})}, Record{State: StateCreated, Kind: userapi.KindUnavailable, Provider: "acme", UserID: "7", Proof: userapi.ProofKey}},
		"unfinished, undone":    {true, Result{Disposition: DispositionCreated, User: user, Err: half, Steps: steps(Step{Action: ActionFinish, Err: half})}, Record{State: StateCreated, Kind: userapi.KindUnavailable, Provider: "acme", UserID: "7", Proof: userapi.ProofKey}},
		"lost, and found":       {false, Result{Disposition: DispositionRecovered, User: user, Steps: steps(lost, Step{Action: ActionResolve})}, Record{State: StateRecovered, Provider: "acme", UserID: "7", Proof: userapi.ProofKey, Lost: true}},
		"lost, and repeated":    {false, Result{Disposition: DispositionCreated, User: user, Steps: steps(lost, Step{Action: ActionRepeat})}, Record{State: StateCreated, Provider: "acme", UserID: "7", Proof: userapi.ProofKey, Lost: true}},
		"a repeat was lost":     {false, Result{Disposition: DispositionRejected, Err: refused, Steps: steps(Step{Action: ActionRepeat, Err: unknown})}, Record{State: StateRejected, Kind: userapi.KindForbidden, Provider: "acme", UserID: "before", Lost: true}},
		"unknown":               {false, Result{Disposition: DispositionUnknown, Err: unknown, Steps: steps(lost)}, Record{State: StateUnknown, Kind: userapi.KindTimeout, Provider: "acme", UserID: "9", Lost: true}},
		"unknown, undone":       {true, Result{Disposition: DispositionUnknown, Err: unknown}, Record{State: StateUnknown, Kind: userapi.KindTimeout, Provider: "acme", UserID: "9"}},
		"a look-up was lost":    {false, Result{Disposition: DispositionUnknown, Err: &userapi.Error{}, Steps: steps(Step{Action: ActionResolve, Err: unknown})}, Record{State: StateUnknown, Provider: "before"}},
		"refused":               {false, Result{Disposition: DispositionRejected, Err: refused, Steps: steps(Step{Action: ActionCreate, Err: refused})}, Record{State: StateRejected, Kind: userapi.KindForbidden, Provider: "acme", UserID: "before"}},
		"refused, undone":       {true, Result{Disposition: DispositionRejected, Err: refused}, Record{State: StateUndone, Kind: userapi.KindForbidden, Provider: "acme", UserID: "before"}},
		"not sent":              {false, Result{Disposition: DispositionNotSent, Err: &userapi.Error{Kind: userapi.KindInvalid}}, Record{State: StateNotSent, Kind: userapi.KindInvalid, Provider: "before", UserID: "before"}},
		"not sent, undone":      {true, Result{Disposition: DispositionNotSent, Err: &userapi.Error{}}, Record{State: StateUndone, Provider: "before", UserID: "before"}},
	} {
		prev := Record{
			Key: "k", Target: "t", Revision: 3, Provider: "before", UserID: "before", Request: "1.r", Sent: "1.s", Owner: "us", Closed: tt.closed,
			State: StateInFlight, Kind: userapi.KindProtocol, Unfinished: true, Until: time.Unix(9, 0), Started: time.Unix(7, 0),
		}
		want := tt.want
		want.Key, want.Target, want.Revision, want.Request, want.Sent, want.Owner = "k", "t", 3, "1.r", "1.s", "us"
		want.Closed, want.Started = tt.closed, time.Unix(7, 0)
		assert.Equal(t, want, recordOf(prev, tt.res), name)
		prev.Lost, want.Lost = true, true
		assert.Equal(t, want, recordOf(prev, tt.res), "%s, of one that was lost before", name)
	}
}

// TestUndoing: what Undo changes in a record before it deletes anything.
func TestUndoing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rec     Record
		deletes bool
		want    Record
	}{
		"queued":          {Record{State: StateQueued}, false, Record{State: StateUndone, Closed: true}},
		"not sent":        {Record{State: StateNotSent, Kind: userapi.KindTimeout}, false, Record{State: StateUndone, Closed: true}},
		"refused":         {Record{State: StateRejected, UserID: "7", Kind: userapi.KindInvalid}, false, Record{State: StateUndone, Closed: true}},
		"created":         {Record{State: StateCreated, UserID: "7", Unfinished: true}, true, Record{State: StateDeleting, UserID: "7", Closed: true}},
		"not to be":       {Record{State: StateExisting, UserID: "7"}, false, Record{State: StateExisting, UserID: "7", Closed: true}},
		"in flight":       {Record{State: StateInFlight, Owner: "run"}, false, Record{State: StateInFlight, Owner: "run", Closed: true}},
		"unknown":         {Record{State: StateUnknown}, false, Record{State: StateUnknown, Closed: true}},
		"closed already":  {Record{State: StateUnknown, Closed: true}, false, Record{State: StateUnknown, Closed: true}},
		"being deleted":   {Record{State: StateDeleting, UserID: "7", Closed: true}, false, Record{State: StateDeleting, UserID: "7", Closed: true}},
		"found meanwhile": {Record{State: StateRecovered, UserID: "7", Closed: true}, true, Record{State: StateDeleting, UserID: "7", Closed: true}},
		"undone":          {Record{State: StateUndone, Closed: true}, false, Record{State: StateUndone, Closed: true}},
	} {
		assert.Equal(t, tt.want, undoing(tt.rec, tt.deletes), name)
	}
}

// TestDecided: the possible decisions and their effects.
func TestDecided(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)
	exists, absent := UserExists("7"), UserAbsent()
	for name, tt := range map[string]struct {
		rec      Record
		d        Decision
		isTarget bool
		state    State
		kind     userapi.Kind
		code     string
	}{
		"unknown, exists":         {Record{State: StateUnknown, Lost: true}, exists, true, StateRecovered, 0, ""},
		"unknown, absent":         {Record{State: StateUnknown, Lost: true}, absent, true, StateRejected, userapi.KindNotFound, ""},
		"unknown, absent, closed": {Record{State: StateUnknown, Closed: true}, absent, true, StateUndone, 0, ""},
		"unknown, exists, closed": {Record{State: StateUnknown, Closed: true}, exists, true, StateRecovered, 0, ""},
		"cut off":                 {Record{State: StateInFlight, Until: now}, absent, true, StateRejected, userapi.KindNotFound, ""},
		"in flight":               {Record{State: StateInFlight, Until: now.Add(1)}, absent, true, StateInFlight, 0, codeInProgress},
		"being deleted, absent":   {Record{State: StateDeleting}, absent, true, StateUndone, 0, ""},
		"being deleted, exists":   {Record{State: StateDeleting}, exists, true, StateDeleting, 0, codeKnown},
		"queued":                  {Record{State: StateQueued}, absent, true, StateQueued, 0, codeKnown},
		"queued at no target":     {Record{State: StateQueued}, absent, false, StateUndone, 0, ""},
		"refused at no target":    {Record{State: StateRejected, Kind: userapi.KindForbidden}, absent, false, StateUndone, 0, ""},
		"created":                 {Record{State: StateCreated}, absent, true, StateCreated, 0, codeKnown},
		"created at no target":    {Record{State: StateCreated}, absent, false, StateCreated, 0, codeKnown},
		"undone":                  {Record{State: StateUndone}, exists, true, StateUndone, 0, codeKnown},
	} {
		got, code := decided(tt.rec, tt.d, tt.isTarget, tt.rec.isHeld("", now))
		assert.Equal(t, tt.code, code, name)
		if code != "" {
			assert.Equal(t, tt.rec, got, name)
			continue
		}
		want := tt.rec
		want.State, want.Kind, want.Decided, want.Lost, want.Until = tt.state, tt.kind, true, false, time.Time{}
		if tt.d == exists {
			want.UserID = "7"
		}
		assert.Equal(t, want, got, name)
	}
}
