package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A Display shows how far an import is. It is for one goroutine at a time.
type Display interface {
	// Show is called about once a second.
	Show(n Now)
	// End shows the last state, and leaves the terminal as it was.
	End()
}

// None shows nothing.
func None() Display { return none{} }

type none struct{}

func (none) Show(Now) {}
func (none) End()     {}

// JSON writes an object a line.
func JSON(w io.Writer) Display { return jsonLines{json.NewEncoder(w)} }

type jsonLines struct{ *json.Encoder }

func (j jsonLines) Show(n Now) { _ = j.Encode(n) } // progress may be lost
func (jsonLines) End()         {}

// every is the time between lines.
const every = 10 * time.Second

// Lines writes a line every 10 s of the import's time. It wraps the line at 80 columns.
func Lines(w io.Writer) Display { return &lines{w: w} }

type lines struct {
	w    io.Writer
	next time.Duration
}

func (l *lines) Show(n Now) {
	if l.next == 0 {
		l.next = every
	}
	if n.Elapsed < l.next {
		return
	}
	l.next = n.Elapsed.Truncate(every) + every
	_, _ = io.WriteString(l.w, n.String()) // progress may be lost
}

func (*lines) End() {}

// String returns what Lines writes.
func (n Now) String() string {
	parts := []string{fmt.Sprintf("%s: %d rows read", short(n.Elapsed), n.Rows)}
	if n.Total > 0 {
		parts[0] += fmt.Sprintf(" of about %d", n.Total)
	}
	for _, t := range n.Targets {
		parts = append(parts, fmt.Sprintf("%s %d, %s", t.Name, t.Rows, t.text()))
	}
	if left := n.left(); left > 0 {
		parts = append(parts, "about "+short(left)+" left")
	}
	var b strings.Builder
	at := 0
	for i, part := range parts {
		if i < len(parts)-1 {
			part += ";"
		}
		switch {
		case i == 0:
		case at+1+len(part) > width:
			b.WriteString("\n ")
			at = 1
			fallthrough
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(part)
		at += len(part)
	}
	return b.String() + "\n"
}

// width is the largest width of a line for people.
const width = 80

// text returns the rate, and what slows the target down.
func (t Target) text() string {
	text := fmt.Sprintf("%.0f/s", t.Rate)
	if t.RateLimited > 0 {
		text += fmt.Sprintf(", %dx 429", t.RateLimited)
	}
	if t.Paused > 0 {
		text += ", paused " + short(t.Paused)
	}
	return text
}

// short returns a time in whole seconds.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if d > time.Minute {
		text = strings.TrimSuffix(text, "m0s") + strings.Repeat("m", strings.Count(text, "m0s"))
	}
	return text
}

// Draws reports whether bars can be drawn: on a terminal that has rows and columns.
func Draws(f *os.File) bool {
	w := cupwriter.New(f, false)
	if !w.IsTerminal() {
		return false
	}
	columns, rows, err := w.GetTermSize()
	return err == nil && columns > 0 && rows > 0
}

// Bars draws a bar for each target, without colours. w must be a terminal.
func Bars(w io.Writer, targets []string, options ...mpb.ContainerOption) Display {
	b := &bars{
		container: mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(w)}, options...)...),
		texts:     make([]string, len(targets)),
	}
	style := mpb.BarStyle().Lbound("[").Filler("#").Tip("").Padding(".").Rbound("]")
	for i, name := range targets {
		b.bars = append(b.bars, b.container.New(0, style, mpb.BarWidth(barWidth),
			mpb.PrependDecorators(decor.Name(cut(name, nameWidth), decor.WC{W: nameWidth, C: decor.DindentRight})),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.text(i) })),
		))
	}
	return b
}

const (
	nameWidth = 12
	barWidth  = 14
	textWidth = width - 1 - nameWidth - barWidth - 2 // the terminal's last column stays free
)

type bars struct {
	container *mpb.Progress
	bars      []*mpb.Bar

	mu    sync.Mutex
	texts []string
}

func (b *bars) text(i int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.texts[i]
}

func (b *bars) Show(n Now) {
	for i, t := range n.Targets[:min(len(n.Targets), len(b.bars))] {
		text := fmt.Sprintf("%d", t.Rows)
		if n.Total > 0 {
			text += fmt.Sprintf(" of %d", n.Total)
		}
		text += ", " + t.text()
		if t.ETA > 0 {
			text += ", " + short(t.ETA) + " left"
		}
		b.mu.Lock()
		b.texts[i] = cut(text, textWidth)
		b.mu.Unlock()
		b.bars[i].SetTotal(n.Total, false)
		b.bars[i].SetCurrent(t.Rows)
	}
}

// End leaves the bars as they are.
func (b *bars) End() {
	for _, bar := range b.bars {
		bar.Abort(false)
	}
	b.container.Wait()
}

// cut shortens a text to n columns.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "~"
}
