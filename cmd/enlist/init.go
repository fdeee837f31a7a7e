package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// writeConfig writes a config from the columns of a file.
func (f *importFlags) writeConfig(ctx context.Context, env *environment, path string) error {
	to := cmp.Or(f.config, env.getenv("ENLIST_CONFIG"), defaultConfig)
	if err := checkVendors(f.to); err != nil {
		return err
	}
	p, err := openPeople(env, path, config.CSV{})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // it was read
	header, err := columnsOf(ctx, p.Source)
	if err != nil {
		return &exitError{sourceCode(err), errors.New(messageOf(err))}
	}
	job := cmp.Or(f.job, jobOf(path))
	if err := config.CheckJob(job); err != nil {
		return usageError("--job: %w", err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it has no secret, and the caller names it
	if errors.Is(err, fs.ErrExist) {
		return usageError("%s exists already and was not changed: name another file with -c", to)
	}
	if err == nil {
		_, err = out.WriteString(config.Draft(filepath.Base(path), job, header, f.to))
		if e := out.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("the config could not be written: %w", err)
	}
	said := fmt.Sprintf("%s was written. Edit it as its comments say, then run: enlist check %s -c %s", to, path, to)
	return ended(env.print([]byte(wrapped(said, "    ")), exitDone))
}

// columnsOf returns the names of the columns. If the source is not a ColumnSource, they are those of its
// first row.
func columnsOf(ctx context.Context, src bulk.Source) ([]string, error) {
	if columns, ok := src.(bulk.ColumnSource); ok {
		return columns.Columns(ctx)
	}
	for row, err := range src.Rows(ctx) {
		return slices.Sorted(maps.Keys(row.Values)), err
	}
	return nil, nil
}

var notInJob = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// jobOf proposes the name of a job.
func jobOf(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	name = strings.Trim(notInJob.ReplaceAllString(name, "-"), "-._")
	return cmp.Or(name, defaultJob)
}
