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

// rowsCode returns the exit code of the rows.
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

// errCode returns the exit code of the error that ended the import.
func (r *importing) errCode() int {
	if r.stopped || r.cut {
		return exitOpen
	}
	return sourceCode(r.err)
}

// next returns the messages that say what happened, whether users exist, and what to do.
func (r *importing) next(kept map[string]string, failure error) (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch {
	case r.stopped:
		line("stopped. Users that were created stay. Run the same command again for the rest: it creates no user twice.")
	case r.err != nil && r.report.Rows == 0:
		line("%s. Nothing was sent.", messageOf(r.err))
	case r.err != nil:
		line("%s. Users that were created stay. Correct the cause, and run the same command again: it creates no user twice.", messageOf(r.err))
	case r.cut:
		line("stopped after %s because of --max-rows. Run it without --max-rows for the rest.", rowsText(r.report.Rows))
	}
	if r.rehearsal {
		line("this was a rehearsal with fakes: no vendor was called, and no ledger was kept.")
	}
	if failure != nil {
		line("%v. Users that were created stay. Run the same command again for complete files: it creates no user twice.", failure)
	}
	if n := r.report.RowsUnknown - r.deleting; n > 0 {
		line("it is unknown whether the users of %s exist. Run the same command again: it asks the vendors that can be asked. For what stays unknown, see enlist status, look at the vendor, and use enlist decide.", rowsText(n))
	}
	if r.deleting > 0 {
		line("an undo is deleting the users of %s, or was killed. Run enlist undo again.", rowsText(r.deleting))
	}
	if n := r.report.RowsOpen; n > 0 {
		line("%s left open: some users were not created, or are not finished. Run the same command again.", were(n))
	}
	if where := r.whereIs(bulk.StateUnfinished); where != "" {
		line("unfinished, %s: the users exist, but a second step, such as their attributes, is not done. The rejects say why. Run the same command again. If the vendor always refuses the step, finish the users there, and do not change their rows.", where)
	}
	if where := r.whereIs(bulk.StateKept); where != "" {
		line("kept, %s: these users were created before the rows were changed, and do not have the changes. If they need them, change the users at the vendor.", where)
	}
	for _, t := range r.denied() {
		line("%s refuses the credentials, or they lack a permission. The rows that were refused for this have no user there. Correct the credentials, and run the same command again. These rows need no correction.", t)
	}
	if where := r.whereIs(bulk.StateDifferent); where != "" {
		line("different, %s: the key was used before with another row. Nothing was changed at the vendor. If the row was changed, restore it. If these are two people, give one of them another key.", where)
	}
	if slices.ContainsFunc(r.report.Refused, isUndone) {
		line("rows with the code undone: enlist undo deleted their users, and their keys are closed. To import them again, give the job another name.")
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
		line("%sCorrect a copy of %s, and run the same command with --only and the copy.", refused, where)
	}
	return lines
}

// whereIs returns how many rows have a state, by target; "" for none.
func (r *importing) whereIs(state string) string {
	var all []string
	for _, c := range r.report.States {
		if c.State == state {
			all = append(all, fmt.Sprintf("%d at %s", c.Rows, c.Target))
		}
	}
	return strings.Join(all, " and ")
}

// canMend reports whether the rejects have rows to correct: rows that were refused for another reason than
// the credentials or an undo.
func (r *importing) canMend() bool {
	return r.report.RowsAtFault > 0 ||
		slices.ContainsFunc(r.report.Refused, func(c bulk.RefusedCount) bool { return !isDenied(c.Kind) && !isUndone(c) })
}

// codeUndone is the code of a key that an undo has closed.
const codeUndone = "undone"

func isUndone(c bulk.RefusedCount) bool {
	return slices.Contains(strings.Split(c.Code, ", "), codeUndone)
}

// note counts the rows with a user that an undo has begun to delete. The Report counts them as unknown.
func (r *importing) note(row bulk.RowResult) {
	if slices.ContainsFunc(row.Results, func(res provision.Result) bool {
		var e *userapi.Error
		return res.Disposition == provision.DispositionUnknown && errors.As(res.Err, &e) && e.Code == codeUndone
	}) {
		r.deleting++
	}
}

// denied returns the targets that refuse the credentials.
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
