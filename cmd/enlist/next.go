package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// rowsCode is the exit code of what became of the rows.
func (r *importing) rowsCode() int {
	switch {
	case r.report.RowsUnknown > 0:
		return exitUnknown
	case r.report.RowsOpen > 0:
		return exitOpen
	case r.report.RowsRefused+r.report.RowsAtFault > 0:
		return exitRefused
	}
	return exitDone
}

// errCode is the exit code of what ended the import.
func (r *importing) errCode() int {
	if r.stopped || r.cut {
		return exitOpen
	}
	return sourceCode(r.err)
}

// next says what happened, whether there are users, and what to do.
func (r *importing) next(kept map[string]string, failure error) (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case r.stopped:
		line("it was stopped: users that were created stay, and are not created again. Run the same command again for the rest.")
	case r.err != nil && r.report.Rows == 0:
		line("%s. Nothing was sent.", told(r.err))
	case r.err != nil:
		line("%s. Users that were created stay, and are not created again. Mend that, and run the same command again.", told(r.err))
	case r.cut:
		line("it stopped after %s, as --max-rows says. Run it without for the rest.", rowsText(r.report.Rows))
	}
	if r.rehearsal {
		line("it was a rehearsal: no vendor was called, and no ledger is left.")
	}
	if failure != nil {
		line("%v. Users that were created stay. Run the same command again to have the files whole: it creates nobody twice.", failure)
	}
	if n := r.report.RowsUnknown; n > 0 {
		line("of %s nobody knows whether there is a user. Run the same command again: it asks the vendors that can be asked. What stays unknown a person decides: enlist status lists it, enlist decide settles it.", rowsText(n))
	}
	if n := r.report.RowsOpen; n > 0 {
		line("%s left open: users that are missing were not created, or are not finished. Run the same command again.", were(n))
	}
	for _, t := range r.denied() {
		line("%s refuses the credentials, or what they are for: no user was created there. Set the right ones, and run the same command again: rejects need not be mended for that.", t)
	}
	if slices.ContainsFunc(r.report.Refused, func(c bulk.RefusedCount) bool { return slices.Contains(strings.Split(c.Code, ", "), "undone") }) {
		line("rows whose code is undone were deleted by enlist undo, and their keys are closed: to import them again give the job another name.")
	}
	if n := r.report.RowsRefused + r.report.RowsAtFault; n > 0 {
		where := "the rejects"
		if path := kept["rejects"]; path != "" {
			where = path
		}
		has := "have"
		if n == 1 {
			has = "has"
		}
		line("%s refused, and %s no user there. Mend a copy of %s, and run the same command with --only and the copy.", were(n), has, where)
	}
	return lines
}

// denied are the targets that refuse the credentials.
func (r *importing) denied() (names []string) {
	for _, t := range r.c.Targets {
		if slices.ContainsFunc(r.report.Refused, func(c bulk.RefusedCount) bool {
			return c.Target == t.Name && (c.Kind == userapi.KindUnauthorized || c.Kind == userapi.KindForbidden)
		}) {
			names = append(names, t.Name)
		}
	}
	return names
}

func rowsText(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func were(n int64) string {
	if n == 1 {
		return "1 row was"
	}
	return rowsText(n) + " were"
}
