package progress_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"

	"github.com/enlist-go/enlist/cmd/enlist/internal/progress"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// at is what a run tells after so many seconds in which two targets had 100 and 50 rows in each.
func at(seconds int64) bulk.Progress {
	return bulk.Progress{
		Rows: 100 * seconds, AtWork: 64, Elapsed: time.Duration(seconds) * time.Second,
		Targets: []bulk.TargetProgress{
			{Target: "identity", States: map[string]int64{"created": 99 * seconds, "rejected": seconds}},
			{Target: "crm", States: map[string]int64{"created": 50 * seconds}, RateLimited: 3, PausedUntil: start.Add(20 * time.Second)},
		},
	}
}

// TestMeter: rates are of late, the total follows from how much was read.
func TestMeter(t *testing.T) {
	t.Parallel()
	m := &progress.Meter{Done: func() float64 { return 0.25 }}
	n := m.Read(at(1), start)
	assert.Zero(t, n.Targets[0].Rate)
	assert.Zero(t, n.Targets[0].ETA)
	assert.Equal(t, int64(400), n.Total)
	n = m.Read(at(11), start)
	assert.InDelta(t, 100, n.Targets[0].Rate, 0.01)
	assert.InDelta(t, 50, n.Targets[1].Rate, 0.01)
	assert.Equal(t, 33*time.Second, n.Targets[0].ETA)
	assert.Equal(t, 77*time.Second, n.Targets[1].ETA)
	assert.Equal(t, 20*time.Second, n.Targets[1].Paused)
	assert.Zero(t, n.Targets[0].Paused)

	later := at(11)
	for i := range 40 {
		later.Elapsed += time.Second
		n = m.Read(later, start.Add(time.Duration(i)*time.Second))
	}
	assert.Zero(t, n.Targets[0].Rate, "of late nothing came")
	assert.Zero(t, n.Targets[0].ETA)
	assert.Zero(t, n.Targets[1].Paused, "it is over")

	whole := &progress.Meter{Done: func() float64 { return 1 }}
	n = whole.Read(at(1), start)
	assert.Zero(t, n.Total, "the file is read, and its rows are not")
	ended := at(2)
	ended.AtWork = 0
	n = whole.Read(ended, start)
	assert.Equal(t, int64(200), n.Total)

	unknown := &progress.Meter{Done: func() float64 { return 0 }}
	unknown.Read(at(1), start)
	n = unknown.Read(at(2), start)
	assert.Zero(t, n.Total)
	assert.Zero(t, n.Targets[0].ETA)
}

// readings are of every second.
func readings(seconds int64, done float64) (all []progress.Now) {
	m := &progress.Meter{Done: func() float64 { return done }}
	for i := range seconds {
		all = append(all, m.Read(at(i+1), start))
	}
	return all
}

// TestLines: one every 10 s, none of which is wider than a terminal.
func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := progress.Lines(&b)
	for _, n := range readings(25, 0.1) {
		d.Show(n)
	}
	d.End()
	assert.Equal(t, `10s: 1000 rows read of about 10000; identity 1000, 100/s;
  crm 500, 50/s, 3x 429, paused 20s; about 3m10s left
20s: 2000 rows read of about 20000; identity 2000, 100/s;
  crm 1000, 50/s, 3x 429, paused 20s; about 6m20s left
`, b.String())

	b.Reset()
	d = progress.Lines(&b)
	for _, n := range readings(10, 0) {
		d.Show(n)
	}
	assert.Equal(t, "10s: 1000 rows read; identity 1000, 100/s; crm 500, 50/s, 3x 429, paused 20s\n", b.String())
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := progress.JSON(&b)
	for _, n := range readings(3, 0.5) {
		d.Show(n)
	}
	d.End()
	texts := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, texts, 3)
	var n progress.Now
	require.NoError(t, json.Unmarshal([]byte(texts[2]), &n))
	assert.Equal(t, readings(3, 0.5)[2], n)
	assert.Contains(t, texts[2], `"targets":[{"target":"identity","states":{"created":297,"rejected":3},"rows":300,"rate":100,"rate_limited":0,"eta_ns":`)
}

// control are the sequences that move a cursor or set colours.
var control = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]|\r")

// TestBars: each target has one, without colours and within the width.
func TestBars(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	draw := make(chan any)
	d := progress.Bars(&b, []string{"identity", "a-name-that-is-too-long"}, mpb.ForceTTY(), mpb.WithManualRefresh(draw))
	for _, n := range readings(9, 0.0001) {
		d.Show(n)
		draw <- time.Time{}
	}
	d.End()
	assert.NotRegexp(t, "\x1b\\[[0-9;]*m", b.String(), "colours")
	text := control.ReplaceAllString(b.String(), "")
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 79, line)
	}
	assert.Contains(t, text, "identity    ")
	assert.Contains(t, text, "a-name-that~ [")
	assert.Contains(t, text, "900 of 9000000, 100/s")
	assert.Contains(t, text, "450 of 9000000, 50/s, 3x 429, paused 20s")
}

func TestNone(t *testing.T) {
	t.Parallel()
	d := progress.None()
	for _, n := range readings(20, 0.5) {
		d.Show(n)
	}
	d.End()
	assert.NotEmpty(t, fmt.Sprint(d))
}
