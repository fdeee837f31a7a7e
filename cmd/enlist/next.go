package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
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
	if n := r.report.RowsUnknown - r.deleting; n > 0 {
		line("of %s nobody knows whether there is a user. Run the same command again: it asks the vendors that can be asked. What stays unknown a person decides: enlist status lists it, enlist decide settles it.", rowsText(n))
	}
	if r.deleting > 0 {
		line("of %s a user is being deleted, or an undo was killed at it: run enlist undo again.", rowsText(r.deleting))
	}
	if n := r.report.RowsOpen; n > 0 {
		line("%s left open: users that are missing were not created, or are not finished. Run the same command again.", were(n))
	}
	if where := r.whereIs(bulk.StateUnfinished); where != "" {
		line("unfinished, %s: the users exist, and a second step of their creates, such as attributes, is not done. If the vendor refuses the step for good, finish these users there: a row that is changed is another request. The rejects say why.", where)
	}
	if where := r.whereIs(bulk.StateKept); where != "" {
		line("kept, %s: these users are as the rows were before they were mended. Nothing is left to do here; if it matters, change the users at the vendor.", where)
	}
	for _, t := range r.denied() {
		line("%s refuses the credentials, or what they are for: the rows that it refused so have no user there. Set the right ones, and run the same command again: rejects need not be mended for that.", t)
	}
	if where := r.whereIs(bulk.StateDifferent); where != "" {
		line("different, %s: the key was used before with another row. If the row was changed since, restore it: its users are as they were. If they are two people, give one of them another key. Nothing was changed at the vendor.", where)
	}
	if slices.ContainsFunc(r.report.Refused, isUndone) {
		line("rows whose code is undone were deleted by enlist undo, and their keys are closed: to import them again give the job another name.")
	}
	if r.canMend() {
		where := "the rejects"
		if path := kept["rejects"]; path != "" {
			where = path
		}
		refused := ""
		if n := r.report.RowsRefused + r.report.RowsAtFault; n > 0 {
			refused = were(n) + " refused. "
		}
		line("%sMend a copy of %s, and run the same command with --only and the copy.", refused, where)
	}
	return lines
}

// whereIs tells how many rows have a state at which targets; "" if none has it.
func (r *importing) whereIs(state string) string {
	var all []string
	for _, c := range r.report.States {
		if c.State == state {
			all = append(all, fmt.Sprintf("%d at %s", c.Rows, c.Target))
		}
	}
	return strings.Join(all, " and ")
}

// canMend reports whether there are rejects that a mended row makes good, and not only ones that the
// credentials or an undo are the reason of.
func (r *importing) canMend() bool {
	return r.report.RowsAtFault > 0 ||
		slices.ContainsFunc(r.report.Refused, func(c bulk.RefusedCount) bool { return !isDenied(c.Kind) && !isUndone(c) })
}

// codeUndone is that of a key which an undo has closed.
const codeUndone = "undone"

func isUndone(c bulk.RefusedCount) bool {
	return slices.Contains(strings.Split(c.Code, ", "), codeUndone)
}

// note counts the rows at which an undo was killed: the Report has them among those that are unknown.
func (r *importing) note(row bulk.RowResult) {
	if slices.ContainsFunc(row.Results, func(res provision.Result) bool {
		var e *userapi.Error
		return res.Disposition == provision.DispositionUnknown && errors.As(res.Err, &e) && e.Code == codeUndone
	}) {
		r.deleting++
	}
}

// denied are the targets that refuse the credentials.
func (r *importing) denied() (names []string) {
	for _, t := range r.c.Targets {
		if slices.ContainsFunc(r.report.Refused, func(c bulk.RefusedCount) bool { return c.Target == t.Name && isDenied(c.Kind) }) {
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
