package provision_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// A world is the truth, independent of the ledger and the results. It has each vendor's users and
// the creates that are still under way. A place is a target and a key, such as "idp/k1".
type world struct {
	mu    sync.Mutex
	seed  uint64
	dice  map[string]*rand.Rand
	calm  bool // nothing fails any more
	begun time.Time
	log   []string

	users    map[string][]string  // ids of the users at a place
	born     map[string]time.Time // creation time by id
	made     map[string]int       // number of users ever created at a place
	underWay map[string]int       // number of abandoned creates that will still arrive at a place
	closed   map[string]bool      // places at which an Undo has reported no user, now and later
	sealed   map[string]bool      // keys that an Undo has closed while no run was working
	after    []string             // users created at a closed place, and creates with a sealed key
	seen     map[string]int       // events, over all seeds: without them nothing would be checked
}

func newWorld(seed int, seen map[string]int) *world {
	return &world{
		seen: seen, seed: uint64(seed), dice: map[string]*rand.Rand{}, begun: time.Now(),
		users: map[string][]string{}, born: map[string]time.Time{}, made: map[string]int{}, underWay: map[string]int{}, closed: map[string]bool{}, sealed: map[string]bool{},
	}
}

// roll returns a random number below sides. Each purpose has its own generator. Otherwise the order
// of goroutines would change the result of a seed.
func (w *world) roll(purpose string, sides int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.die(purpose).IntN(sides)
}

// fails returns true in this percentage of cases until the world is calm. With most seeds it does
// so less often, so that some calls succeed.
func (w *world) fails(purpose string, percent int) bool {
	return w.happens(purpose, percent*[...]int{30, 10, 3}[w.seed%3]/30)
}

// happens returns true in this percentage of cases until the world is calm.
func (w *world) happens(purpose string, percent int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.calm && w.die(purpose).IntN(100) < percent
}

func (w *world) die(purpose string) *rand.Rand {
	d := w.dice[purpose]
	if d == nil {
		h := fnv.New64a()
		h.Write([]byte(purpose))
		d = rand.New(rand.NewPCG(w.seed, h.Sum64()))
		w.dice[purpose] = d
	}
	return d
}

// span returns a duration below most.
func (w *world) span(purpose string, most time.Duration) time.Duration {
	return time.Duration(w.roll(purpose, int(most.Milliseconds()))) * time.Millisecond
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(format, args...)
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%9.3fs  ", time.Since(w.begun).Seconds())+fmt.Sprintf(format, args...))
}

// create creates a user at a place. If users are unique it creates no second one.
func (w *world) create(place string, unique bool) (id string, created bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if unique && len(w.users[place]) > 0 {
		return "", false
	}
	target, _, _ := strings.Cut(place, "/")
	id = fmt.Sprintf("%s-%d", target, len(w.born)+1)
	w.users[place] = append(w.users[place], id)
	w.born[id] = time.Now()
	w.made[place]++
	if w.closed[place] {
		w.after = append(w.after, id+" at "+place)
	}
	w.note("        %s is created at %s", id, place)
	return id, true
}

// begin records that a create is sent.
func (w *world) begin(place string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, key, _ := strings.Cut(place, "/"); w.sealed[key] {
		w.after = append(w.after, "a create at "+place)
	}
}

// createLater creates a user some time after its caller has left, like a slow server. The delay is
// at most 3 s; Patience is 5 s.
func (w *world) createLater(place string, unique bool) {
	delay := w.span(place, 3*time.Second)
	w.mu.Lock()
	w.underWay[place]++
	w.note("        a create at %s goes on", place)
	w.mu.Unlock()
	time.AfterFunc(delay, func() {
		_, created := w.create(place, unique)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.underWay[place]--
		if created {
			w.seen["a late create was carried out"]++
		} else {
			w.seen["a late create was refused"]++
		}
	})
}

// remove deletes the user with an id.
func (w *world) remove(id string) (found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for place, ids := range w.users {
		if i := slices.Index(ids, id); i >= 0 {
			w.users[place] = slices.Delete(slices.Clone(ids), i, i+1)
			w.note("        %s is deleted", id)
			return true
		}
	}
	return false
}

// at returns the users at a place, and the number of creates still under way.
func (w *world) at(place string) (ids []string, underWay int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.users[place]), w.underWay[place]
}

func (w *world) bornAt(id string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.born[id]
}

// seal records that nothing more may be started with a key.
func (w *world) seal(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sealed[key] = true
}

// close records that a place was reported to have no user, now and later.
func (w *world) close(place string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed[place] = true
}

func (w *world) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

// soothe ends all failures.
func (w *world) soothe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
	w.note("nothing fails any more")
}
