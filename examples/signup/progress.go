package main

import (
	"fmt"
	"io"
	"sync"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// progress tells of each change in the ledger as it happens.
type progress struct {
	mu sync.Mutex
	to io.Writer
}

func (p *progress) record(r provision.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	writeRecord(p.to, r)
}

// writeRecord writes one line about a record, which holds no personal data.
func writeRecord(w io.Writer, r provision.Record) {
	line := string(r.State)
	if r.UserID != "" {
		line += " " + r.UserID
	}
	if r.Kind != userapi.KindUnknown {
		line += ", " + r.Kind.String()
	}
	if r.Unfinished {
		line += ", unfinished"
	}
	fmt.Fprintf(w, "  %-8s  %-10s  %s\n", r.Target, vendorOf(r.Target), line)
}
