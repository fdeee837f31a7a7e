package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A row is what the table says of one target.
type row struct {
	target, vendor string
	result         provision.Result
	id             string
	// note says why, next what to do.
	note, next string
}

// rowsOf joins results with what the ledger has, which knows the ids of users that
// were deleted.
func rowsOf(results []provision.Result, records []provision.Record) []row {
	var rows []row
	for _, res := range results {
		r := row{target: res.Target, vendor: vendorOf(res.Target), result: res}
		i := slices.IndexFunc(records, func(rec provision.Record) bool { return rec.Target == res.Target })
		switch {
		case res.User != nil:
			r.id = res.User.ID
		case i >= 0:
			r.id = records[i].UserID
		}
		r.note, r.next = explain(r, len(records) > 0)
		rows = append(rows, r)
	}
	return rows
}

// nextOf lists what to do, each thing once.
func nextOf(rows []row) []string {
	var things []string
	who := map[string]string{}
	for _, r := range rows {
		switch {
		case r.next == "":
		case who[r.next] == "":
			things = append(things, r.next)
			who[r.next] = r.target
		default:
			who[r.next] += ", " + r.target
		}
	}
	for i, thing := range things {
		things[i] = who[thing] + ": " + thing
	}
	return things
}

func writeTable(w io.Writer, rows []row) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TARGET\tVENDOR\tNOW\tUSER\tKNOWN BY\tNOTE")
	for _, r := range rows {
		proof, id := "-", r.id
		if u := r.result.User; u != nil && u.Proof != userapi.ProofNone {
			proof = u.Proof.String()
		}
		if id == "" {
			id = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.target, r.vendor, r.result.Disposition, id, proof, r.note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range bytes.Lines(b.Bytes()) {
		if _, err := w.Write(append(bytes.TrimRight(line, " \n"), '\n')); err != nil {
			return err
		}
	}
	return nil
}

// report is what -json prints.
type report struct {
	Key  string    `json:"key"`
	Plan []planned `json:"plan,omitempty"`
	// Open are the keys that the ledger had open before, ten at most, and Earlier is
	// what it had of this one.
	Open    []string `json:"open,omitempty"`
	Earlier []record `json:"earlier,omitempty"`
	Runs    []act    `json:"runs,omitempty"`
	// Error is why nothing more was done.
	Error string `json:"error,omitempty"`
}

type planned struct {
	Vendor string `json:"vendor"`
	provision.PlanItem
}

type record struct {
	Target string          `json:"target"`
	State  provision.State `json:"state"`
	UserID string          `json:"user_id,omitempty"`
}

// An act is a sign-up, or an undo.
type act struct {
	Act      string  `json:"act"`
	Complete bool    `json:"complete"`
	Targets  []entry `json:"targets"`
}

type entry struct {
	Vendor string `json:"vendor"`
	// Result shows ids, codes and names of fields, and nothing of the person.
	Result provision.Result `json:"result"`
	UserID string           `json:"user_id,omitempty"`
	Note   string           `json:"note,omitempty"`
	Next   string           `json:"next,omitempty"`
}

func (r *report) plan(items []provision.PlanItem) {
	for _, item := range items {
		r.Plan = append(r.Plan, planned{vendorOf(item.Target), item})
	}
}

func (r *report) earlier(open []string, records []provision.Record) {
	r.Open = open
	for _, rec := range records {
		r.Earlier = append(r.Earlier, record{rec.Target, rec.State, rec.UserID})
	}
}

func (r *report) ended(what string, complete bool, rows []row) {
	a := act{Act: what, Complete: complete}
	for _, row := range rows {
		a.Targets = append(a.Targets, entry{row.vendor, row.result, row.id, row.note, row.next})
	}
	r.Runs = append(r.Runs, a)
}

func (r *report) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
