package main

import (
	"bytes"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
)

// report writes the results of a create, and returns the exit code.
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
			env.explain(r.explain())
		case r.untried:
			env.explain(r.Vendor + ": not tried, because another vendor cannot take this user. No user was created.")
		}
	}
	return code
}

// createTable returns a table with a row for each vendor, and notes below the table.
func createTable(job createJob, atFakes bool) []byte {
	var b bytes.Buffer
	if atFakes {
		b.WriteString("These are fakes on this machine. Their users are deleted when this command ends.\n\n")
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
		if path := r.keptIn(); path != "" { // a path has its own line, so that it is not broken
			b.WriteString(wrapped(r.Vendor+": keep this file safe. It has the session key, which controls the user:", "  ") + "  " + path + "\n")
		}
	}
	return b.Bytes()
}

// notes returns what the table does not show.
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

// keptIn returns the file with the session key of a user that exists or may exist; "" for none.
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
	// Status is one of these:
	//   - "created", "recovered" and "existing": there is a User
	//   - "found": a user exists, which may be this one or another one
	//   - "unfinished": the user exists, and a second step failed
	//   - "not_tried", "not_sent", "rejected", "unknown"
	Status string `json:"status"`
	// ID is the id of the user that exists or, with "unknown", may exist.
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
