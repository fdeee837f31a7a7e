package provision_test

import (
	"context"
	"errors"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

var errShaky = errors.New("the ledger failed")

// A shakyLedger is slow, fails before and after a Store, and is killed.
type shakyLedger struct {
	provision.Ledger
	w *world
}

// takesLong waits in this percentage of cases.
func (l *shakyLedger) takesLong(purpose string, percent int, most time.Duration) {
	if l.w.fails(purpose, percent) {
		l.w.sleep(l.w.span(purpose, most))
	}
}

func (l *shakyLedger) Store(ctx context.Context, records ...provision.Record) error {
	first := "store " + records[0].Target + "/" + records[0].Key
	l.takesLong(first, 10, 2*time.Second)
	l.takesLong(first, 2, 200*time.Second)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if l.w.fails(first, 8) {
		return errShaky
	}
	err := l.Ledger.Store(ctx, records...)
	for _, r := range records {
		l.w.say("    stored %s/%s %d: %s, kind %v, user %q, lost %t, closed %t: %v", r.Target, r.Key, r.Revision+1, r.State, r.Kind, r.UserID, r.Lost, r.Closed, err)
	}
	l.w.mayKill(first, "after "+first, 5)
	if err == nil && l.w.fails(first, 8) {
		l.w.say("    and told that it failed")
		return errShaky
	}
	l.takesLong(first, 3, 200*time.Second) // the process sleeps until its lease ends
	return err
}

func (l *shakyLedger) Load(ctx context.Context, key string) ([]provision.Record, error) {
	purpose := "load " + key
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if l.w.fails(purpose, 5) {
		return nil, errShaky
	}
	records, err := l.Ledger.Load(ctx, key)
	l.takesLong(purpose, 5, 3*time.Second) // the read records are old by then
	return records, err
}
