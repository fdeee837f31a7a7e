package quickbloxtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	defaultPerPage = 10
	maxPerPage     = 100
	minNameWanted  = 3
)

// page is a part of a list.
type page struct {
	CurrentPage  int          `json:"current_page"`
	PerPage      int          `json:"per_page"`
	TotalEntries int          `json:"total_entries"`
	Items        []userAnswer `json:"items"`
}

// pageOf returns the page of a list that was asked for.
func (c *call) pageOf(users []*user) page {
	list := page{
		CurrentPage:  max(c.askedNumber("page", 1), 1),
		PerPage:      min(max(c.askedNumber("per_page", defaultPerPage), 1), maxPerPage),
		TotalEntries: len(users),
		Items:        []userAnswer{},
	}
	for i, u := range users {
		if i/list.PerPage == list.CurrentPage-1 {
			list.Items = append(list.Items, u.answer())
		}
	}
	return list
}

func (c *call) askedNumber(name string, otherwise int) int {
	n, err := strconv.Atoi(c.asked(name))
	if err != nil {
		return otherwise
	}
	return n
}

// sortedBy returns the users for whom keep is true, by their ids.
func (c *call) sortedBy(keep func(*user) bool) []*user {
	return slices.DeleteFunc(c.sorted(), func(u *user) bool { return !keep(u) })
}

// listUsers answers with the users that pass every filter.
func (c *call) listUsers() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	matching := c.sorted()
	for _, filter := range c.askedAll("filter") {
		match, ok := readFilter(filter)
		if !ok {
			return http.StatusUnprocessableEntity, baseError("Invalid filter")
		}
		matching = slices.DeleteFunc(matching, func(u *user) bool { return !match(u) })
	}
	if order := c.asked("order"); order != "" {
		compare, ok := readOrder(order)
		if !ok {
			return http.StatusUnprocessableEntity, baseError("Invalid order")
		}
		slices.SortStableFunc(matching, compare)
	}
	return http.StatusOK, c.pageOf(matching)
}

// listByFullName answers with the users whose full name holds a text.
func (c *call) listByFullName() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	wanted := strings.ToLower(trimmed(c.asked("full_name")))
	if utf8.RuneCountInString(wanted) < minNameWanted {
		return http.StatusUnprocessableEntity, refusal{faults{FullName: []string{"is too short (minimum is 3 characters)"}}}
	}
	return http.StatusOK, c.pageOf(c.sortedBy(func(u *user) bool {
		return strings.Contains(strings.ToLower(value(u.FullName)), wanted)
	}))
}

// listByTags answers with the users who have one of the tags, or says that there are none.
func (c *call) listByTags() (status int, body any) {
	if status, body = c.needUser(); status != 0 {
		return status, body
	}
	wanted := splitTags(c.asked("tags"))
	if len(wanted) == 0 {
		return http.StatusUnprocessableEntity, baseError("tags are required")
	}
	matching := c.sortedBy(func(u *user) bool {
		return slices.ContainsFunc(splitTags(value(u.UserTags)), func(tag string) bool { return slices.Contains(wanted, tag) })
	})
	if len(matching) == 0 {
		return found(nil)
	}
	return http.StatusOK, c.pageOf(matching)
}

// splitTags returns the tags in a text, in lower case.
func splitTags(text string) []string {
	var tags []string
	for tag := range strings.SplitSeq(text, ",") {
		if tag = strings.ToLower(strings.TrimSpace(tag)); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}
