package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
	"github.com/enlist-go/enlist/userapi/provision/bulkriver"
)

const rejectsHelp = `Writes the rows that were refused to a file, with the reasons. Correct a copy of
it, and load the copy with enlist load --only. A row stays among the rejects
until its corrected version is done.

The file is CSV if its name ends in .csv, and else JSON Lines. It has no
passwords. The command needs ENLIST_QUEUE_KEY, as enlist work does, and no
vendor's credentials.

Exit codes; if several apply, the highest:
  0  no row was refused
  1  it could not run
  2  wrong flags, config or key
  3  rows were refused; they are in the file
`

type rejectsFlags struct {
	peopleFlags
	out  string
	drop bool
}

func newRejects(env *environment) *cobra.Command {
	f := &rejectsFlags{}
	c := &cobra.Command{
		Use: "rejects", Short: "Writes the refused rows of a queue to a file", Long: rejectsHelp, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env) },
	}
	f.add(c)
	f.addQueue(c)
	c.Flags().StringVar(&f.out, "rejects", "", "the `file` to write; default <job>.rejects.csv beside the config")
	c.Flags().BoolVar(&f.drop, "drop", false, "delete the rejects in the file from the queue")
	return c
}

func (f *rejectsFlags) run(ctx context.Context, env *environment) error {
	c, err := f.loadQueue(env)
	if err != nil {
		return err
	}
	sealer, err := queue.Sealer(env.getenv)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	q, err := queue.Open(ctx, queuePlace(c), sealer)
	if err != nil {
		return err
	}
	defer q.Close()
	path := cmp.Or(f.out, besideConfig(c, c.Job+".rejects.csv"))
	if err := apart([]namedFile{{"--rejects", path}}, append([]namedFile{{"the config", c.Path}}, ledgerFiles(placeOf(env, c))...)); err != nil {
		return err
	}
	if err := replaceable(path); err != nil {
		return err
	}
	out, err := createPart(path)
	if err != nil {
		return err
	}
	all := rejects{q: q, job: c.Job}
	rows, err := all.write(ctx, out, strings.HasSuffix(path, ".csv"))
	switch {
	case err != nil:
		out.discard()
		return fmt.Errorf("the rejects cannot be written: %w", err)
	case rows == 0:
		if err := out.remove(true); err != nil {
			return err
		}
	default:
		if _, err := out.keep(true); err != nil {
			return err
		}
	}
	if all.sealed > 0 {
		return fmt.Errorf("%s cannot be opened: no key of ENLIST_QUEUE_KEY is theirs. %s written", rejectsText(all.sealed), were(rows))
	}
	if f.drop && rows > 0 {
		if _, err := q.DropRejects(ctx, c.Job, all.read); err != nil {
			return fmt.Errorf("the rejects are in %s, but could not be deleted from the queue: %w", path, err)
		}
	}
	return f.end(env, c, rows, path)
}

// codeColumn matches the column _code, in a header of CSV or in an object of JSON. It does not match postal_code.
var codeColumn = regexp.MustCompile(`(?:^|[^\w])_code(?:$|[^\w])`)

// replaceable refuses a file that exists and does not have rejects: it may be the file of people, or of a key.
// The command replaces the file, and without rejects it removes it.
func replaceable(path string) error {
	file, err := os.Open(path) //nolint:gosec // the caller names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was read
	head, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if len(head) > 0 && !codeColumn.Match(first) {
		return usageError("--rejects: %s exists, and is not a file of rejects: name another file", path)
	}
	return nil
}

func (f *rejectsFlags) end(env *environment, c *config.Config, rows int64, path string) error {
	text, e := fmt.Sprintf("job %s: no row was refused\n", c.Job), ending{ExitCode: exitDone}
	if rows > 0 {
		text = wrapped(fmt.Sprintf("job %s: %s refused: %s", c.Job, were(rows), path), "    ")
		e = ending{[]string{"correct a copy of the file, and load it: enlist load FILE --only COPY."}, exitRefused}
	} else {
		path = ""
	}
	return env.end(f.format, text, struct {
		Job     string `json:"job"`
		Rows    int64  `json:"rows"`
		Rejects string `json:"rejects,omitempty"`
		ending
	}{c.Job, rows, path, e}, e)
}

// rejectsText is a number of rejects.
func rejectsText(n int64) string {
	if n == 1 {
		return "1 reject"
	}
	return fmt.Sprintf("%d rejects", n)
}

// rejects are those of a job.
type rejects struct {
	q   *queue.Queue
	job string
	// read has those that were read last, and sealed is the number of those that could not be opened.
	read   map[bulkriver.RejectID]bool
	sealed int64
}

// each visits the rows that can be opened.
func (r *rejects) each(ctx context.Context, visit func(map[string]any) error) error {
	r.read, r.sealed = map[bulkriver.RejectID]bool{}, 0
	for row, err := range r.q.Rejects(ctx, r.job) {
		switch {
		case errors.Is(err, bulkriver.ErrSealed):
			r.sealed++
			continue
		case err == nil:
			r.read[row.ID] = true
			err = visit(row.Values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes the rows, and returns how many there were.
func (r *rejects) write(ctx context.Context, to io.Writer, isCSV bool) (rows int64, err error) {
	b := bufio.NewWriter(to)
	if isCSV {
		rows, err = r.writeCSV(ctx, b)
	} else {
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		err = r.each(ctx, func(values map[string]any) error { rows++; return enc.Encode(values) })
	}
	if err != nil {
		return rows, err
	}
	return rows, b.Flush()
}

// writeCSV reads the rows twice: all columns stand before the first row.
func (r *rejects) writeCSV(ctx context.Context, to io.Writer) (rows int64, err error) {
	known := map[string]bool{}
	if err := r.each(ctx, func(values map[string]any) error {
		for name := range values {
			known[name] = true
		}
		return nil
	}); err != nil || len(known) == 0 {
		return 0, err
	}
	// The columns with the reasons come last, as in the rejects of an import.
	columns := slices.SortedFunc(maps.Keys(known), func(a, b string) int {
		return cmp.Or(cmp.Compare(asNumber(strings.HasPrefix(a, "_")), asNumber(strings.HasPrefix(b, "_"))), cmp.Compare(a, b))
	})
	cells := make([]string, len(columns))
	write := func(value func(column string) any) (err error) {
		for i, name := range columns {
			if cells[i], err = cellOf(value(name)); err != nil {
				return err
			}
		}
		_, err = io.WriteString(to, strings.Join(cells, ",")+"\n")
		return err
	}
	if err := write(func(column string) any { return column }); err != nil {
		return 0, err
	}
	return rows, r.each(ctx, func(values map[string]any) error {
		rows++
		for name := range values {
			if !known[name] {
				return errors.New("a worker added rejects in the meantime: run the same command again")
			}
		}
		return write(func(column string) any {
			if v, there := values[column]; there {
				return v
			}
			return ""
		})
	})
}

// cellOf returns a cell that package bulk reads as the same value: texts in quotes, and \N for null.
func cellOf(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return `\N`, nil
	case string:
		if v == "" {
			return "", nil
		}
		return `"` + strings.ReplaceAll(v, `"`, `""`) + `"`, nil
	}
	return "", errors.New("the rows have values that CSV cannot hold: name a file of JSON Lines with --rejects, such as rejects.jsonl")
}
