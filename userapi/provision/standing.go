package provision

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/enlist-go/enlist/userapi"
)

// A Standing is how far the key of a request has come, by the ledger.
type Standing int

// The standings. Their numbers never change.
const (
	// StandingNew: the ledger does not have the key.
	StandingNew Standing = iota
	// StandingOpen: something is left to do, which Provisioner.Continue does.
	StandingOpen
	// StandingDone: nothing is left. Each target has a finished user, or the sign-up was undone.
	StandingDone
	// StandingChanged: the key is of another request, which Continue puts this one in the place of,
	// at some targets or all.
	StandingChanged
	// StandingDifferent: the key is of another request, and Continue refuses this one.
	StandingDifferent
	// StandingRefused: a target has refused this request for what is in it, and nothing is left but that
	// Provisioner.Retry may try it again: the reason may have been mended at the vendor, or be a
	// password.
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

// Standings says of each request how far its key has come. It reads the ledger, where
// that is a ManyLoader at once for all, and stores and sends nothing. What it says may
// be over by the time that it returns, as long as another run is working. The error is
// a ledger's that failed, or a *userapi.Error of a request that no ledger takes.
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
				if all[i], err = p.standing(req, key, of); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	return all, nil
}

// standing returns that of a key which the ledger has.
func (p *Provisioner) standing(req userapi.CreateUserRequest, key string, records []Record) (Standing, error) {
	s := &signup{p: p, req: req, records: map[string]Record{}}
	if failure := s.take(key); failure != nil {
		return 0, failure
	}
	if s.see(records) {
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
