package quickblox_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

type listing = iter.Seq2[*quickblox.User, error]

// ids returns the users of a list and the error that ends it.
func ids(t *testing.T, l listing) (all []int64, err error) {
	t.Helper()
	for u, e := range l {
		require.NoError(t, err, "the list goes on after an error")
		if err = e; e != nil {
			assert.Nil(t, u)
			continue
		}
		all = append(all, u.ID)
	}
	return all, err
}

func TestListSendsGoldenRequests(t *testing.T) {
	t.Parallel()
	const all = "&page=1&per_page=100"
	filter := func(field quickblox.UserField, op quickblox.Operator, values ...string) quickblox.ListUsersRequest {
		return quickblox.ListUsersRequest{Filters: []quickblox.Filter{{Field: field, Operator: op, Values: values}}}
	}
	list := func(req quickblox.ListUsersRequest) func(*users) listing {
		return func(u *users) listing { return u.List(t.Context(), req) }
	}
	for _, tc := range []struct {
		name, want string
		do         func(*users) listing
	}{
		{"everybody", "/users.json?page=1&per_page=100", list(quickblox.ListUsersRequest{})},
		{"a page", "/users.json?page=3&per_page=7", list(quickblox.ListUsersRequest{Page: 3, PerPage: 7})},
		{"number", "/users.json?filter[]=number+id+lt+85000" + all, list(filter(quickblox.FieldID, quickblox.OpLess, "85000"))},
		{"date", "/users.json?filter[]=date+updated_at+gt+2019-05-23T18%3A07%3A19Z" + all, list(filter(quickblox.FieldUpdatedAt, quickblox.OpGreater, "2019-05-23T18:07:19Z"))},
		{"text", "/users.json?filter[]=string+full_name+eq+Miller%2C+Al%26ex" + all, list(filter(quickblox.FieldFullName, quickblox.OpEqual, "Miller, Al&ex"))},
		{"between", "/users.json?filter[]=number+external_user_id+between+5%2C9" + all, list(filter(quickblox.FieldExternalUserID, quickblox.OpBetween, "5", "9"))},
		{"in", "/users.json?filter[]=string+email+in+a%2Bb%40x.org%2Cc%40x.org" + all, list(filter(quickblox.FieldEmail, quickblox.OpIn, "a+b@x.org", "c@x.org"))},
		{"decimal Facebook id", "/users.json?filter[]=number+facebook_id+le+34524" + all, list(filter(quickblox.FieldFacebookID, quickblox.OpLessOrEqual, "34524"))},
		{"hexadecimal Facebook id", "/users.json?filter[]=string+facebook_id+ne+8a" + all, list(filter(quickblox.FieldFacebookID, quickblox.OpNotEqual, "8a"))},
		{"an unknown field", "/users.json?filter[]=string+shoe+size+5" + all, list(filter("shoe", "size", "5"))},
		{"two filters and an order", "/users.json?filter[]=string+login+eq+a&filter[]=date+created_at+ge+2019-01-01&order=desc+date+created_at" + all, list(quickblox.ListUsersRequest{
			Filters: []quickblox.Filter{
				{Field: quickblox.FieldLogin, Operator: quickblox.OpEqual, Values: []string{"a"}},
				{Field: quickblox.FieldCreatedAt, Operator: quickblox.OpGreaterOrEqual, Values: []string{"2019-01-01"}},
			},
			Order: quickblox.Order{Field: quickblox.FieldCreatedAt, Descending: true},
		})},
		{"ascending", "/users.json?order=asc+string+website" + all, list(quickblox.ListUsersRequest{Order: quickblox.Order{Field: quickblox.FieldWebsite}})},
		{"tags", "/users/by_tags.json?tags=android%2Cw+%26b" + all, func(u *users) listing { return u.ListByTags(t.Context(), "android", "w &b") }},
		{"full name", "/users/by_full_name.json?full_name=Alex+Miller" + all, func(u *users) listing { return u.ListByFullName(t.Context(), "Alex Miller") }},
		{"phone", "/users.json?filter[]=string+phone+eq+%2B73123555" + all, func(u *users) listing { return u.ListByPhone(t.Context(), "+73123555") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var attempts []string
			cfg := apiKeyConfig
			cfg.HTTP.OnAttempt = func(_ context.Context, a userapi.Attempt) { attempts = append(attempts, a.Operation+" "+a.Route) }
			c, s := scripted(t, cfg, answer{200, `{"items":[]}`})
			l := tc.do(c.Users)
			assert.Empty(t, s.requests, "nothing is asked before the first user is")
			for range 2 {
				got, err := ids(t, l)
				require.NoError(t, err)
				assert.Empty(t, got)
			}
			route, _, _ := strings.Cut(tc.want, "?")
			assert.Equal(t, []string{"GET " + tc.want, "GET " + tc.want}, s.uris(), "each range begins again")
			assert.Equal(t, []string{"list users " + route, "list users " + route}, attempts)
			assert.Equal(t, []string{"", ""}, s.bodies)
		})
	}
}

func TestListReadsTheVendorsSample(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, apiKeyConfig, answer{200, string(fixture(t, "list_200.json"))})
	var got []string
	for u, err := range c.Users.List(t.Context(), quickblox.ListUsersRequest{}) {
		require.NoError(t, err)
		got = append(got, fmt.Sprint(u.ID, *u.Login, *u.ExternalUserID, u.UserTags, u.LastRequestAt.IsZero()))
	}
	assert.Equal(t, []string{"96753878Peter1236672[Marketing seo] false", "96754523Alex126672[Android web] true"}, got)
	assert.Len(t, s.requests, 1)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	page := func(members string, ids ...int) answer {
		var items []string
		for _, id := range ids {
			items = append(items, `{"user":{"id":`+strconv.Itoa(id)+`}}`)
		}
		return answer{200, `{` + members + `"items":[` + strings.Join(items, ",") + `]}`}
	}
	const protocol = "protocol"
	for _, tc := range []struct {
		name    string
		answers []answer
		want    []int64
		asked   int
		kind    string
	}{
		{"by the total", []answer{page(`"current_page":1,"per_page":2,"total_entries":3,`, 1, 2), page(`"current_page":2,"per_page":2,"total_entries":3,`, 3)}, []int64{1, 2, 3}, 2, ""},
		{"a full last page", []answer{page(`"total_entries":"4",`, 1, 2), page(`"total_entries":4,`, 3, 4)}, []int64{1, 2, 3, 4}, 2, ""},
		{"fewer a page than asked for", []answer{page(`"per_page":1,"total_entries":2,`, 1), page(`"per_page":1,"total_entries":2,`, 2)}, []int64{1, 2}, 2, ""},
		{"no total", []answer{page(``, 1, 2), page(``, 3)}, []int64{1, 2, 3}, 2, ""},
		{"no total, a full last page", []answer{page(``, 1, 2), page(``)}, []int64{1, 2}, 2, ""},
		{"fewer a page than it says", []answer{page(`"per_page":2,"total_entries":3,`, 1), page(`"per_page":2,"total_entries":3,`, 2), page(`"per_page":2,"total_entries":3,`, 3)}, []int64{1, 2, 3}, 3, ""},
		{"fewer than the total", []answer{page(`"total_entries":9,`, 1, 2), page(`"total_entries":9,`)}, []int64{1, 2}, 2, ""},
		{"a page that does not exist", []answer{page(``, 1, 2), missing}, []int64{1, 2}, 2, ""},
		{"the page before again", []answer{page(``, 1, 2), page(``, 1, 2)}, []int64{1, 2}, 2, protocol},
		{"the page before again, of no number", []answer{page(`"current_page":"",`, 1, 2), page(`"current_page":"",`, 1, 2), missing}, []int64{1, 2}, 2, protocol},
		{"another page", []answer{page(`"current_page":2,`, 1)}, nil, 1, protocol},
		{"an item without an id", []answer{{200, `{"items":[{"user":{"id":1}},{"user":{"login":"a"}}]}`}}, nil, 1, protocol},
		{"an item of two ids", []answer{{200, `{"items":[{"user":{"id":1,"id":2}}]}`}}, nil, 1, protocol},
		{"an item that is none", []answer{{200, `{"items":[5]}`}}, nil, 1, protocol},
		{"no items", []answer{{200, `{"total_entries":0}`}}, nil, 1, protocol},
		{"items null", []answer{{200, `{"items":null}`}}, nil, 1, protocol},
		{"an error beside the items", []answer{{200, `{"items":[],"errors":["x"]}`}}, nil, 1, protocol},
		{"HTML", []answer{page(`"total_entries":9,`, 1, 2), {200, `<html>`}}, []int64{1, 2}, 2, protocol},
		{"cut off", []answer{{200, `{"items":[{"user":{"id":1}}`}}, nil, 1, protocol},
		{"a later 500", []answer{page(``, 1, 2), {500, ``}}, []int64{1, 2}, 2, "unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, apiKeyConfig, tc.answers...)
			got, err := ids(t, c.Users.List(t.Context(), quickblox.ListUsersRequest{PerPage: 2}))
			assert.Equal(t, tc.want, got)
			assert.Len(t, s.requests, tc.asked)
			if tc.kind == "" {
				require.NoError(t, err)
				return
			}
			e := wantError(t, err)
			assert.Equal(t, []any{tc.kind, userapi.SubjectNone, "list users"}, []any{e.Kind.String(), e.Subject, e.Op})
		})
	}
}

func TestListChecks(t *testing.T) {
	t.Parallel()
	c, s := scripted(t, apiKeyConfig, missing)
	filter := func(field quickblox.UserField, op quickblox.Operator, values ...string) listing {
		return c.Users.List(t.Context(), quickblox.ListUsersRequest{Filters: []quickblox.Filter{{Field: field, Operator: op, Values: values}}})
	}
	list := func(req quickblox.ListUsersRequest) listing { return c.Users.List(t.Context(), req) }
	for name, tc := range map[string]struct {
		list listing
		want string
	}{
		"no field":           {filter("", quickblox.OpEqual, "x"), "filter[]: must have a field and an operator, without blanks"},
		"a field of blanks":  {filter("id eq", quickblox.OpEqual, "x"), "filter[]: must have a field and an operator, without blanks"},
		"no operator":        {filter(quickblox.FieldID, "", "x"), "filter[]: must have a field and an operator, without blanks"},
		"no value":           {filter(quickblox.FieldID, quickblox.OpEqual), "filter[]: must have one value for this operator"},
		"two values":         {filter(quickblox.FieldID, quickblox.OpEqual, "1", "2"), "filter[]: must have one value for this operator"},
		"in nothing":         {filter(quickblox.FieldID, quickblox.OpIn), "filter[]: must have a value"},
		"between one":        {filter(quickblox.FieldID, quickblox.OpBetween, "1"), "filter[]: must have two values for between"},
		"a comma":            {filter(quickblox.FieldFullName, quickblox.OpIn, "planted, x"), "filter[]: must have values without commas for this operator: QuickBlox separates values by them"},
		"a blank value":      {filter(quickblox.FieldLogin, quickblox.OpEqual, " "), "filter[]: must be set"},
		"not UTF-8":          {filter(quickblox.FieldLogin, quickblox.OpEqual, "planted\xff"), "filter[]: must be valid UTF-8"},
		"an order of blanks": {list(quickblox.ListUsersRequest{Order: quickblox.Order{Field: "a b"}}), "order: must have a field, without blanks"},
		"an order of none":   {list(quickblox.ListUsersRequest{Order: quickblox.Order{Descending: true}}), "order: must have a field, without blanks"},
		"pages":              {list(quickblox.ListUsersRequest{Page: -1, PerPage: 101}), "page: must not be negative; per_page: must be from 1 to 100, or 0 for that"},
		"no tags":            {c.Users.ListByTags(t.Context()), "Tags: must be set"},
		"an empty tag":       {c.Users.ListByTags(t.Context(), "a", ""), "Tags: must be set"},
		"a tag of two":       {c.Users.ListByTags(t.Context(), "planted,b"), "Tags: must not contain a comma: QuickBlox separates tags by it"},
		"no name":            {c.Users.ListByFullName(t.Context(), " "), "FullName (full_name): must be set"},
		"a short name":       {c.Users.ListByFullName(t.Context(), "Bo "), "FullName (full_name): must have at least 3 characters"},
		"no phone":           {c.Users.ListByPhone(t.Context(), ""), "filter[]: must be set"},
	} {
		got, err := ids(t, tc.list)
		assert.Empty(t, got, name)
		require.EqualError(t, err, "quickblox: list users: invalid request: "+tc.want+", nothing was sent", name)
		assert.Equal(t, []any{userapi.OutcomeNotSent, userapi.SubjectNone}, []any{wantError(t, err).Outcome, wantError(t, err).Subject}, name)
		wantHidden(t, err, "planted")
	}
	assert.Empty(t, s.requests)
}

// TestListErrors: if the credentials see every user, no match is an empty list.
func TestListErrors(t *testing.T) {
	t.Parallel()
	const echo = "planted-Name peter+1@gmail.com"
	lists := map[string]func(*users) listing{
		"filter": func(u *users) listing {
			return u.List(t.Context(), quickblox.ListUsersRequest{Filters: []quickblox.Filter{
				{Field: quickblox.FieldFullName, Operator: quickblox.OpEqual, Values: []string{"planted-Name"}},
				{Field: quickblox.FieldEmail, Operator: quickblox.OpIn, Values: []string{"a@b.c", "peter+1@gmail.com"}},
			}})
		},
		"tags": func(u *users) listing { return u.ListByTags(t.Context(), "planted-Name", "peter+1@gmail.com") },
		"name": func(u *users) listing { return u.ListByFullName(t.Context(), "planted-Name peter+1@gmail.com") },
	}
	for _, tc := range []struct {
		name   string
		cfg    quickblox.Config
		answer answer
		kind   userapi.Kind // unknown means an empty list
	}{
		{"nobody", apiKeyConfig, missing, userapi.KindUnknown},
		{"nobody for a token", sessionConfig, missing, userapi.KindNotFound},
		{"gateway's 404", apiKeyConfig, answer{404, "<html>"}, userapi.KindProtocol},
		{"need user", apiKeyConfig, answer{422, `{"errors":{"base":["Forbidden. Need user."]}}`}, userapi.KindForbidden},
		{"bad filter", apiKeyConfig, answer{422, `{"errors":{"base":["` + echo + `"]}}`}, userapi.KindInvalid},
		{"401", apiKeyConfig, answer{401, `{"errors":["` + echo + `"]}`}, userapi.KindUnauthorized},
		{"500", apiKeyConfig, answer{500, echo}, userapi.KindUnavailable},
		{"301", apiKeyConfig, answer{301, ""}, userapi.KindProtocol},
	} {
		for name, list := range lists {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				c, s := scripted(t, tc.cfg, tc.answer)
				got, err := ids(t, list(c.Users))
				assert.Empty(t, got)
				assert.Len(t, s.requests, 1)
				if tc.kind == userapi.KindUnknown {
					require.NoError(t, err)
					return
				}
				e := wantError(t, err)
				assert.Equal(t, []any{tc.kind, tc.answer.status, userapi.SubjectNone, userapi.OutcomeUnknown}, []any{e.Kind, e.StatusCode, e.Subject, e.Outcome})
				wantHidden(t, err, "planted-Name", "peter+1@gmail.com")
			})
		}
	}
}

// TestListsAtTheFake reads the pages of every list, and stops when the caller stops.
func TestListsAtTheFake(t *testing.T) {
	t.Parallel()
	s, c := newServer(t)
	var first int64
	for i := range 7 {
		resp, err := c.Users.Create(t.Context(), quickblox.CreateUserRequest{User: quickblox.NewUser{
			Login: new("user" + strconv.Itoa(i)), Password: "quickblox", FullName: new("Ada " + strconv.Itoa(i)),
			TagList: new([]string{"even", "odd"}[i%2]), Phone: new("+7" + strconv.Itoa(i%3)),
		}})
		require.NoError(t, err)
		first = cmp.Or(first, resp.User.ID)
	}
	at := func(numbers ...int64) (want []int64) {
		for _, n := range numbers {
			want = append(want, first+n)
		}
		return want
	}
	value := strconv.FormatInt(first+2, 10)
	for name, tc := range map[string]struct {
		list listing
		want []int64
	}{
		"all, by pages": {c.Users.List(t.Context(), quickblox.ListUsersRequest{PerPage: 2}), at(0, 1, 2, 3, 4, 5, 6)},
		"from a page":   {c.Users.List(t.Context(), quickblox.ListUsersRequest{PerPage: 3, Page: 2}), at(3, 4, 5, 6)},
		"behind them":   {c.Users.List(t.Context(), quickblox.ListUsersRequest{Page: 9}), nil},
		"backwards": {c.Users.List(t.Context(), quickblox.ListUsersRequest{
			Filters: []quickblox.Filter{{Field: quickblox.FieldID, Operator: quickblox.OpLessOrEqual, Values: []string{value}}},
			Order:   quickblox.Order{Field: quickblox.FieldID, Descending: true},
		}), at(2, 1, 0)},
		"logins": {c.Users.List(t.Context(), quickblox.ListUsersRequest{Filters: []quickblox.Filter{
			{Field: quickblox.FieldLogin, Operator: quickblox.OpIn, Values: []string{"user5", "user1", "nobody"}},
		}}), at(1, 5)},
		"since": {c.Users.List(t.Context(), quickblox.ListUsersRequest{Filters: []quickblox.Filter{
			{Field: quickblox.FieldCreatedAt, Operator: quickblox.OpGreater, Values: []string{time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}},
		}}), nil},
		"tags":      {c.Users.ListByTags(t.Context(), "odd"), at(1, 3, 5)},
		"no tags":   {c.Users.ListByTags(t.Context(), "prime"), nil},
		"full name": {c.Users.ListByFullName(t.Context(), "Ada 4"), at(4)},
		"no name":   {c.Users.ListByFullName(t.Context(), "Ada 44"), nil},
		"phone":     {c.Users.ListByPhone(t.Context(), "+71"), at(1, 4)},
	} {
		got, err := ids(t, tc.list)
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, got, name)
	}
	before := received(s, userapitest.Lookup)
	for u, err := range c.Users.List(t.Context(), quickblox.ListUsersRequest{PerPage: 2}) {
		require.NoError(t, err)
		if u.ID == first+1 {
			break
		}
	}
	assert.Equal(t, before+1, received(s, userapitest.Lookup), "no page is read ahead")

	// A temporary failure is not visible; the end of a context is.
	cfg := s.Config()
	cfg.HTTP.Retry = userapi.RetryPolicy{BaseWait: time.Millisecond, Jitter: -1}
	retrying, err := quickblox.New(cfg)
	require.NoError(t, err)
	t.Cleanup(retrying.CloseIdleConnections)
	s.Inject(userapitest.Fault{On: userapitest.Lookup, Do: userapitest.Hangup})
	got, err := ids(t, retrying.Users.List(t.Context(), quickblox.ListUsersRequest{PerPage: 4}))
	require.NoError(t, err)
	assert.Len(t, got, 7)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	for _, err = range c.Users.List(ctx, quickblox.ListUsersRequest{PerPage: 3}) {
		if err == nil {
			seen++
		}
		cancel()
	}
	assert.Equal(t, 3, seen)
	require.ErrorIs(t, err, userapi.ErrCanceled)
	require.ErrorIs(t, err, context.Canceled)
}

// TestListWithASession: an application's session sees no users, and a user's session does.
func TestListWithASession(t *testing.T) {
	t.Parallel()
	s, c := newUserSession(t)
	got, err := ids(t, c.Users.List(t.Context(), quickblox.ListUsersRequest{}))
	require.NoError(t, err)
	assert.Len(t, got, 1)
	_, err = ids(t, newSessionClient(t, s, nil).Users.List(t.Context(), quickblox.ListUsersRequest{}))
	require.ErrorIs(t, err, userapi.ErrForbidden)

	// A missing session says nothing about the users.
	lost := quickbloxtest.NewServer(t)
	lost.Inject(userapitest.Fault{On: userapitest.Session, Status: 404, Body: []byte(" "), Times: -1})
	_, err = ids(t, newSessionClient(t, lost, func(c *quickblox.Config) { c.Session.Login, c.Session.Password = "a", "b" }).Users.ListByTags(t.Context(), "a"))
	require.ErrorIs(t, err, userapi.ErrProtocol)
}
