package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/queue"
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
		Use: "rejects", Short: "Writes the refused rows of a queue to a file", Long: rejectsHelp, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env) },
	}
	f.add(c)
	f.addQueue(c)
	c.Flags().StringVar(&f.out, "rejects", "", "the `file` to write; default <job>.rejects.csv beside the config")
	c.Flags().BoolVar(&f.drop, "drop", false, "delete the rejects from the queue after the file is written")
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
	out, err := createPart(path)
	if err != nil {
		return err
	}
	rows, err := writeRejects(ctx, out, q, c.Job, strings.HasSuffix(path, ".csv"))
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
	if f.drop && rows > 0 {
		if _, err := q.DropRejects(ctx, c.Job); err != nil {
			return fmt.Errorf("the rejects are in %s, but could not be deleted from the queue: %w", path, err)
		}
	}
	return f.end(env, c, rows, path)
}

func (f *rejectsFlags) end(env *environment, c *config.Config, rows int64, path string) error {
	code, text := exitDone, []byte(fmt.Sprintf("job %s: no row was refused\n", c.Job))
	if rows > 0 {
		code, text = exitRefused, []byte(wrapped(fmt.Sprintf("job %s: %s refused: %s", c.Job, were(rows), path), "    "))
	} else {
		path = ""
	}
	if f.format == "json" {
		text = jsonText(struct {
			Job     string `json:"job"`
			Rows    int64  `json:"rows"`
			Rejects string `json:"rejects,omitempty"`
		}{c.Job, rows, path})
	}
	return ended(env.print(text, code))
}

// writeRejects writes the rows, and returns their number. For CSV it reads the rows twice, because it needs
// all columns first.
func writeRejects(ctx context.Context, to io.Writer, q *queue.Queue, job string, isCSV bool) (rows int64, err error) {
	b := bufio.NewWriter(to)
	if isCSV {
		rows, err = writeCSV(ctx, b, q, job)
	} else {
		enc := json.NewEncoder(b)
		enc.SetEscapeHTML(false)
		for row, err := range q.Rejects(ctx, job) {
			if err != nil {
				return rows, err
			}
			if err := enc.Encode(row.Values); err != nil {
				return rows, err
			}
			rows++
		}
	}
	if err != nil {
		return rows, err
	}
	return rows, b.Flush()
}

func writeCSV(ctx context.Context, to io.Writer, q *queue.Queue, job string) (rows int64, err error) {
	var columns []string
	known := map[string]bool{}
	for row, err := range q.Rejects(ctx, job) {
		if err != nil {
			return 0, err
		}
		for name := range row.Values {
			if !known[name] {
				known[name] = true
				columns = append(columns, name)
			}
		}
	}
	// The columns with the reasons come last, as in the rejects of an import.
	slices.SortFunc(columns, func(a, b string) int {
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
	if len(columns) == 0 {
		return 0, nil
	}
	if err := write(func(column string) any { return column }); err != nil {
		return 0, err
	}
	for row, err := range q.Rejects(ctx, job) {
		if err != nil {
			return rows, err
		}
		for name := range row.Values {
			if !known[name] {
				return rows, errors.New("a worker added rejects in the meantime: run the same command again")
			}
		}
		if err := write(func(column string) any {
			if v, there := row.Values[column]; there {
				return v
			}
			return ""
		}); err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
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
