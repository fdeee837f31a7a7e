package quickbloxtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPerPage = 10
	maxPerPage     = 100
)

// page is a part of a list.
type page struct {
	CurrentPage  int          `json:"current_page"`
	PerPage      int          `json:"per_page"`
	TotalEntries int          `json:"total_entries"`
	Items        []userAnswer `json:"items"`
}

func (c *call) listUsers() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	query := c.request.URL.Query()
	matching := c.sorted()
	for _, filter := range query["filter[]"] {
		match, ok := readFilter(filter)
		if !ok {
			return http.StatusUnprocessableEntity, baseError("Invalid filter")
		}
		matching = slices.DeleteFunc(matching, func(u *user) bool { return !match(u) })
	}
	list := page{
		CurrentPage:  max(atoi(query, "page", 1), 1),
		PerPage:      min(max(atoi(query, "per_page", defaultPerPage), 1), maxPerPage),
		TotalEntries: len(matching),
		Items:        []userAnswer{},
	}
	for i, u := range matching {
		if i/list.PerPage == list.CurrentPage-1 {
			list.Items = append(list.Items, u.answer())
		}
	}
	return http.StatusOK, list
}

func atoi(query url.Values, name string, otherwise int) int {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

// readFilter reads a filter of the form "type member eq value".
func readFilter(text string) (match func(*user) bool, ok bool) {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) < 4 || parts[2] != "eq" {
		return nil, false
	}
	want := parts[3]
	switch parts[1] {
	case "id":
		return func(u *user) bool { return strconv.FormatInt(u.ID, 10) == want }, true
	case "external_user_id":
		return func(u *user) bool {
			return u.ExternalUserID != nil && strconv.FormatInt(*u.ExternalUserID, 10) == want
		}, true
	case "login":
		return func(u *user) bool { return u.Login != nil && *u.Login == want }, true
	case "email":
		return func(u *user) bool { return u.Email != nil && strings.EqualFold(*u.Email, want) }, true
	case "full_name":
		return func(u *user) bool { return u.FullName != nil && *u.FullName == want }, true
	case "phone":
		return func(u *user) bool { return u.Phone != nil && *u.Phone == want }, true
	case "facebook_id":
		return func(u *user) bool { return u.FacebookID != nil && *u.FacebookID == want }, true
	}
	return nil, false
}
