package provider_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/userapi"
)

func client(t *testing.T) *transport.Client {
	t.Helper()
	c, faults := transport.New(transport.Config{Provider: "acme", BaseURL: "https://acme.invalid", Options: userapi.HTTPOptions{
		Retry: userapi.RetryPolicy{BaseWait: time.Second, MaxWait: 10 * time.Second, Jitter: -1, MaxRetryAfter: 20 * time.Second},
	}})
	require.Empty(t, faults)
	return c
}

func vendor(t *testing.T) *provider.Vendor {
	return &provider.Vendor{Name: "acme", HTTP: client(t)}
}

// reply returns a reply whose date is so much ahead of this machine's clock.
func reply(ahead time.Duration) *transport.Reply {
	return &transport.Reply{Status: 200, Sent: time.Now(), Read: time.Now(), Header: http.Header{
		"Date": {time.Now().Add(ahead).UTC().Format(http.TimeFormat)},
	}}
}

func candidate(id string, created time.Time, ahead time.Duration, keys ...provider.Match) *provider.Candidate {
	c := provider.NewCandidate(&userapi.User{Provider: "acme", ID: id, CreatedAt: created}, reply(ahead))
	for _, k := range keys {
		c.Compare("Email", "email", k)
	}
	return c
}

// TestResolveLooks: how often, and with what waits, a resolution looks.
func TestResolveLooks(t *testing.T) {
	t.Parallel()
	type look = func() ([]*provider.Candidate, error)
	miss := func() ([]*provider.Candidate, error) { return nil, nil }
	failing := func(after time.Duration) look {
		return func() ([]*provider.Candidate, error) {
			return nil, &userapi.Error{Op: "look up user", Kind: userapi.KindUnavailable, Outcome: userapi.OutcomeNotSent, RetryAfter: after}
		}
	}
	found := func() ([]*provider.Candidate, error) {
		return []*provider.Candidate{candidate("1", time.Now(), 0, provider.Same)}, nil
	}
	fail := failing(0)
	for name, tt := range map[string]struct {
		looks    []look
		deadline time.Duration
		kind     userapi.Kind
		outcome  userapi.Outcome
		took     time.Duration
	}{
		"found":                    {[]look{found}, 0, 0, 0, 0},
		"found late":               {[]look{miss, fail, found}, 0, 0, 0, 3 * time.Second},
		"absent":                   {[]look{miss, miss, miss}, 0, userapi.KindNotFound, userapi.OutcomeRejected, 3 * time.Second},
		"absent in spite of fails": {[]look{fail, miss, fail, miss, miss}, 0, userapi.KindNotFound, userapi.OutcomeRejected, 15 * time.Second},
		"failing":                  {[]look{fail, fail, fail}, 0, userapi.KindUnavailable, userapi.OutcomeUnknown, 3 * time.Second},
		"failing among misses":     {[]look{miss, fail, miss, fail, fail}, 0, userapi.KindUnavailable, userapi.OutcomeUnknown, 15 * time.Second},
		"asked to wait":            {[]look{failing(5 * time.Second), found}, 0, 0, 0, 5 * time.Second},
		"asked to wait too long":   {[]look{failing(time.Hour)}, 0, userapi.KindUnavailable, userapi.OutcomeUnknown, 0},
		"no time for a second":     {[]look{miss}, time.Second, userapi.KindTimeout, userapi.OutcomeUnknown, 0},
		"no time for a third":      {[]look{miss, miss}, 2 * time.Second, userapi.KindTimeout, userapi.OutcomeUnknown, time.Second},
		"no time after a failure":  {[]look{miss, fail}, 2 * time.Second, userapi.KindUnavailable, userapi.OutcomeUnknown, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				r := provider.Resolution{Vendor: vendor(t), UserID: "7", Look: func(context.Context) ([]*provider.Candidate, error) {
					n++
					if n > len(tt.looks) {
						return nil, &userapi.Error{Message: "one look too many"}
					}
					return tt.looks[n-1]()
				}}
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				begun := time.Now()
				user, err := r.Resolve(ctx, begun)
				assert.Equal(t, len(tt.looks), n)
				assert.Equal(t, tt.took, time.Since(begun))
				if tt.kind == 0 {
					require.NoError(t, err)
					assert.Equal(t, "1", user.ID)
					return
				}
				var e *userapi.Error
				require.ErrorAs(t, err, &e)
				assert.Nil(t, user)
				assert.Equal(t, []any{tt.kind, tt.outcome, "resolve user", "7"}, []any{e.Kind, e.Outcome, e.Op, e.UserID})
			})
		})
	}
}

func TestResolveEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		r := provider.Resolution{Vendor: vendor(t), Look: func(context.Context) ([]*provider.Candidate, error) { return nil, nil }}
		begun := time.Now()
		_, err := r.Resolve(ctx, begun)
		require.ErrorIs(t, err, userapi.ErrCanceled)
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, userapi.MayHaveCreated(err))
		assert.Equal(t, 500*time.Millisecond, time.Since(begun))
	})
}

// TestResolveSettles: which of the users that were found is the request's.
func TestResolveSettles(t *testing.T) {
	t.Parallel()
	const same, different, unsure = provider.Same, provider.Different, provider.Unsure
	since := time.Now()
	at := func(offset time.Duration) time.Time { return since.Add(offset) }
	late := at(time.Second)
	undated := candidate("1", late, 0, same)
	undated.Undated = true
	aged := reply(-10 * time.Minute)
	aged.Header.Set("Age", "600")
	cached := provider.NewCandidate(&userapi.User{Provider: "acme", ID: "1", CreatedAt: at(-5 * time.Minute)}, aged)
	late6 := reply(0)
	late6.Read = late6.Sent.Add(6 * time.Second)
	slow := provider.NewCandidate(&userapi.User{Provider: "acme", ID: "1", CreatedAt: at(-5 * time.Second)}, late6)
	ours := candidate("1", at(-time.Hour), 0, same)
	ours.AnyAge = true
	type found = []*provider.Candidate
	for name, tt := range map[string]struct {
		found   found
		many    bool
		since   time.Time
		kind    userapi.Kind // 0 for the user 1
		outcome userapi.Outcome
		fields  []string
	}{
		"ours":                         {found{candidate("1", late, 0, same)}, false, since, 0, 0, nil},
		"in the same second":           {found{candidate("1", at(-2*time.Second), 0, same)}, false, since, 0, 0, nil},
		"a little older":               {found{candidate("1", at(-10*time.Second), 0, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"older":                        {found{candidate("1", at(-2*time.Minute), 0, same)}, false, since, userapi.KindConflict, userapi.OutcomeRejected, []string{"born: older"}},
		"older, any age":               {found{candidate("1", at(-2*time.Minute), 0, same)}, false, time.Time{}, 0, 0, nil},
		"older, under an id of ours":   {found{ours}, false, since, 0, 0, nil},
		"server ahead":                 {found{candidate("1", at(time.Hour), time.Hour, same)}, false, since, 0, 0, nil},
		"server ahead, older":          {found{candidate("1", at(30*time.Minute), time.Hour, same)}, false, since, userapi.KindConflict, userapi.OutcomeRejected, []string{"born: older"}},
		"server behind":                {found{candidate("1", at(-time.Hour), -time.Hour, same)}, false, since, 0, 0, nil},
		"of tomorrow":                  {found{candidate("1", at(24*time.Hour), 0, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"of the epoch":                 {found{candidate("1", time.Unix(0, 0), 0, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"a date of another year":       {found{candidate("1", at(-time.Hour), -365*24*time.Hour, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"out of a cache":               {found{cached}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"slowly answered":              {found{slow}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"not shown and older":          {found{candidate("1", at(-time.Hour), 0, unsure)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"no time told":                 {found{candidate("1", time.Time{}, 0, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"no time told, any age":        {found{candidate("1", time.Time{}, 0, same)}, false, time.Time{}, 0, 0, nil},
		"a time without a zone":        {found{undated}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"another key":                  {found{candidate("1", late, 0, same, different)}, false, since, userapi.KindConflict, userapi.OutcomeRejected, []string{"Email: different"}},
		"another key, any age":         {found{candidate("1", late, 0, different)}, false, time.Time{}, userapi.KindConflict, userapi.OutcomeRejected, []string{"Email: different"}},
		"another key and older":        {found{candidate("1", at(-time.Hour), 0, different)}, false, since, userapi.KindConflict, userapi.OutcomeRejected, []string{"Email: different", "born: older"}},
		"a key that is not shown":      {found{candidate("1", late, 0, same, unsure)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"not shown and another":        {found{candidate("1", late, 0, unsure, different)}, false, since, userapi.KindConflict, userapi.OutcomeRejected, []string{"Email: different"}},
		"two of ours":                  {found{candidate("1", late, 0, same), candidate("2", late, 0, same)}, false, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many: one":                    {found{candidate("1", late, 0, same)}, true, since, 0, 0, nil},
		"many: one beside an older":    {found{candidate("2", at(-time.Hour), 0, same), candidate("1", late, 0, same)}, true, since, 0, 0, nil},
		"many: one beside an unsure":   {found{candidate("2", late, 0, unsure), candidate("1", late, 0, same)}, true, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many: two":                    {found{candidate("2", late, 0, same), candidate("1", late, 0, same)}, true, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many: only an older":          {found{candidate("1", at(-time.Hour), 0, same)}, true, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many: only a different":       {found{candidate("1", late, 0, different)}, true, since, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many, any age: several":       {found{candidate("1", at(-time.Hour), 0, same), candidate("2", late, 0, same)}, true, time.Time{}, userapi.KindUnknown, userapi.OutcomeUnknown, nil},
		"many, any age: one different": {found{candidate("1", at(-time.Hour), 0, same), candidate("2", late, 0, different)}, true, time.Time{}, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := provider.Resolution{
				Vendor: vendor(t), CreatedAt: "born", NonUniqueKeys: tt.many,
				Look: func(context.Context) ([]*provider.Candidate, error) { return tt.found, nil },
			}
			user, err := r.Resolve(t.Context(), tt.since)
			if tt.kind == 0 && tt.outcome == 0 && err == nil {
				assert.Equal(t, "1", user.ID)
				return
			}
			var e *userapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, []any{tt.kind, tt.outcome}, []any{e.Kind, e.Outcome})
			assert.Len(t, e.Candidates, len(tt.found), "the users that were found are named")
			var fields []string
			for _, f := range e.FieldErrors {
				fields = append(fields, f.String())
			}
			assert.Equal(t, tt.fields, fields)
			assert.Equal(t, tt.kind == userapi.KindUnknown, e.Code == provider.CodeAmbiguous)
		})
	}
}

// TestProofOfAnEarlierUser: a user under an id that stands for nothing else is the
// request's, and its proof says whether it may be older than the create.
func TestProofOfAnEarlierUser(t *testing.T) {
	t.Parallel()
	since := time.Now()
	for name, tt := range map[string]struct {
		created time.Time
		ahead   time.Duration
		undated bool
		since   time.Time
		want    userapi.Proof
	}{
		"of this create":         {since.Add(time.Second), 0, false, since, userapi.ProofID},
		"in the same second":     {since.Add(-time.Second), 0, false, since, userapi.ProofID},
		"older":                  {since.Add(-3 * time.Second), 0, false, since, userapi.ProofEarlier},
		"older by its own clock": {since.Add(time.Hour - 4*time.Second), time.Hour, false, since, userapi.ProofEarlier},
		"server behind":          {since.Add(-time.Hour), -time.Hour, false, since, userapi.ProofID},
		"of any age":             {since.Add(-time.Hour), 0, false, time.Time{}, userapi.ProofID},
		"undated":                {since.Add(time.Second), 0, true, since, userapi.ProofEarlier},
		"no time told":           {time.Time{}, 0, false, since, userapi.ProofEarlier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := candidate("1", tt.created, tt.ahead, provider.Same)
			c.AnyAge, c.Undated, c.User.Proof = true, c.Undated || tt.undated, userapi.ProofID
			r := provider.Resolution{Vendor: vendor(t), Look: func(context.Context) ([]*provider.Candidate, error) {
				return []*provider.Candidate{c}, nil
			}}
			user, err := r.Resolve(t.Context(), tt.since)
			require.NoError(t, err)
			assert.Equal(t, tt.want, user.Proof)
		})
	}
}

// TestManyAppears: of keys that are not unique others may be found before ours is.
func TestManyAppears(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, older := 0, candidate("2", time.Now().Add(-time.Hour), 0, provider.Same)
		r := provider.Resolution{Vendor: vendor(t), NonUniqueKeys: true, Look: func(context.Context) ([]*provider.Candidate, error) {
			if n++; n == 3 {
				return []*provider.Candidate{older, candidate("1", time.Now(), 0, provider.Same)}, nil
			}
			return []*provider.Candidate{older}, nil
		}}
		user, err := r.Resolve(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, "1", user.ID)
	})
}

func TestCompareText(t *testing.T) {
	t.Parallel()
	for texts, want := range map[[2]string]provider.Match{
		{"ada@example.org", "ada@example.org"}:        provider.Same,
		{"Ada@Example.org", "ada@example.ORG"}:        provider.Same,
		{"ada@example.org", "eva@example.org"}:        provider.Different,
		{"ada@example.org", ""}:                       provider.Different,
		{"zoë@example.org", "zoë@example.org"}:        provider.Same,
		{"mi\u212ae@example.org", "mike@example.org"}: provider.Unsure,
		{"İlker@example.org", "i̇lker@example.org"}:   provider.Unsure,
	} {
		assert.Equal(t, want, provider.CompareText(texts[0], texts[1]), texts)
	}
}

// TestContradicts: a text in brackets is a user's key like any other, and a value of another
// type, as leaf types keep it, is none.
func TestContradicts(t *testing.T) {
	t.Parallel()
	for shown, contradicts := range map[string]bool{
		"bob": true, "[clan]bob": true, "{42}": true, "[": true, "{": true, "17": true,
		"ann": false, "ANN": false, "": false, `{"name":"bob"}`: false, `["bob"]`: false, "[]": false, "false": false, "true": false,
	} {
		err := provider.Contradicts("ann", shown, provider.CompareText)
		assert.Equal(t, contradicts, errors.Is(err, provider.ErrOtherUser), shown)
	}
	assert.NoError(t, provider.Contradicts("", "bob", provider.CompareText), "nothing was sent")
}

func TestAbsenceMayProveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("nobody sees it")
		r := provider.Resolution{Vendor: vendor(t), WhyMissProvesNothing: why, Look: func(context.Context) ([]*provider.Candidate, error) { return nil, nil }}
		_, err := r.Resolve(t.Context(), time.Now())
		require.ErrorIs(t, err, why)
		require.NotErrorIs(t, err, userapi.ErrNotFound)
		assert.True(t, userapi.MayHaveCreated(err))
		assert.Contains(t, err.Error(), provider.CodeAbsenceUnproven)
	})
}

// TestRepeatable: what a look-up's replies mean beyond what they mean to a create.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	classify := provider.Repeatable(&provider.Vendor{Absent: func(r *transport.Reply) bool {
		return provider.IsBlank(r.Body) || provider.HasMembers(r.Body, "detail")
	}},
		func(r *transport.Reply) transport.Classification { return provider.Classify(r.Status) },
	)
	for name, tt := range map[string]struct {
		reply transport.Reply
		kind  userapi.Kind
		again transport.Retry
	}{
		"absent":       {transport.Reply{Status: 404}, userapi.KindNotFound, transport.RetryNever},
		"absent, JSON": {transport.Reply{Status: 404, Body: []byte(`{"detail":"Not found."}`)}, userapi.KindNotFound, transport.RetryNever},
		"a gateway":    {transport.Reply{Status: 404, Body: []byte(`{"message":"no Route matched with those values"}`)}, userapi.KindProtocol, transport.RetryNever},
		"a page":       {transport.Reply{Status: 404, Body: []byte("<html>")}, userapi.KindProtocol, transport.RetryNever},
		"a list":       {transport.Reply{Status: 404, Body: []byte("[]")}, userapi.KindProtocol, transport.RetryNever},
		"cut off":      {transport.Reply{Status: 404, Body: []byte(`{"detail":1}`), ReadErr: errors.New("cut off")}, userapi.KindProtocol, transport.RetryNever},
		"down":         {transport.Reply{Status: 503}, userapi.KindUnavailable, transport.RetryBackoff},
		"refused":      {transport.Reply{Status: 403}, userapi.KindForbidden, transport.RetryNever},
	} {
		v := classify(&tt.reply)
		assert.Equal(t, tt.kind, v.Kind, name)
		assert.Equal(t, tt.again, v.Retry, name)
	}
	assert.True(t, classify(&transport.Reply{Status: 200}).OK)
}
