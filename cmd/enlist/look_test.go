package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

// slowStatus counts for 4 s.
type slowStatus struct {
	calls int
	err   error
}

func (s *slowStatus) Status(context.Context, string) (bulkriver.Status, error) {
	s.calls++
	time.Sleep(4 * time.Second)
	return bulkriver.Status{Rejects: int64(s.calls)}, s.err
}

// TestScrapesShareACount: a count serves the scrapes of twenty times as long as it took. One that failed is made
// again after a second.
func TestScrapesShareACount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // one goroutine: a mutex does not let its time pass
		q, l := &slowStatus{}, &look{}
		for _, step := range []struct {
			after time.Duration
			err   error
			calls int
		}{
			{0, nil, 1},
			{79 * time.Second, nil, 1},
			{2 * time.Second, nil, 2},
			{81 * time.Second, errors.New("the database does not answer"), 3},
			{lookEvery / 2, nil, 3},
			{lookEvery, nil, 4},
		} {
			time.Sleep(step.after)
			q.err = step.err
			s, err := l.status(t.Context(), q, "spring")
			assert.Equal(t, step.calls, q.calls)
			assert.EqualValues(t, step.calls, s.Rejects)
			assert.Equal(t, step.calls == 3, err != nil)
		}
	})
}
