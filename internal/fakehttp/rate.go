package fakehttp

import (
	"errors"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// startLimit makes the bucket of ServerOptions.Rate, full, or none.
func (s *Server) startLimit() error {
	perSecond := s.cfg.Rate
	switch {
	case perSecond == 0:
		return nil
	case !(perSecond > 0) || math.IsInf(perSecond, 0):
		return errors.New("the Rate must be a number of requests a second, such as 100, or 0 for no limit")
	}
	s.limiter = rate.NewLimiter(rate.Limit(perSecond), int(min(math.Ceil(perSecond), math.MaxInt32)))
	return nil
}

// limited returns what carries a request out: h, or the refusal of one that is over the rate.
func (s *Server) limited(h Handler) (do Handler, over bool) {
	wait := s.wait()
	if wait == 0 {
		return h, false
	}
	return func(r *Request) Reply { return s.cfg.TooMany(r, wait) }, true
}

// wait takes a request into account. It returns 0 if that is within the rate, else how long it is until one is.
func (s *Server) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limiter == nil {
		return 0
	}
	now := s.Now() // under the lock: a time before the last one would fill the bucket twice
	token := s.limiter.ReserveN(now, 1)
	wait := token.DelayFrom(now)
	if wait > 0 {
		token.CancelAt(now)
		s.stats.RateLimited++
	}
	return wait
}

// CountCreate counts a user whom a request asked to create; duplicate says that it named one who was there already.
func (s *Server) CountCreate(duplicate bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Creates++
	if duplicate {
		s.stats.Duplicates++
	}
}

// Stats returns what was counted, with the number of users that a fake has.
func (s *Server) Stats(users int) userapitest.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Users = users
	return stats
}
