package userapiotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// Job returns job with metrics of how far a bulk.Run is: rows, and what is sent in each lane, as
// Job.OnProgress tells about once a second. The job's own OnProgress stays in use. Give what it returns to
// one Run or Undo; call it again for the next. The rows' spans are those of [Runs], with [WithNewTraces].
func Job(job bulk.Job, opts ...Option) bulk.Job {
	t := newTelemetry(opts)
	told, last := job.OnProgress, bulk.Progress{}
	job.OnProgress = func(p bulk.Progress) {
		t.progress(last, p)
		last = p
		if told != nil {
			told(p)
		}
	}
	return job
}

// progress adds to the metrics what was done since the last time.
func (t *telemetry) progress(last, now bulk.Progress) {
	ctx := context.Background()
	before := map[string]bulk.TargetProgress{}
	for _, p := range last.Targets {
		before[p.Target] = p
	}
	t.rowsRead.Add(ctx, now.Rows-last.Rows)
	t.rowsAtWork.Record(ctx, int64(now.AtWork))
	for _, p := range now.Targets {
		was, target := before[p.Target], keyTarget.String(p.Target)
		of := metric.WithAttributes(target)
		for state, rows := range p.States {
			t.rows.Add(ctx, rows-was.States[state], metric.WithAttributes(target, keyState.String(state)))
		}
		t.laneRequests.Add(ctx, p.Requests-was.Requests, of)
		t.laneRateLimited.Add(ctx, p.RateLimited-was.RateLimited, of)
		if p.PerSecond > 0 {
			t.laneRate.Record(ctx, p.PerSecond, of)
		}
		paused := int64(0)
		if p.PausedUntil.After(time.Now()) {
			paused = 1
		}
		t.lanePaused.Record(ctx, paused, of)
	}
}
