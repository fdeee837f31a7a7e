package bulk_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// odd is a report with long names and with names that need quotes.
func odd() bulk.Report {
	long := strings.Repeat("long ", 30)
	return bulk.Report{
		Job: "spring", Rows: 50_000, RowsAtFault: 3, LastLine: 50_003, Complete: true,
		Unused: []string{"a\x1b[31m", strings.Repeat("ä", 120), "a  b", long}, Elapsed: 2500 * time.Millisecond,
		Counts: []bulk.Count{{"", bulk.CodeUnreadable, 1}, {strings.Repeat("t", 100), bulk.CodeDuplicate, 1_000_000}},
		Faults: []bulk.Fault{
			{Line: 2, Column: long, Code: bulk.CodeUnreadable, Message: strings.Repeat("m", 200)},
			{Line: 3, Column: "姓名" + strings.Repeat("名", 60), Field: "full_name", Target: "crm", Code: "too_long", Message: "must be short"},
		},
	}
}

func TestReportText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `job spring: 50000 rows read in 2.5s (20000 a second), 3 at fault
unused columns: "a\x1b[31m",
    "ääääääääääääääääääääääääääääääääääääääääääääääääää…", "a  b", "long long
    long long long long long long long long long long long long long long long
    long long long …"

  faults  code         target
       1  unreadable   the row
 1000000  duplicate    ttttttttttttttttttttttttttttttttttttttttttttttttttttttttt
                       ttttttttttttttttttttttttttttttttttttttttttt

line 2: column "long long long long long long long long long long long long long
    long long long long long long long …":
    mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm
    mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm
    mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm (unreadable)
line 3: column
    "姓名名名名名名名名名名名名名名名名名名名名名名名名名名名名名名名名…":
    full_name at crm: must be short (too_long)
and 999999 faults more
`, odd().String())
	for _, r := range []bulk.Report{odd(), {}, {Rows: 1}, {Missing: []string{"id"}}} {
		for line := range strings.Lines(r.String()) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))+strings.Count(line, "名"), 80, line)
			assert.Equal(t, strings.TrimRight(line, " \n")+"\n", line)
		}
		assert.Equal(t, strings.Repeat(r.String(), 3), fmt.Sprintf("%v%+v%#v", r, r, r))
	}
	assert.Equal(t, "job : 0 rows read, 0 at fault\nnot complete: no row was read\n", bulk.Report{}.String())
}

func TestReportJSON(t *testing.T) {
	t.Parallel()
	r := bulk.Report{
		Job: "spring", Rows: 3, RowsAtFault: 1, LastLine: 4, Complete: true, Unused: []string{"a"}, Missing: []string{"b"},
		Counts: []bulk.Count{{"crm", "duplicate", 1}}, Faults: []bulk.Fault{{4, "E-mail", "email", "crm", "duplicate", "line 2 has the same value"}}, Elapsed: time.Second,
	}
	const full = `{"job":"spring","rows":3,"rows_at_fault":1,"last_line":4,"complete":true,"unused":["a"],"missing":["b"],` +
		`"counts":[{"target":"crm","code":"duplicate","faults":1}],` +
		`"faults":[{"line":4,"column":"E-mail","field":"email","target":"crm","code":"duplicate","message":"line 2 has the same value"}],"rows_done":0,"rows_refused":0,"rows_open":0,"rows_unknown":0,"elapsed_ns":1000000000}`
	got, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Equal(t, full, string(got))
	got, err = json.Marshal(bulk.Report{Faults: []bulk.Fault{{Line: 1, Code: bulk.CodeUnreadable, Message: "m"}}})
	require.NoError(t, err)
	assert.Equal(t, `{"job":"","rows":0,"rows_at_fault":0,"last_line":0,"complete":false,"faults":[{"line":1,"code":"unreadable","message":"m"}],"rows_done":0,"rows_refused":0,"rows_open":0,"rows_unknown":0,"elapsed_ns":0}`, string(got))

	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("checked", "report", r, "fault", r.Faults[0])
	assert.Contains(t, log.String(), `report.job=spring report.rows=3 report.rows_at_fault=1 report.last_line=4 report.complete=true report.elapsed=1s fault="line 4: column \"E-mail\": email at crm: line 2 has the same value (duplicate)"`)
}
