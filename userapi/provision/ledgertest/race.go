package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	competitors = 64
	// patience is for how long a race may go on before it counts as a deadlock.
	patience = 2 * time.Minute
)

var raceChecks = []check{
	{"race/one_winner_for_each_revision", func(t *testing.T, b *bench) {
		r := queued("key", "target")
		for revision := range int64(4) {
			errs := atOnce(t, competitors, func(ctx context.Context, n int) error {
				return b.Store(ctx, owned(at(r, revision), strconv.Itoa(n)))
			})
			won := winner(t, errs)
			b.holds(t, "key", owned(at(r, revision+1), strconv.Itoa(won)))
		}
	}},
	{"race/one_winner_for_several_records", func(t *testing.T, b *bench) {
		// Each names the records in an order of its own.
		for revision := range int64(4) {
			errs := atOnce(t, competitors, func(ctx context.Context, n int) error {
				records := trio(revision, strconv.Itoa(n))
				for range n % 3 {
					records = append(records[1:], records[0])
				}
				if n%2 == 1 {
					slices.Reverse(records)
				}
				return b.Store(ctx, records...)
			})
			won := winner(t, errs)
			want := trio(revision+1, strconv.Itoa(won))
			b.holds(t, "a", want[0], want[1])
			b.holds(t, "b", want[2])
		}
	}},
	{"race/opposite_orders", func(t *testing.T, b *bench) {
		// Two records, changed together by many that each go on until they have won some
		// times. All begin with what they loaded before the first Store.
		const writers, wins = 8, 4
		var loaded sync.WaitGroup
		loaded.Add(writers)
		errs := atOnce(t, writers, func(ctx context.Context, n int) error {
			for won, lost := 0, 0; won < wins; {
				records, err := b.Load(ctx, "key")
				if won+lost == 0 {
					loaded.Done()
					loaded.Wait()
				}
				if err != nil {
					return err
				}
				if len(records) == 0 {
					records = []provision.Record{queued("key", "a"), queued("key", "b")}
				}
				if len(records) != 2 || records[0].Revision != records[1].Revision {
					return errors.New("half of a Store was seen")
				}
				if n%2 == 1 {
					slices.Reverse(records)
				}
				switch err := b.Store(ctx, records...); {
				case err == nil:
					won++
				case !errors.Is(err, provision.ErrStale):
					return fmt.Errorf("a Store returned %w, want no error or ErrStale", err)
				default:
					if lost++; lost > writers*wins {
						return errors.New("a Store said more often that a record is stale than it was changed")
					}
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		b.holds(t, "key", at(queued("key", "a"), writers*wins), at(queued("key", "b"), writers*wins))
	}},
	{"race/other_records_do_not_collide", func(t *testing.T, b *bench) {
		errs := atOnce(t, competitors, func(ctx context.Context, n int) error {
			for revision := range int64(2) {
				if err := b.Store(ctx, at(queued("key", strconv.Itoa(1000+n)), revision)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("Store of a record that nobody else stores failed: %v", err)
		}
		if got := len(b.load(t, "key")); got != competitors {
			t.Errorf("%d records, want %d", got, competitors)
		}
	}},
}

// trio returns three records of two keys.
func trio(revision int64, owner string) []provision.Record {
	return []provision.Record{
		owned(at(queued("a", "1"), revision), owner), owned(at(queued("a", "2"), revision), owner), owned(at(queued("b", "1"), revision), owner),
	}
}

// atOnce calls f in n goroutines that begin together, and returns what each returned. It
// ends the test where they do not end.
func atOnce(t *testing.T, n int, f func(ctx context.Context, n int) error) []error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	errs := make([]error, n)
	begin, done := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			errs[i] = f(ctx, i)
		})
	}
	go func() {
		all.Wait()
		close(done)
	}()
	close(begin)
	select {
	case <-done:
	case <-ctx.Done():
		// One that honours its context gets to say so.
		select {
		case <-done:
		case <-time.After(patience / 10):
			t.Fatal("the Stores wait for each other")
		}
	}
	return errs
}

// winner checks that one Store succeeded and all others were stale, and returns which.
func winner(t *testing.T, errs []error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Fatalf("two Stores of one revision succeeded, those of %d and %d", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, provision.ErrStale):
			t.Fatalf("Store returned %v, want no error or ErrStale", err)
		}
	}
	if won < 0 {
		t.Fatal("every Store says that another one was first")
	}
	return won
}
