package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/pflag"
)

// logFlag is --log.
type logFlag string

func (f *logFlag) add(fs *pflag.FlagSet) {
	*f = "text"
	fs.Var(f, "log", "the `format` of the log on standard error: text, json or none")
}

func (f *logFlag) Set(text string) error {
	switch text {
	case "text", "json", "none":
		*f = logFlag(text)
		return nil
	}
	return fmt.Errorf("must be text, json or none")
}

func (f *logFlag) String() string { return string(*f) }

// Type is what pflag calls the value.
func (*logFlag) Type() string { return "format" }

// handler returns a handler for records of at least a level.
func (f *logFlag) handler(to io.Writer, level slog.Level) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	switch *f {
	case "json":
		return slog.NewJSONHandler(to, options)
	case "none":
		return slog.DiscardHandler
	}
	return slog.NewTextHandler(to, options)
}

// loggers returns the worker's logger, and a logger for River's warnings.
func (f *logFlag) loggers(to io.Writer) (own, river *slog.Logger) {
	to = &lines{to: to}
	return slog.New(f.handler(to, slog.LevelInfo)), slog.New(f.handler(to, slog.LevelWarn)).With("by", "river")
}

// lines lets several handlers share a writer, one line at a time.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(line)
}
