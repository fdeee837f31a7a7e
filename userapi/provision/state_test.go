package provision

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// documented is docs/outcomes.md with its lines joined.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/outcomes.md")
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(text)), " ")
}

// TestNext has each row of the decision, with the sentence of docs/outcomes.md that it
// implements.
func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 8, 15, 31, 0, time.UTC)
	const (
		us = "us"
	)
	// first is what is known at first, ready what is known once the request is prepared.
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
		closes   = "what is open of it is settled, and nothing is created any more"
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

		"held by another":             {alone, of(StateIntent, held), first, stepWait, ""},
		"held by another, resuming":   {alone, of(StateIntent, held), resuming(first), stepReport, codeInProgress},
		"held by another, no time":    {alone, of(StateIntent, held), over(first), stepReport, codeInProgress},
		"cut off":                     {asks, of(StateIntent, cutOff), first, stepPrepare, ""},
		"cut off, once it is known":   {asks, of(StateIntent, cutOff), ready, stepAskClient, ""},
		"cut off, the vendor is left": {asks, of(StateIntent, cutOff), client(clientAsks), stepResolve, ""},
		"cut off, no time":            {asks, of(StateIntent, cutOff), over(client(clientAsks)), stepResolve, ""},
		"cut off, its user is known":  {person, of(StateIntent, cutOff), client(clientHasUser), stepKeep, ""},
		"cut off, nothing was sent":   {person, of(StateIntent, cutOff), client(clientNotSent), stepCreate, ""},
		"cut off and closed":          {closes, of(StateIntent, cutOff, closed), client(clientNotSent), stepForget, ""},
		"cut off, nobody knows":       {person, of(StateIntent, cutOff), client(clientSilent), stepGiveUp, ""},
		"cut off, nobody to ask":      {person, of(StateIntent, cutOff), mute, stepGiveUp, ""},
		"cut off, another request":    {remapped, of(StateIntent, cutOff), other(ready), stepReport, codeRemapped},
		"cut off, unfit request":      {remapped, of(StateIntent, cutOff), with(ready, func(f *facts) { f.unfit = true }), stepReport, codeRemapped},
		"claimed just now":            {creates, of(StateIntent, ours), fresh(ready), stepCreate, ""},
		"claimed just now, no time":   {creates, of(StateIntent, ours), over(fresh(ready)), stepCreate, ""},

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

// TestDeletable: what Undo deletes is proven to be of the sign-up, and can be deleted.
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
		"found by our id":     {of(StateRecovered, userapi.ProofID), ""},
		"found by their key":  {of(StateRecovered, userapi.ProofKey), ""},
		"found under its id":  {of(StateRecovered, userapi.ProofReply), ""},
		"found by a match":    {of(StateRecovered, userapi.ProofMatch), codeNotProven},
		"found, without more": {of(StateRecovered, userapi.ProofNone), codeNotProven},
		"decided by a person": {decided, codeNotProven},
		"there before":        {of(StateExisting, userapi.ProofKey), codeExisting},
		"in flight":           {of(StateIntent, userapi.ProofNone), codeUnsettled},
		"unknown":             {of(StateUnknown, userapi.ProofNone), codeUnsettled},
		"refused":             {of(StateRejected, userapi.ProofNone), codeUnsettled},
	} {
		assert.Equal(t, tt.want, deletable(tt.rec, true, true), name)
	}
	assert.Equal(t, codeNoTarget, deletable(of(StateCreated, userapi.ProofReply), false, false))
	assert.Equal(t, codeNoDeleter, deletable(of(StateCreated, userapi.ProofReply), true, false))
}
