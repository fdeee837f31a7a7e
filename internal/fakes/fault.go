package fakes

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A Fault is a fault at one vendor's fake.
type Fault struct {
	Vendor string
	userapitest.Fault
}

// FaultForm is the text form that ParseFault expects.
const FaultForm = "VENDOR:OPERATION:MOMENT:ACTION[:TIMES]"

// ParseFault parses a fault. For example, fusionauth:create:after-commit:reset:3 loses three
// replies to creates. The words are the names in userapitest.Fault. The action respond has a status
// after "=", as in respond=503. TIMES is 1 if it is missing; -1 means every request. The error for
// an unknown word lists the known ones.
func ParseFault(text string) (f Fault, err error) {
	parts := strings.Split(text, ":")
	if len(parts) < 4 || len(parts) > 5 {
		return f, errors.New("must be " + FaultForm + ", such as fusionauth:create:after-commit:reset:3")
	}
	names := Names()
	vendor, err := word("vendor", parts[0], names)
	if err != nil {
		return f, err
	}
	f.Vendor = names[vendor]
	on, err := word("operation", parts[1], words[userapitest.Operation]())
	if err != nil {
		return f, err
	}
	when, err := word("moment", parts[2], words[userapitest.Moment]())
	if err != nil {
		return f, err
	}
	action, status, hasStatus := strings.Cut(parts[3], "=")
	do, err := word("action", action, words[userapitest.Action]())
	if err != nil {
		return f, err
	}
	f.On, f.When, f.Do, f.Times = userapitest.Operation(on), userapitest.Moment(when), userapitest.Action(do), 1
	if hasStatus != (f.Do == userapitest.Respond) {
		return f, errors.New("the action respond, and no other, has a status, as respond=503")
	}
	if hasStatus {
		if f.Status, err = strconv.Atoi(status); err != nil || f.Status < 200 || f.Status > 599 {
			return f, fmt.Errorf("the status %q must be a number from 200 to 599", status)
		}
		f.Body = []byte(http.StatusText(f.Status))
	}
	if len(parts) == 5 {
		if f.Times, err = strconv.Atoi(parts[4]); err != nil || f.Times == 0 || f.Times < -1 {
			return f, fmt.Errorf("the times %q must be a positive number, or -1 for all", parts[4])
		}
	}
	return f, nil
}

// words returns the names of a type's constants, which start at 0.
func words[T interface {
	~int
	String() string
}]() (names []string) {
	for i := T(0); i.String() != "?"; i++ {
		names = append(names, strings.ReplaceAll(i.String(), "_", "-"))
	}
	return names
}

// word returns the index of text in names. text can have "_" instead of "-".
func word(what, text string, names []string) (int, error) {
	for i, name := range names {
		if strings.ReplaceAll(text, "_", "-") == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q; expected %s", what, text, strings.Join(names, ", "))
}
