package userapiotel

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	// openKeys is how many keys a collection reads at most, and openPage how many at once.
	openKeys = 10_000
	openPage = 500
	// openTime is how long it may take.
	openTime = 10 * time.Second
)

// ObserveOpen counts, at each collection of metrics, the records that a ledger has open, by target and
// state, and measures the age of the oldest of each: unknown outcomes are among them. It reads the
// first 10,000 keys, for 10 s at most. Use it in one process only, or the same records are read and counted
// several times. Unregister ends it. The error is the MeterProvider's.
func ObserveOpen(l provision.Ledger, opts ...Option) (metric.Registration, error) {
	t := newTelemetry(opts)
	count, err := t.meter.Int64ObservableGauge("enlist.ledger.open", metric.WithUnit("{record}"),
		metric.WithDescription("Records that are open in the ledger, at most those of the first 10,000 keys."))
	if err != nil {
		return nil, err
	}
	age, err := t.meter.Float64ObservableGauge("enlist.ledger.open.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the oldest record that is open in the ledger."))
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	known := map[place]bool{} // those that were told before are told when nothing is left there
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		open, err := countOpen(ctx, l)
		if err != nil {
			return errOpen // the ledger's own text may hold values
		}
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		for at := range open {
			known[at] = true
		}
		for at := range known {
			attrs := metric.WithAttributes(at.attributes()...)
			n := open[at]
			o.ObserveInt64(count, n.records, attrs)
			oldest := 0.0
			if n.records > 0 {
				oldest = max(now.Sub(n.oldest).Seconds(), 0)
			}
			o.ObserveFloat64(age, oldest, attrs)
		}
		return nil
	}, count, age)
}

var errOpen = errors.New("userapiotel: the open records of the ledger could not be read")

// A place is where records are alike.
type place struct {
	target string
	state  provision.State
}

func (p place) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{keyTarget.String(p.target), keyState.String(string(p.state))}
}

// An openCount is how many records are alike, and how old the oldest is.
type openCount struct {
	records int64
	oldest  time.Time
}

func countOpen(ctx context.Context, l provision.Ledger) (map[place]openCount, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	open, after := map[place]openCount{}, ""
	for read := 0; read < openKeys; {
		keys, err := l.ListOpen(ctx, after, openPage)
		if err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			break
		}
		records, err := loadAll(ctx, l, keys)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Open() {
				at := place{r.Target, r.State}
				n := open[at]
				n.records++
				// Nothing was sent of what is queued: it has no start.
				since := r.Started
				if since.IsZero() {
					since = r.Changed
				}
				if n.oldest.IsZero() || since.Before(n.oldest) {
					n.oldest = since
				}
				open[at] = n
			}
		}
		read += len(keys)
		after = keys[len(keys)-1]
	}
	return open, nil
}

func loadAll(ctx context.Context, l provision.Ledger, keys []string) (all []provision.Record, err error) {
	if many, ok := l.(provision.ManyLoader); ok {
		return many.LoadMany(ctx, keys)
	}
	for _, key := range keys {
		records, err := l.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}
