package provision_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

var (
	modelSeeds = flag.Int("model.seeds", 0, "how many seeds each mode of TestModel plays, instead of a few")
	modelFirst = flag.Int("model.first", 0, "the first seed of TestModel")
)

// TestModel runs services at random. Vendors, the ledger and the process fail in every way and at
// every point. It compares the results with the truth, and so covers unexpected orders of events.
//
// A failure names its seed. To run only that one, use the flags of this command:
// go test -run 'TestModel/<mode>' -model.first=<seed> -model.seeds=1.
func TestModel(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct {
		name  string
		seeds int
		file  bool
		group bool
		play  func(m *model)
	}{
		{name: "serial", seeds: 300, play: (*model).serial},
		{name: "file", seeds: 40, file: true, play: (*model).serial},
		{name: "concurrent", seeds: 300, play: (*model).concurrent},
		{name: "group", seeds: 100, group: true, play: (*model).concurrent},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]int{}
			seeds := mode.seeds
			if *modelSeeds > 0 {
				seeds = *modelSeeds
			}
			path := ""
			if mode.file {
				path = filepath.Join(t.TempDir(), "ledger")
			}
			for seed := *modelFirst; seed < *modelFirst+seeds && !t.Failed(); seed++ {
				synctest.Test(t, func(t *testing.T) {
					m := newModel(t, seed, seen, path)
					if mode.group {
						m.shared = provision.Group(m.ledger)
					}
					mode.play(m)
					m.end()
				})
			}
			if *modelSeeds == 0 {
				for _, what := range []string{
					"killed", "created", "recovered", "rejected", "not_sent", "unknown", "undone", "a late create was refused", "a late create was carried out",
				} {
					assert.Positive(t, seen[what], "nothing was checked of what is %s", what)
				}
			}
		})
	}
}

// A model is one service that provisions two sign-ups.
type model struct {
	*testing.T
	*world

	ledger  *shakyLedger
	shared  provision.Ledger // used by all processes: the ledger, or a Group of it
	targets []provision.Target
	path    string // of the ledger's file; "" for a ledger in memory
	open    *fileledger.Ledger
	// crowded is set while several runs work. A result can then be outdated.
	crowded bool
}

var modelKeys = []string{"k1", "k2"}

func newModel(t *testing.T, seed int, seen map[string]int, path string) *model {
	t.Helper()
	w := newWorld(seed, seen)
	withID := func(req userapi.CreateUserRequest, users map[string]*userapi.User) userapi.CreateUserRequest {
		req.ExternalID = users["idp"].ID
		return req
	}
	m := &model{T: t, world: w, path: path, ledger: &shakyLedger{new(provision.Memory), w}, targets: []provision.Target{
		{Name: "idp", Creator: shakyFull{shakyAsked{shaky{w, "idp", true}}}},
		{Name: "chat", Creator: shakyAsked{shaky{w, "chat", false}}, After: []string{"idp"}, Map: withID},
		{Name: "wallet", Creator: shaky{w, "wallet", false}},
		{Name: "crm", Creator: shakyFull{shakyAsked{shaky{w, "crm", true}}}, After: []string{"chat"}},
	}}
	m.shared = m.ledger
	if path != "" {
		m.reopen()
	}
	return m
}

// reopen opens the ledger's file, as a new process does.
func (m *model) reopen() {
	if m.open != nil {
		assert.NoError(m, m.open.Close())
	}
	var err error
	m.open, err = fileledger.Open(m.path)
	require.NoError(m, err)
	m.ledger.Ledger = m.open
}

// sleep takes no real time, because the test runs in a bubble.
func (w *world) sleep(d time.Duration) { time.Sleep(d) }

// serial runs one actor after another.
func (m *model) serial() {
	for range 10 {
		m.act("actor")
		m.sleep(m.span("pause", 200*time.Second) * time.Duration(m.roll("pause", 2)))
		m.checkDoubles()
	}
}

// concurrent runs three actors concurrently.
func (m *model) concurrent() {
	m.crowded = true
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			actor := fmt.Sprint("actor ", i)
			for range 4 {
				m.sleep(m.span(actor, 5*time.Second))
				m.act(actor)
			}
		})
	}
	wg.Wait()
	m.crowded = false
}

func modelRequest(key string) userapi.CreateUserRequest {
	return userapi.CreateUserRequest{IdempotencyKey: key, Email: key + "@example.com"}
}

func loadModelRequest(_ context.Context, key string) (userapi.CreateUserRequest, error) {
	return modelRequest(key), nil
}

// provisioner returns the Provisioner of a new process. Sometimes the process does not know the
// last target yet.
func (m *model) provisioner(actor string) *provision.Provisioner {
	targets := m.targets
	if m.happens(actor, 20) {
		targets = targets[:len(targets)-1]
	}
	p, err := provision.New(m.shared, targets, testKey,
		provision.Pause(m.roll(actor, 3), m.span(actor, time.Minute)), provision.MaxCreates(1+m.roll(actor, 3)))
	assert.NoError(m, err)
	return p
}

// act calls one of the Provisioner's methods, for one of the keys.
func (m *model) act(actor string) {
	defer func() {
		if v := recover(); v != nil {
			if err, _ := v.(error); !errors.As(err, new(killed)) {
				panic(v)
			}
			m.saw("killed")
			if m.path != "" {
				m.reopen()
			}
		}
	}()
	ctx := context.Background()
	if m.fails(actor, 30) {
		limited, cancel := context.WithTimeout(ctx, m.span(actor, 20*time.Second))
		defer cancel()
		ctx = limited
	}
	p, key := m.provisioner(actor), modelKeys[m.roll(actor, len(modelKeys))]
	switch die := m.roll(actor, 24); {
	case die < 12:
		call, do := "CreateUser", p.CreateUser
		if die >= 8 {
			call, do = "Retry", p.Retry
		}
		m.say("%s: %s %s", actor, call, key)
		results, err := do(ctx, modelRequest(key))
		m.check(call, key, results, err)
		if m.happens(actor, 20) {
			m.say("%s: Undo %s at once", actor, key)
			m.undo(ctx, p, key)
		}
	case die < 18:
		m.say("%s: Resume", actor)
		resumed, _ := p.Resume(ctx, loadModelRequest)
		for _, r := range resumed {
			m.check("Resume", r.Key, r.Results, r.Err)
		}
	case die < 20:
		m.say("%s: Queue %s: %v", actor, key, p.Queue(ctx, nil, modelRequest(key)))
	case die < 22:
		m.decide(ctx, p, key)
	default:
		m.say("%s: Undo %s", actor, key)
		m.undo(ctx, p, key)
	}
}

// undo undoes a sign-up. After that nothing more may be created for it.
func (m *model) undo(ctx context.Context, p *provision.Provisioner, key string) []provision.Result {
	results, err := p.Undo(ctx, key)
	m.check("Undo", key, results, err)
	if results != nil && !m.crowded {
		m.seal(key)
	}
	for _, r := range results {
		if r.Disposition == provision.DispositionUndone {
			m.close(r.Target + "/" + key)
		}
	}
	return results
}

// decide is a person who checks the vendor without look-ups, after all creates have arrived.
func (m *model) decide(ctx context.Context, p *provision.Provisioner, key string) {
	ids, underWay := m.at("wallet/" + key)
	records, err := m.ledger.Ledger.Load(ctx, key)
	assert.NoError(m, err)
	for _, r := range records {
		if r.Target != "wallet" || r.State != provision.StateUnknown || underWay > 0 {
			continue
		}
		d := provision.UserAbsent()
		if len(ids) > 0 {
			d = provision.UserExists(ids[0])
		}
		res, err := p.Decide(ctx, key, "wallet", d)
		m.say("Decide %s: %v: %v", key, res, err)
	}
}

// end lets all creates arrive. It then checks that each sign-up ends when nothing fails.
func (m *model) end() {
	m.sleep(10 * time.Minute)
	m.soothe()
	m.checkDoubles()
	p := m.provisioner("end")
	for _, key := range modelKeys {
		if m.isClosed(key) {
			m.seal(key)
		}
		var results []provision.Result
		for range 3 { // one to resolve, one to create again, one to show that nothing is left
			var err error
			results, err = p.CreateUser(m.Context(), modelRequest(key))
			m.check("the last CreateUser", key, results, err)
			m.decide(m.Context(), p, key)
		}
		if m.isClosed(key) {
			m.checkUndone(key, m.undo(m.Context(), p, key))
		} else {
			m.checkCreated(key, results)
		}
	}
	m.sleep(time.Hour)
	m.checkDoubles()
	if m.open != nil {
		assert.NoError(m, m.open.Close())
		assert.NoError(m, os.Remove(m.path))
	}
	if m.Failed() {
		m.show()
	}
}
