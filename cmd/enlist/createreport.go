package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// report writes what became of a create, and returns the exit code.
func (env *environment) report(job createJob, format formatFlag, atFakes bool) int {
	code := exitDone
	for _, r := range job {
		code = max(code, r.code())
	}
	if format == "json" {
		code = env.print(jsonText(documentOf(job, atFakes)), code)
	} else {
		code = env.print(createTable(job, atFakes), code)
	}
	for _, r := range job {
		switch {
		case r.failure != nil:
			fmt.Fprintln(env.err, r.explain())
		case r.untried:
			fmt.Fprintf(env.err, "%s: not tried, since another vendor cannot take this user. No user was created.\n", r.Vendor)
		}
	}
	return code
}

// createTable is a row for each vendor, and below the table what is to be said of it.
func createTable(job createJob, atFakes bool) []byte {
	var b bytes.Buffer
	if atFakes {
		b.WriteString("These are fakes on this machine; their users end with this command.\n\n")
	}
	rows := [][]string{{"VENDOR", "STATE", "ID", "KNOWN BY"}}
	for _, r := range job {
		id, proof := r.id(), "-"
		if id == "" {
			id = "-"
		}
		if r.User != nil && r.User.Proof != userapi.ProofNone {
			proof = r.User.Proof.String()
		}
		rows = append(rows, []string{r.Vendor, r.state(), printable(id), proof})
	}
	b.Write(tableText(rows))
	for _, r := range job {
		for _, note := range r.notes() {
			b.WriteString(wrapped(r.Vendor+": "+note, "  "))
		}
		if path := r.keptIn(); path != "" { // on a line of its own, for a path is not to be broken
			b.WriteString(wrapped(r.Vendor+": whoever reads this file owns the user; it has the session key:", "  ") + "  " + path + "\n")
		}
	}
	return b.Bytes()
}

// notes are what is to be known of a vendor's part beside the id.
func (r *created) notes() (notes []string) {
	if note := r.note(); note != "" {
		notes = append(notes, note)
	}
	if len(r.unmapped) > 0 && !r.untried {
		notes = append(notes, "cannot store "+strings.Join(r.unmapped, ", "))
	}
	if r.User != nil {
		for _, warning := range r.User.Warnings {
			notes = append(notes, printable(warning))
		}
	}
	return notes
}

// keptIn is the file with the session key of a user who exists or may exist; "" for none.
func (r *created) keptIn() string {
	if r.untried || r.failure != nil && !userapi.MayHaveCreated(r.failure) {
		return ""
	}
	return r.keyFile
}

// A createDocument is the report in JSON.
type createDocument struct {
	// Mode is "fakes" or "vendors".
	Mode    string        `json:"mode"`
	Results []createEntry `json:"results"`
}

type createEntry struct {
	Provider string `json:"provider"`
	At       string `json:"at"`
	// Status is "created", "recovered" or "existing" with a user; "found" where somebody else's user, or
	// this one, was there; "unfinished" where the user exists and a second step failed; or "not_tried",
	// "not_sent", "rejected", "unknown".
	Status string `json:"status"`
	// ID is that of the user who exists or, with "unknown", who may exist.
	ID       string         `json:"id,omitempty"`
	User     *userapi.User  `json:"user,omitempty"`
	Unmapped []string       `json:"unmapped"`
	KeyFile  string         `json:"key_file,omitempty"`
	Error    *createFailure `json:"error,omitempty"`
}

type createFailure struct {
	Kind       userapi.Kind         `json:"kind"`
	Outcome    userapi.Outcome      `json:"outcome"`
	MayExist   bool                 `json:"may_exist"`
	StatusCode int                  `json:"status_code,omitempty"`
	Code       string               `json:"code,omitempty"`
	Message    string               `json:"message,omitempty"`
	Fields     []userapi.FieldError `json:"fields,omitempty"`
	UserID     string               `json:"user_id,omitempty"`
	Candidates []string             `json:"candidates,omitempty"`
	RequestID  string               `json:"request_id,omitempty"`
	RetryAfter float64              `json:"retry_after_seconds,omitempty"`
	Attempts   int                  `json:"attempts,omitempty"`
	Next       string               `json:"next"`
}

func documentOf(job createJob, atFakes bool) createDocument {
	doc := createDocument{Mode: "vendors", Results: []createEntry{}}
	if atFakes {
		doc.Mode = "fakes"
	}
	for _, r := range job {
		e := createEntry{
			Provider: r.Vendor, At: r.At, Status: r.state(), ID: r.id(), User: r.User, Unmapped: append([]string{}, r.unmapped...),
			KeyFile: r.keptIn(),
		}
		if err := r.failure; err != nil {
			e.Error = &createFailure{
				Kind: err.Kind, Outcome: err.Outcome, MayExist: r.inDoubt(),
				StatusCode: err.StatusCode, Code: err.Code, Message: err.Message, Fields: err.FieldErrors,
				UserID: err.UserID, Candidates: err.Candidates, RequestID: err.RequestID,
				RetryAfter: err.RetryAfter.Round(time.Millisecond).Seconds(), Attempts: err.Attempts, Next: r.next(),
			}
		}
		doc.Results = append(doc.Results, e)
	}
	return doc
}
