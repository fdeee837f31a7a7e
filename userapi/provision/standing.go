package provision

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// A Standing is the state of a request's key in the ledger.
type Standing int

// The standings. Their numbers never change.
const (
	// StandingNew: the ledger does not have the key.
	StandingNew Standing = iota
	// StandingOpen: something is left to do. Provisioner.Continue does it.
	StandingOpen
	// StandingDone: nothing is left to do. Each target has a finished user, or the
	// sign-up was undone.
	StandingDone
	// StandingChanged: the key belongs to another request. Continue replaces that one
	// at some or all targets.
	StandingChanged
	// StandingDifferent: the key belongs to another request, and Continue refuses this
	// one.
	StandingDifferent
	// StandingRefused: a target has refused this request because of its content. Only
	// Provisioner.Retry tries it again: the reason may have been removed at the vendor,
	// or be a password.
	StandingRefused
)

var standings = [...]string{"new", "open", "done", "changed", "different", "refused"}

// String returns the lower-case name.
func (s Standing) String() string {
	if s < 0 || int(s) >= len(standings) {
		return "standing(" + strconv.Itoa(int(s)) + ")"
	}
	return standings[s]
}

// Standings returns the standing of each request's key. It reads the ledger, all keys
// at once if that is a ManyLoader. It stores and sends nothing. While another run is
// working, a standing may already be out of date. The error is the ledger's, or a
// *userapi.Error for a request with an invalid key.
func (p *Provisioner) Standings(ctx context.Context, reqs []userapi.CreateUserRequest) ([]Standing, error) {
	var keys []string
	for _, req := range reqs {
		if failure := checkKey(req.IdempotencyKey); failure != nil {
			return nil, failure
		}
		keys = append(keys, spellingsOf(req.IdempotencyKey)...)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	records, err := loadMany(ctx, p.ledger, keys)
	if err != nil {
		return nil, ledgerError(err, userapi.OutcomeUnknown)
	}
	byKey := map[string][]Record{}
	for _, r := range records {
		byKey[r.Key] = append(byKey[r.Key], r)
	}
	all := make([]Standing, len(reqs))
	for i, req := range reqs {
		for _, key := range spellingsOf(req.IdempotencyKey) {
			if of := byKey[key]; len(of) > 0 {
				if all[i], err = p.standingOf(req, key, of); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	return all, nil
}

// standingOf returns that of a key which the ledger has.
func (p *Provisioner) standingOf(req userapi.CreateUserRequest, key string, records []Record) (Standing, error) {
	s := &signup{p: p, req: req, records: map[string]Record{}}
	if failure := s.take(key); failure != nil {
		return 0, failure
	}
	if s.rememberAll(records) {
		switch what := changeOf(s.records, false); {
		case what == requestReplaces,
			what == requestMends && slices.ContainsFunc(p.targets, func(t *target) bool { return isMendable(s.records[t.Name]) }):
			return StandingChanged, nil
		case what != sameRequest: // else it was undone
			return StandingDifferent, nil
		}
	}
	standing := StandingDone
	closed := slices.ContainsFunc(records, func(r Record) bool { return r.Closed })
	for _, t := range p.targets {
		switch r := s.records[t.Name]; {
		case closed:
		case isFinal(r) && !r.State.HasUser():
			standing = StandingRefused
		case !isFinal(r) && !s.waitsForNothing(t):
			return StandingOpen, nil
		}
	}
	return standing, nil
}

// isFinal reports whether nothing is left to do at a target.
func isFinal(r Record) bool { return r.Revision != 0 && !r.Open() }

// waitsForNothing reports whether nothing was sent to a target, and nothing will be, since one that it
// comes after has refused the request for what is in it.
func (s *signup) waitsForNothing(t *target) bool {
	refused := func(b *target) bool {
		r := s.records[b.Name]
		return isFinal(r) && !r.State.HasUser()
	}
	r := s.records[t.Name]
	return (r.Revision == 0 || r.State == StateQueued) && slices.ContainsFunc(t.before, refused)
}

// loadMany reads the records of many keys, one by one where the ledger cannot do so at once.
func loadMany(ctx context.Context, l Ledger, keys []string) (records []Record, err error) {
	if many, ok := l.(ManyLoader); ok {
		return many.LoadMany(ctx, keys)
	}
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, strings.Compare)
	for _, key := range slices.Compact(sorted) {
		of, err := l.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		records = append(records, of...)
	}
	return records, nil
}
