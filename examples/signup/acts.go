package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// show does all that there is to do, at fakes that nothing outlives.
func (p *program) show(ctx context.Context, req userapi.CreateUserRequest) (code int, err error) {
	p.say("Four fakes of vendors are on this machine. They end with this program, and so does its ledger.")
	p.say("\nThe plan")
	if code = p.plan(req); code != exitDone {
		return code, nil
	}
	p.say("\nSigning up %q%s", p.opts.key, p.broken())
	signedUp, err := p.signUp(ctx, req)
	if err != nil {
		return 0, err
	}
	p.census()
	p.say("\nOnce more, with the same key")
	if code, err = p.signUp(ctx, req); err != nil {
		return 0, err
	}
	p.say("\nUndoing it")
	undone, err := p.undo(ctx)
	p.census()
	return max(signedUp, code, undone), err
}

// broken says what -fault breaks, for a title.
func (p *program) broken() string {
	text := ""
	for _, t := range targets {
		switch p.opts.faults[t.name] {
		case faultLost:
			text += ", while the reply of " + t.name + " gets lost"
		case faultDown:
			text += ", while " + t.name + " is down"
		case faultKill:
			text += ", until the program is killed at " + t.name
		}
	}
	return text
}

// census tells the truth: what the fakes hold.
func (p *program) census() {
	text := "Users at the fakes:"
	for i, t := range targets {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %s %d", t.vendor, p.vendors.users[t.vendor]())
	}
	p.say("%s.", text)
}

// plan tells what would be sent, and sends nothing.
func (p *program) plan(req userapi.CreateUserRequest) (code int) {
	items := p.signups.Plan(req)
	p.report.plan(items)
	writePlan(p.out, items)
	if slices.ContainsFunc(items, func(i provision.PlanItem) bool { return i.Err != nil }) {
		p.say("Correct the flags: this person cannot be signed up everywhere. Nothing was sent.")
		return exitLeft
	}
	return exitDone
}

// signUp signs the person up, or goes on with it.
func (p *program) signUp(ctx context.Context, req userapi.CreateUserRequest) (code int, err error) {
	results, err := p.signups.CreateUser(ctx, req)
	if isAnother(err) {
		return 0, fmt.Errorf("-key %q is another person's in this ledger: give -name, -email, -phone and -account as at first, or another -key", req.IdempotencyKey)
	}
	return p.ended(ctx, "sign-up", results, err == nil)
}

// isAnother reports whether the key was used before with another request.
func isAnother(err error) bool {
	e, ok := errors.AsType[*userapi.Error](err)
	return ok && slices.ContainsFunc(e.FieldErrors, func(f userapi.FieldError) bool {
		return f.Field == "IdempotencyKey" && f.Code == "different"
	})
}

// undo deletes what the sign-up has created.
func (p *program) undo(ctx context.Context) (code int, err error) {
	results, err := p.signups.Undo(ctx, p.opts.key)
	if results == nil {
		if errors.Is(err, userapi.ErrNotFound) {
			err = fmt.Errorf("-key %q names no sign-up in this ledger", p.opts.key)
		}
		return 0, err
	}
	left := slices.ContainsFunc(results, func(r provision.Result) bool { return r.Err != nil && codeOf(r) != "no_deleter" })
	return p.ended(ctx, "undo", results, !left)
}

// ended reports what came of an act.
func (p *program) ended(ctx context.Context, act string, results []provision.Result, complete bool) (code int, err error) {
	records, err := p.ledger.Load(ctx, p.opts.key)
	if err != nil {
		return 0, err
	}
	rows := rowsOf(results, records)
	p.report.ended(act, complete, rows)
	if err := writeTable(p.out, rows); err != nil {
		return 0, err
	}
	for _, next := range nextOf(rows) {
		p.say("%s", next)
	}
	if !complete {
		return exitLeft, nil
	}
	return exitDone, nil
}

// earlier tells what earlier runs have left in the ledger.
func (p *program) earlier(ctx context.Context) error {
	const most = 10
	open, err := p.ledger.ListOpen(ctx, "", most)
	if err != nil {
		return err
	}
	records, err := p.ledger.Load(ctx, p.opts.key)
	if err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b provision.Record) int { return cmp.Compare(placeOf(a.Target), placeOf(b.Target)) })
	p.report.earlier(open, records)
	for _, key := range open {
		if key != p.opts.key {
			p.say("The ledger has another sign-up that is open: %q. Run it again.", key)
		}
	}
	if len(records) > 0 {
		p.say("An earlier run has left:")
		for _, r := range records {
			writeRecord(p.out, r)
		}
	}
	return nil
}

// A decision is what a person found out about a user; without an id, that there is none.
type decision struct{ target, userID string }

// decide tells the ledger what a person found out.
func (p *program) decide(ctx context.Context) error {
	if len(p.opts.decisions) > 0 {
		p.say("What you found out:")
	}
	for _, d := range p.opts.decisions {
		said := provision.UserExists(d.userID)
		if d.userID == "" {
			said = provision.UserAbsent()
			if err := p.discard(ctx, d.target); err != nil {
				return fmt.Errorf("-decide %s=absent: %w", d.target, err)
			}
		}
		if _, err := p.signups.Decide(ctx, p.opts.key, d.target, said); err != nil {
			return fmt.Errorf("-decide %s: %w", d.target, err)
		}
	}
	return nil
}

// discard gives Mixin's next user a key of its own, since the one that was sent with
// a lost create may be that of a user after all. It comes before the decision: cut off
// in between, it is simply done again.
func (p *program) discard(ctx context.Context, target string) error {
	if vendorOf(target) != mixin.Name {
		return nil
	}
	records, err := p.ledger.Load(ctx, p.opts.key)
	if err != nil {
		return err
	}
	undecided := slices.ContainsFunc(records, func(r provision.Record) bool {
		return r.Target == target && (r.State == provision.StateInFlight || r.State == provision.StateUnknown)
	})
	if !undecided {
		return nil // Decide refuses
	}
	if err := p.ledger.keys.Discard(p.opts.key); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
