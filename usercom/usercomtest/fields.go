package usercomtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A field sets a member of a user, or says what is wrong with the value.
type field func(u *User, value json.RawMessage) (fault string)

// userIDName is what the version calls a user's own id.
func userIDName(v2 bool) string {
	if v2 {
		return "custom_id"
	}
	return "user_id"
}

// fieldsOf returns what a create or update may set, by the version's names.
func fieldsOf(v2 bool) map[string]field {
	company := "company_id"
	if v2 {
		company = "company_custom_id"
	}
	return map[string]field{
		userIDName(v2):  text(0, func(u *User) *string { return &u.UserID }),
		company:         text(0, func(u *User) *string { return &u.CompanyID }),
		"email":         email,
		"first_name":    text(40, func(u *User) *string { return &u.FirstName }),
		"last_name":     text(40, func(u *User) *string { return &u.LastName }),
		"phone_number":  text(64, func(u *User) *string { return &u.PhoneNumber }),
		"city":          text(64, func(u *User) *string { return &u.City }),
		"region":        text(0, func(u *User) *string { return &u.Region }),
		"country":       text(0, func(u *User) *string { return &u.Country }),
		"timezone":      text(0, func(u *User) *string { return &u.Timezone }),
		"facebook_url":  text(0, func(u *User) *string { return &u.FacebookURL }),
		"google_url":    text(0, func(u *User) *string { return &u.GoogleURL }),
		"gravatar_url":  text(0, func(u *User) *string { return &u.GravatarURL }),
		"linkedin_url":  text(0, func(u *User) *string { return &u.LinkedInURL }),
		"twitter_url":   text(0, func(u *User) *string { return &u.TwitterURL }),
		"gender":        choice(func(u *User) *string { return &u.Gender }, "unknown", "male", "female"),
		"status":        choice(func(u *User) *string { return &u.Status }, "visitor", "user"),
		"score":         integer(func(u *User) *int64 { return &u.Score }),
		"assigned_to":   integer(func(u *User) *int64 { return &u.AssignedTo }),
		"notifications": boolean(func(u *User) *bool { return &u.Notifications }),
		"unsubscribed":  boolean(func(u *User) *bool { return &u.Unsubscribed }),
		"tags":          tags,
	}
}

// The framework's texts.
const (
	isNull     = "This field may not be null."
	isBlank    = "This field may not be blank."
	noText     = "Not a valid string."
	noEmail    = "Enter a valid email address."
	noInteger  = "A valid integer is required."
	noBoolean  = "Must be a valid boolean."
	noListText = "Expected a list of items."
	isTaken    = "This field must be unique."
	isMissing  = "This field is required."
	tooLong    = "Ensure this field has no more than %d characters."
	noChoice   = "%q is not a valid choice."
	throttled  = "Request was throttled."
	noSuchList = "Invalid pk \"%d\" - object does not exist."
)

// scalar reads a text, or a number or a boolean as it is written. null, lists and objects
// are not ok.
func scalar(value json.RawMessage) (s string, ok bool) {
	if json.Unmarshal(value, &s) == nil && value[0] == '"' {
		return s, true
	}
	s = string(value)
	return s, s != "null" && s[0] != '{' && s[0] != '['
}

// memberText returns a member that is a text or a number, "" for none.
func memberText(values map[string]json.RawMessage, name string) string {
	if value, has := values[name]; has {
		if s, ok := scalar(value); ok {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// text takes texts, and numbers as texts, of at most limit characters; 0 is no
// limit. White space around a text is cut off.
func text(limit int, member func(*User) *string) field {
	return func(u *User, value json.RawMessage) string {
		s, ok := scalar(value)
		s = strings.TrimSpace(s)
		switch {
		case string(value) == "null":
			return isNull
		case !ok, string(value) == "true", string(value) == "false":
			return noText
		case s == "":
			return isBlank
		case limit > 0 && utf8.RuneCountInString(s) > limit:
			return fmt.Sprintf(tooLong, limit)
		}
		*member(u) = s
		return ""
	}
}

var emailShape = regexp.MustCompile(`^[^\s@"]+@[^\s@.]+(\.[^\s@.]+)+$`)

func email(u *User, value json.RawMessage) string {
	var address User
	if fault := text(0, func(u *User) *string { return &u.Email })(&address, value); fault != "" {
		return fault
	}
	if !emailShape.MatchString(address.Email) {
		return noEmail
	}
	u.Email = address.Email
	return ""
}

// choice takes the number of a word, counted from 1. It refuses the word itself.
func choice(member func(*User) *string, words ...string) field {
	return func(u *User, value json.RawMessage) string {
		s, _ := scalar(value)
		n, err := strconv.Atoi(s)
		switch {
		case s == "null":
			return isNull
		case err != nil || n < 1 || n > len(words):
			return fmt.Sprintf(noChoice, s)
		}
		*member(u) = words[n-1]
		return ""
	}
}

func integer(member func(*User) *int64) field {
	return func(u *User, value json.RawMessage) string { return integerOf(value, member(u)) }
}

func integerOf(value json.RawMessage, into *int64) string {
	s, _ := scalar(value)
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case s == "null":
		return isNull
	case err != nil:
		return noInteger
	}
	*into = n
	return ""
}

func boolean(member func(*User) *bool) field {
	return func(u *User, value json.RawMessage) string {
		s, _ := scalar(value)
		b, err := strconv.ParseBool(s)
		switch {
		case s == "null":
			return isNull
		case err != nil:
			return noBoolean
		}
		*member(u) = b
		return ""
	}
}

// tags adds tags. It removes none.
func tags(u *User, value json.RawMessage) string {
	var list []json.RawMessage
	if string(value) == "null" {
		return isNull
	}
	if json.Unmarshal(value, &list) != nil {
		return noListText
	}
	for _, item := range list {
		s, ok := scalar(item)
		switch {
		case !ok:
			return noText
		case s == "":
			return isBlank
		}
		if !slices.Contains(u.Tags, s) {
			u.Tags = append(u.Tags, s)
		}
	}
	return ""
}
