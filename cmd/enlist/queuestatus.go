package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// A queueStatus is the state of a job's queue.
type queueStatus struct {
	// Waiting rows can be taken now, Later rows at a later time. Workers have the AtWork rows. Stopped rows
	// have ended their worker 100 times.
	Waiting int64 `json:"waiting"`
	Later   int64 `json:"later"`
	AtWork  int64 `json:"at_work"`
	Stopped int64 `json:"stopped"`
	// Oldest is when the oldest row was loaded.
	Oldest  time.Time               `json:"oldest,omitzero"`
	Paused  bool                    `json:"paused"`
	Rejects int64                   `json:"rejects"`
	Limits  []bulkriver.LimitStatus `json:"limits,omitempty"`
	Workers []queue.Beat            `json:"workers,omitempty"`
}

func readQueue(ctx context.Context, c *config.Config) (*queueStatus, error) {
	q, err := queue.Open(ctx, queuePlace(c), nil)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	return queueStatusOf(ctx, q, c)
}

func queueStatusOf(ctx context.Context, q *queue.Queue, c *config.Config) (*queueStatus, error) {
	found, err := q.Status(ctx, c.Job)
	if err != nil {
		return nil, err
	}
	s := countQueue(found)
	for _, limit := range found.Limits {
		if slices.ContainsFunc(c.Targets, func(t config.Target) bool { return t.Name == limit.Name }) {
			s.Limits = append(s.Limits, limit)
		}
	}
	s.Workers, err = q.Workers(ctx)
	return s, err
}

// countQueue counts the rows by what happens to them next.
func countQueue(found bulkriver.Status) *queueStatus {
	s := &queueStatus{Oldest: found.Oldest, Paused: found.Paused, Rejects: found.Rejects}
	for state, rows := range found.States {
		switch rivertype.JobState(state) {
		case rivertype.JobStateAvailable:
			s.Waiting += rows
		case rivertype.JobStateScheduled, rivertype.JobStatePending, rivertype.JobStateRetryable:
			s.Later += rows
		case rivertype.JobStateRunning:
			s.AtWork += rows
		case rivertype.JobStateDiscarded, rivertype.JobStateCancelled:
			s.Stopped += rows
		case rivertype.JobStateCompleted:
		}
	}
	return s
}

// toDo returns the number of rows that workers still have to do. s may be nil.
func (s *queueStatus) toDo() int64 {
	if s == nil {
		return 0
	}
	return s.Waiting + s.Later + s.AtWork
}

// left returns the number of rows in the queue. s may be nil.
func (s *queueStatus) left() int64 {
	if s == nil {
		return 0
	}
	return s.toDo() + s.Stopped
}

func (s *queueStatus) refused() int64 {
	if s == nil {
		return 0
	}
	return s.Rejects
}

// writeTo writes the status for people.
func (s *queueStatus) writeTo(b *strings.Builder) {
	if s == nil {
		return
	}
	head := fmt.Sprintf("queue: %d waiting, %d for later, %d at work, %d rejects", s.Waiting, s.Later, s.AtWork, s.Rejects)
	if s.Paused {
		head += "; paused, until enlist resume"
	}
	b.WriteString(wrapped(head, "    "))
	if s.Stopped > 0 {
		b.WriteString(wrapped(fmt.Sprintf("%s stopped, because each has ended its worker 100 times: correct the cause, and load them again", were(s.Stopped)), "    "))
	}
	if !s.Oldest.IsZero() {
		fmt.Fprintf(b, "oldest row: loaded %s\n", s.Oldest.Format(time.RFC3339))
	}
	for i, limit := range s.Limits {
		if i == 0 {
			b.WriteString("\n    rate   limit  workers  target\n")
		}
		fmt.Fprintf(b, "%8.4g%8.4g%9d  %s\n", limit.Rate, limit.Shares, limit.Members, limit.Name)
	}
	for i, w := range s.Workers {
		if i == 0 {
			b.WriteString("\n    rows  rows/s  worker\n")
		}
		fmt.Fprintf(b, "%8d%8.4g  %s", w.Rows, w.RowsPerSecond, printable(w.Worker))
		if w.Draining {
			b.WriteString(", draining")
		}
		b.WriteString("\n")
	}
	for _, w := range s.Workers {
		for _, t := range w.Targets {
			if !t.PausedUntil.IsZero() {
				b.WriteString(wrapped(fmt.Sprintf("%s has paused %s until %s, because the vendor fails", printable(w.Worker), t.Target, t.PausedUntil.Format(time.RFC3339)), "    "))
			}
		}
	}
	if len(s.Workers) == 0 && s.left() > 0 {
		b.WriteString("no worker runs: enlist work starts one\n")
	}
	b.WriteString("\n")
}
