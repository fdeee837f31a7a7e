// Package progress shows the progress of an import: as bars on a terminal, as lines or as JSON.
package progress

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A Now is the progress of an import at one moment.
type Now struct {
	// Rows is the number of rows read, and Total an estimate of all rows; 0 if it is unknown.
	Rows  int64 `json:"rows"`
	Total int64 `json:"total,omitempty"`
	// AtWork is the number of rows in progress.
	AtWork int `json:"at_work"`
	// Elapsed is the time since the start, in JSON in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Targets are in the order of the config.
	Targets []Target `json:"targets"`
}

// A Target is the progress at one target.
type Target struct {
	Name string `json:"target"`
	// States has the number of rows in each state, and Rows their sum.
	States map[string]int64 `json:"states"`
	Rows   int64            `json:"rows"`
	// Rate is the present number of finished rows a second.
	Rate float64 `json:"rate"`
	// RateLimited is the number of requests that the vendor refused with status 429.
	RateLimited int64 `json:"rate_limited"`
	// Paused is how long the target is still paused. ETA is how long the other rows will take, or 0 if that is
	// unknown. Both are in nanoseconds in JSON.
	Paused time.Duration `json:"paused_ns,omitempty"`
	ETA    time.Duration `json:"eta_ns,omitempty"`
}

// window is the number of samples for a rate.
const window = 30

// A Meter computes rates, and how long an import will take.
type Meter struct {
	// Done returns the share of the input that was read, from 0 to 1; 0 if it is unknown.
	Done func() float64

	samples []sample
	total   int64 // an estimate of all rows
}

type sample struct {
	elapsed time.Duration
	rows    map[string]int64 // by target
}

// Read returns the progress of a run, with rates and times. now is the time.
func (m *Meter) Read(p bulk.Progress, now time.Time) Now {
	n := Now{Rows: p.Rows, AtWork: p.AtWork, Elapsed: p.Elapsed}
	switch done := m.Done(); {
	case done > 0 && done < 1:
		m.total = int64(float64(p.Rows) / done)
	case done >= 1 && p.AtWork == 0:
		m.total = p.Rows
	}
	if m.total > 0 { // a short file is read at once: its total stays unknown
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

// left returns how long the slowest target will take; 0 if it is unknown.
func (n Now) left() time.Duration {
	if len(n.Targets) == 0 {
		return 0
	}
	return slices.MaxFunc(n.Targets, func(a, b Target) int { return cmp.Compare(a.ETA, b.ETA) }).ETA
}
