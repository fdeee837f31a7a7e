package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/userapi"
)

// sent lists what a vendor was asked to store, passwords redacted.
func (r *result) sent() (list []member) {
	req := r.request
	for _, m := range [...]member{
		{"ExternalID", req.ExternalID},
		{"Username", req.Username},
		{"Email", req.Email},
		{"Phone", req.Phone},
		{"Password", req.Password.String()},
		{"FullName", req.FullName},
		{"GivenName", req.GivenName},
		{"FamilyName", req.FamilyName},
		{"Timezone", req.Timezone},
		{"Language", req.Language},
		{"Tags", strings.Join(req.Tags, ",")},
		{"Attributes", attributesText(req.Attributes)},
	} {
		if m.value != "" && !r.leftOut(m.name) {
			list = append(list, m)
		}
	}
	return append(list, r.more...)
}

func (r *result) leftOut(field string) bool {
	for _, name := range r.unmapped {
		if name == field {
			return true
		}
	}
	return false
}

func attributesText(attributes map[string]any) string {
	if len(attributes) == 0 {
		return ""
	}
	text, err := json.Marshal(attributes)
	if err != nil {
		return "(not encodable)"
	}
	return string(text)
}

// cameBack lists what the vendor tells of the user, by the names of this library
// and then by the vendor's own.
func (r *result) cameBack() (list []member) {
	u := r.user
	if u == nil {
		return nil
	}
	all := []member{
		{"ExternalID", u.ExternalID},
		{"Username", u.Username},
		{"Email", u.Email},
		{"Phone", u.Phone},
		{"FullName", u.FullName},
		{"CreatedAt", timeText(u.CreatedAt)},
	}
	all = append(all, r.returned(u)...)
	for _, m := range all {
		if m.value != "" {
			list = append(list, m)
		}
	}
	for _, warning := range u.Warnings {
		list = append(list, member{"warning", warning})
	}
	return list
}

// id is the user's id, where one is known to exist.
func (r *result) id() string {
	switch {
	case r.user != nil:
		return r.user.ID
	case r.err != nil && r.err.Outcome == userapi.OutcomeCreated && r.err.User != nil:
		return r.err.User.ID
	}
	return ""
}

// writeTable writes a row for each vendor, whose cells may have several lines.
func writeTable(w io.Writer, j *job, results []result) error {
	var b bytes.Buffer
	if j.fakes {
		b.WriteString("No vendor is configured: these are fakes on this machine.\n\n")
	} else {
		b.WriteString("Configured vendors:\n\n")
	}
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "VENDOR\tID\tWAS SENT\tCAME BACK\tCANNOT STORE")
	for _, r := range results {
		fmt.Fprintln(t, "\t\t\t\t") // rows have several lines
		cells := [][]string{
			{r.name, r.at, strings.ReplaceAll(r.status(), "_", " ")},
			nil, lines(r.sent()), lines(r.cameBack()), r.unmapped,
		}
		if id := r.id(); id != "" {
			cells[1] = []string{id}
		}
		if r.status() == "not_tried" || r.err != nil && r.err.Outcome == userapi.OutcomeNotSent {
			cells[2] = []string{"nothing"}
		}
		if r.err != nil {
			cells[3] = []string{errorText(r.err)}
		}
		for i, more := 0, true; more; i++ {
			more = false
			row := make([]string, len(cells))
			for c, cell := range cells {
				if i < len(cell) {
					row[c] = printable(cell[i])
				} else if i == 0 {
					row[c] = "-"
				}
				more = more || i+1 < len(cell)
			}
			fmt.Fprintln(t, strings.Join(row, "\t"))
		}
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

func errorText(e *userapi.Error) string {
	text := kindText(e.Kind)
	if e.StatusCode != 0 {
		text += " (status " + strconv.Itoa(e.StatusCode) + ")"
	}
	return text
}

func lines(list []member) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.name + ": " + printable(m.value)
	}
	return out
}

// maxCell is the longest text of a line of a cell.
const maxCell = 48

// printable keeps what a vendor sent from moving the cursor about.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	if r := []rune(text); len(r) > maxCell {
		text = string(r[:maxCell-1]) + "…"
	}
	return text
}

// document is the report in JSON.
type document struct {
	// Mode is "fakes" or "vendors".
	Mode    string  `json:"mode"`
	Results []entry `json:"results"`
}

type entry struct {
	Provider string `json:"provider"`
	At       string `json:"at"`
	// Status is "created", "failed", "not_tried", "unknown" or "created_with_error".
	Status string `json:"status"`
	ID     string `json:"id,omitempty"`
	// Sent and Returned are by the fields' names; Returned has the vendor's own.
	Sent     map[string]string `json:"sent"`
	User     *userapi.User     `json:"user,omitempty"`
	Returned map[string]string `json:"returned,omitempty"`
	Unmapped []string          `json:"unmapped"`
	Error    *failure          `json:"error,omitempty"`
}

type failure struct {
	Kind       userapi.Kind         `json:"kind"`
	Outcome    userapi.Outcome      `json:"outcome"`
	MayExist   bool                 `json:"may_exist"`
	StatusCode int                  `json:"status_code,omitempty"`
	Code       string               `json:"code,omitempty"`
	Message    string               `json:"message,omitempty"`
	Fields     []userapi.FieldError `json:"fields,omitempty"`
	UserID     string               `json:"user_id,omitempty"`
	RequestID  string               `json:"request_id,omitempty"`
	RetryAfter float64              `json:"retry_after_seconds,omitempty"`
	Attempts   int                  `json:"attempts,omitempty"`
	Next       string               `json:"next"`
}

func writeJSON(w io.Writer, j *job, results []result) error {
	doc := document{Mode: "vendors"}
	if j.fakes {
		doc.Mode = "fakes"
	}
	for _, r := range results {
		e := entry{
			Provider: r.name, At: r.at, Status: r.status(), ID: r.id(),
			Sent: map[string]string{}, User: r.user, Unmapped: append([]string{}, r.unmapped...),
		}
		if e.Status != "not_tried" && (r.err == nil || r.err.Outcome != userapi.OutcomeNotSent) {
			e.Sent = byName(r.sent())
		}
		if r.user != nil {
			e.Returned = byName(r.returned(r.user))
		}
		if err := r.err; err != nil {
			e.Error = &failure{
				Kind: err.Kind, Outcome: err.Outcome, MayExist: userapi.MayHaveCreated(err),
				StatusCode: err.StatusCode, Code: err.Code, Message: err.Message, Fields: err.FieldErrors,
				UserID: err.UserID, RequestID: err.RequestID,
				RetryAfter: err.RetryAfter.Round(time.Millisecond).Seconds(),
				Attempts:   err.Attempts, Next: next(r),
			}
		}
		doc.Results = append(doc.Results, e)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func byName(list []member) map[string]string {
	m := make(map[string]string, len(list))
	for _, member := range list {
		if member.value != "" {
			m[member.name] = member.value
		}
	}
	return m
}
