// Package progress shows how far an import is: by bars on a terminal, by a line now and then, or
// as JSON.
package progress

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A Now is how far an import is at one moment.
type Now struct {
	// Rows is how many rows were read, and Total about how many there are; 0 where that is not
	// known.
	Rows  int64 `json:"rows"`
	Total int64 `json:"total,omitempty"`
	// AtWork is how many rows are at work.
	AtWork int `json:"at_work"`
	// Elapsed is how long the import has been at work, in JSON in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Targets are in the order of the config.
	Targets []Target `json:"targets"`
}

// A Target is how far an import is at one target.
type Target struct {
	Name string `json:"target"`
	// States are how many rows have which state, and Rows how many have any.
	States map[string]int64 `json:"states"`
	Rows   int64            `json:"rows"`
	// Rate is how many rows came to a state in a second, of late.
	Rate float64 `json:"rate"`
	// RateLimited is how many requests the vendor answered by a 429.
	RateLimited int64 `json:"rate_limited"`
	// Paused is for how long the target is left alone yet, in JSON in nanoseconds; and ETA how
	// long the rest of the rows will take, 0 where that is not known.
	Paused time.Duration `json:"paused_ns,omitempty"`
	ETA    time.Duration `json:"eta_ns,omitempty"`
}

// window is how many samples a rate is of.
const window = 30

// A Meter works out rates, and how long an import will take.
type Meter struct {
	// Done is how much of the input was read, from 0 to 1; 0 where that is not known.
	Done func() float64

	samples []sample
	total   int64 // of the rows, about
}

type sample struct {
	elapsed time.Duration
	rows    map[string]int64 // by target
}

// Read returns what a run tells, with what follows from it. now is the time.
func (m *Meter) Read(p bulk.Progress, now time.Time) Now {
	n := Now{Rows: p.Rows, AtWork: p.AtWork, Elapsed: p.Elapsed}
	switch done := m.Done(); {
	case done > 0 && done < 1:
		m.total = int64(float64(p.Rows) / done)
	case done >= 1 && p.AtWork == 0:
		m.total = p.Rows
	}
	if m.total > 0 { // of a short file nothing is known: it was read at once
		n.Total = max(p.Rows, m.total)
	}
	s := sample{p.Elapsed, map[string]int64{}}
	first := s
	if len(m.samples) > 0 {
		first = m.samples[0]
	}
	for _, t := range p.Targets {
		target := Target{Name: t.Target, States: maps.Clone(t.States), RateLimited: t.RateLimited}
		for _, rows := range t.States {
			target.Rows += rows
		}
		s.rows[t.Target] = target.Rows
		if span := s.elapsed - first.elapsed; span > 0 {
			target.Rate = float64(target.Rows-first.rows[t.Target]) / span.Seconds()
		}
		if left := n.Total - target.Rows; left > 0 && target.Rate > 0 {
			target.ETA = time.Duration(float64(left) / target.Rate * float64(time.Second))
		}
		if !t.PausedUntil.IsZero() {
			target.Paused = max(0, t.PausedUntil.Sub(now))
		}
		n.Targets = append(n.Targets, target)
	}
	m.samples = append(m.samples, s)
	m.samples = slices.Delete(m.samples, 0, max(0, len(m.samples)-window))
	return n
}

// left is how long the slowest target will take; 0 where that is not known.
func (n Now) left() time.Duration {
	if len(n.Targets) == 0 {
		return 0
	}
	return slices.MaxFunc(n.Targets, func(a, b Target) int { return cmp.Compare(a.ETA, b.ETA) }).ETA
}
