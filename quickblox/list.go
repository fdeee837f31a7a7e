package quickblox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
	"github.com/enlist-go/enlist/internal/wire"
	"github.com/enlist-go/enlist/userapi"
)

const (
	opList = "list users"
	// minFullName is how long a full name that is looked up must be, in characters.
	// Source: QuickBlox, "List Users by Full Name".
	minFullName = 3
)

// List returns the users that pass the filters, by GET /users.json. It reads a page
// when its first user is needed. An error comes with a nil user and ends the sequence.
// Each range over it begins again. If users are created or deleted meanwhile the pages
// may shift: a user may then come twice, or be missed.
//
// An error is a *userapi.Error. Its Outcome is not about a user. Temporary failures are
// retried. A page must fit into HTTPOptions.MaxResponseBytes: ask for fewer users if
// they have much custom data. QuickBlox documents lists with an API key or a user
// session; with an application session or a Config.SessionToken, users may be missing
// from a list, and an empty list may be an error that matches userapi.ErrNotFound.
// Source: QuickBlox, "List Users".
func (s *UsersService) List(ctx context.Context, req ListUsersRequest) iter.Seq2[*User, error] {
	check := provider.NativeCheck(Name)
	return s.users(ctx, req.list(&check), check)
}

// ListByTags returns the users with these tags, by GET /users/by_tags.json, and
// otherwise works like List. QuickBlox does not say whether a user needs one of several
// tags or all. Source: QuickBlox, "List Users by Tags".
func (s *UsersService) ListByTags(ctx context.Context, tags ...string) iter.Seq2[*User, error] {
	check := provider.NativeCheck(Name)
	for _, tag := range tags {
		check.Key("Tags", "tags", tag)
	}
	if len(tags) == 0 {
		check.Required("Tags", "tags", "must be set")
	}
	if slices.ContainsFunc(tags, hasComma) {
		check.Invalid("Tags", "tags", "must not contain a comma: QuickBlox separates tags by it")
	}
	return s.users(ctx, list{
		route: "/users/by_tags.json", query: []string{"tags=" + url.QueryEscape(strings.Join(tags, ","))}, hidden: tags,
	}, check)
}

// ListByFullName returns the users with a full name, by GET /users/by_full_name.json,
// and otherwise works like List. The name has at least three characters. QuickBlox does
// not say whether a part of a name finds a user. Source: QuickBlox, "List Users by Full
// Name".
func (s *UsersService) ListByFullName(ctx context.Context, name string) iter.Seq2[*User, error] {
	check := provider.NativeCheck(Name)
	check.Key("FullName", "full_name", name)
	if n := utf8.RuneCountInString(strings.TrimSpace(name)); n > 0 && n < minFullName {
		check.Invalid("FullName", "full_name", "must have at least 3 characters")
	}
	return s.users(ctx, list{
		route: "/users/by_full_name.json", query: []string{"full_name=" + url.QueryEscape(name)}, hidden: []string{name},
	}, check)
}

// ListByPhone returns the users with a phone number, as List with a filter does.
func (s *UsersService) ListByPhone(ctx context.Context, phone string) iter.Seq2[*User, error] {
	return s.List(ctx, ListUsersRequest{Filters: []Filter{{FieldPhone, OpEqual, []string{phone}}}})
}

// A list is what pages are asked of.
type list struct {
	route         string
	query, hidden []string
	page, perPage int   // 0 for the default
	first, read   int   // the page that was read first, and how many users have come since
	before        int64 // the first user of the page before
}

// users goes through a list's pages.
func (s *UsersService) users(ctx context.Context, l list, check provider.Check) iter.Seq2[*User, error] {
	l.page, l.perPage = max(l.page, 1), cmp.Or(l.perPage, maxPerPage)
	l.first = l.page
	return func(yield func(*User, error) bool) {
		for next := l; ; next.page++ {
			got, err := s.readPage(ctx, &next, &check)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, u := range got.users {
				if !yield(u, nil) {
					return
				}
			}
			if got.last {
				return
			}
			next.before, next.read = got.users[0].ID, next.read+len(got.users)
		}
	}
}

// readPage reads a page. One that QuickBlox says does not exist is empty, and the last.
func (s *UsersService) readPage(ctx context.Context, l *list, check *provider.Check) (*pageReply, error) {
	query := append(slices.Clone(l.query), "page="+strconv.Itoa(l.page), "per_page="+strconv.Itoa(l.perPage))
	call := provider.NewLookup(opList, http.MethodGet, l.route, l.route+"?"+strings.Join(query, "&"), "")
	call.Hidden = l.hidden
	got, err := provider.Read(ctx, s.vendor, call.Checked(check), &pageReply{asked: l}, nil)
	e, ok := err.(*userapi.Error)
	switch {
	case !ok:
		return got, nil
	case e.Kind == userapi.KindNotFound && e.Outcome == userapi.OutcomeRejected:
		return &pageReply{last: true}, nil
	}
	e.Subject = userapi.SubjectNone
	return nil, e
}

// A pageReply is a page of a list.
type pageReply struct {
	asked *list
	users []*User
	last  bool
}

// Receive reads the page, for provider.Reply.
func (r *pageReply) Receive(from *transport.Reply, _ provider.Meta) error {
	var in struct {
		CurrentPage  *Number           `json:"current_page"`
		PerPage      *Number           `json:"per_page"`
		TotalEntries *Number           `json:"total_entries"`
		Items        []json.RawMessage `json:"items"`
		Errors       wire.Values       `json:"errors"`
		Error        wire.Values       `json:"error"`
	}
	err := wire.Decode(from.Body, &in, wire.Path{Names: []string{"items"}})
	if err := provider.Success(err, true, in.Errors, in.Error); err != nil {
		return err
	}
	if in.Items == nil {
		return errNoItems
	}
	page, isNumbered := provider.Value(in.CurrentPage).Int64()
	if isNumbered && page != int64(r.asked.page) {
		return errOtherPage
	}
	for _, item := range in.Items {
		one := new(reply)
		if err := one.decode(item); err != nil {
			return err
		}
		r.users = append(r.users, &one.User)
	}
	r.last = isLast(r.asked, len(r.users), provider.Value(in.PerPage), provider.Value(in.TotalEntries))
	if !r.last && !isNumbered && r.users[0].ID == r.asked.before {
		return errOtherPage // the server passes the page's number over
	}
	return nil
}

// isLast reports whether a page with n users is the list's last. The server may give fewer users
// a page than were asked for, and says so, or not. Those that came are counted where it says how
// many there are.
func isLast(asked *list, n int, perPage, total Number) bool {
	per := int64(asked.perPage)
	if shown, ok := perPage.Int64(); ok && shown > 0 {
		per = shown
	}
	if all, ok := total.Int64(); ok {
		return n == 0 || int64(asked.first-1)*per+int64(asked.read+n) >= all
	}
	return n == 0 || int64(n) < per
}

// Neutral returns nil: a page is not a user.
func (r *pageReply) Neutral() *userapi.User { return nil }

var (
	errNoItems   = errors.New("quickblox: the reply has no list of users")
	errOtherPage = errors.New("quickblox: the reply has another page than was asked for")
)
