package userapiotel

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/enlist-go/enlist/userapi/provision"
)

const (
	// A mark is a semicolon and a traceparent of W3C's Trace Context.
	markLength  = 1 + 55
	traceparent = "traceparent"
	// maxOwner is the longest Owner that a ledger takes.
	maxOwner = 1 << 10
)

// marked returns copies of records in which those that are open have the mark of a span.
func marked(sc trace.SpanContext, records []provision.Record) []provision.Record {
	if !sc.IsSampled() || !sc.IsValid() {
		return records
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	mark := ";" + carrier[traceparent]
	if len(mark) != markLength {
		return records
	}
	records = slices.Clone(records)
	for i := range records {
		if r := &records[i]; r.Open() && len(r.Owner)+markLength <= maxOwner {
			r.Owner += mark
		}
	}
	return records
}

// unmarked returns records without marks. own, unless it is nil, is linked to the spans of the marks.
func unmarked(own *run, records []provision.Record) []provision.Record {
	cloned := false
	for i := range records {
		owner, sc := cutMark(records[i].Owner)
		if !sc.IsValid() {
			continue
		}
		if !cloned { // a ledger may keep what it returns
			records, cloned = slices.Clone(records), true
		}
		records[i].Owner = owner
		if own != nil {
			own.link(sc)
		}
	}
	return records
}

// cutMark takes the mark off a record's Owner. Without one, the context is not valid.
func cutMark(owner string) (string, trace.SpanContext) {
	at := len(owner) - markLength
	if at < 0 || owner[at] != ';' || strings.ContainsRune(owner[at+1:], ';') {
		return owner, trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{traceparent: owner[at+1:]}
	sc := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	if !sc.IsValid() {
		return owner, sc
	}
	return owner[:at], sc
}
