package provision_test

import (
	"errors"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// check compares the results of a call with the truth.
func (m *model) check(call, key string, results []provision.Result, err error) {
	m.say("%s %s: %s: %v", call, key, dispositions(results), err)
	if results != nil && len(results) < len(m.targets)-1 {
		m.bad("%s %s: %d results", call, key, len(results))
	}
	for _, r := range results {
		m.saw(r.Disposition.String())
		m.checkForm(call, key, r)
		ids, underWay := m.at(r.Target + "/" + key)
		switch r.Disposition {
		case provision.DispositionUndone:
			if len(ids)+underWay > 0 {
				m.bad("%s %s: %v, with users %v and %d under way", call, key, r, ids, underWay)
			}
		case provision.DispositionNotSent, provision.DispositionRejected:
			if len(ids)+underWay > 0 && !m.crowded {
				m.bad("%s %s: %v, with users %v and %d under way", call, key, r, ids, underWay)
			}
		case provision.DispositionCreated, provision.DispositionRecovered:
			if !m.crowded && (r.User == nil || !slices.Contains(ids, r.User.ID)) {
				m.bad("%s %s: %v, with users %v", call, key, r, ids)
			}
		case provision.DispositionUnknown:
		case provision.DispositionExisting:
			m.bad("%s %s: %v: nothing was there before", call, key, r)
		}
	}
}

// checkForm: the parts of a result agree.
func (m *model) checkForm(call, key string, r provision.Result) {
	var failure *userapi.Error
	hasUser := r.Disposition == provision.DispositionCreated || r.Disposition == provision.DispositionRecovered
	switch {
	case hasUser != (r.User != nil):
		m.bad("%s %s: %v: with user %t", call, key, r, r.User != nil)
	case r.Err == nil && !hasUser && r.Disposition != provision.DispositionUndone:
		m.bad("%s %s: %v: neither a user nor an error", call, key, r)
	case r.Disposition == provision.DispositionUndone && errors.As(r.Err, &failure) && failure.Code == "record": // the user is gone, but the ledger does not know
	case r.Err != nil && userapi.MayHaveCreated(r.Err) != (hasUser || r.Disposition == provision.DispositionUnknown):
		m.bad("%s %s: %v: the error disagrees: %v", call, key, r, r.Err)
	}
}

// checkDoubles: no sign-up makes two users at one vendor, or one after a completed undo.
func (m *model) checkDoubles() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for place, made := range m.made {
		if made > 1 {
			m.Errorf("seed %d: %d users were created at %s", m.seed, made, place)
		}
	}
	if len(m.after) > 0 {
		m.Errorf("seed %d: after it was undone there were %s", m.seed, strings.Join(m.after, ", "))
	}
}

// checkCreated: a sign-up that was not undone ends with a user at every vendor.
func (m *model) checkCreated(key string, results []provision.Result) {
	for _, r := range results {
		ids, _ := m.at(r.Target + "/" + key)
		if r.Err != nil || r.User == nil || len(ids) != 1 {
			m.bad("at the end of %s: %v, with users %v: %v", key, r, ids, r.Err)
		}
	}
}

// checkUndone: an undone sign-up ends without users, except at the vendor that cannot delete.
func (m *model) checkUndone(key string, results []provision.Result) {
	for _, r := range results {
		if r.Target != "wallet" && (r.Err != nil || r.Disposition != provision.DispositionUndone) {
			m.bad("at the end of %s, undone: %v: %v", key, r, r.Err)
		}
		if r.Disposition == provision.DispositionUnknown {
			m.bad("at the end of %s, undone and decided: %v: %v", key, r, r.Err)
		}
	}
}

// isClosed reports whether an Undo has closed a sign-up.
func (m *model) isClosed(key string) bool {
	records, err := m.ledger.Ledger.Load(m.Context(), key)
	assert.NoError(m, err)
	return slices.ContainsFunc(records, func(r provision.Record) bool { return r.Closed })
}

func (m *model) bad(format string, args ...any) {
	m.Helper()
	m.say("  WRONG: "+format, args...)
	m.Errorf("seed %d: "+format, append([]any{m.seed}, args...)...)
}

// show prints all events.
func (m *model) show() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Logf("seed %d:\n%s", m.seed, strings.Join(m.log, "\n"))
}
