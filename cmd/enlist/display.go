package main

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/enlist-go/enlist/cmd/enlist/internal/config"
	"github.com/enlist-go/enlist/cmd/enlist/internal/progress"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

var progressModes = []string{"auto", "bars", "lines", "json", "none"}

func addProgress(fs *pflag.FlagSet, to *string) {
	fs.StringVar(to, "progress", "auto", "how to show progress on standard error: bars, lines (one every 10 s), json (one object a second) or none. auto is bars on a terminal, and else lines")
}

func checkProgress(mode string) error {
	if !slices.Contains(progressModes, mode) {
		return usageError("--progress: expected one of %s", strings.Join(progressModes, ", "))
	}
	return nil
}

// newDisplay returns a display of progress, and the function that updates it. Bars need a terminal.
func newDisplay(env *environment, mode string, c *config.Config, p *people) (progress.Display, func(bulk.Progress)) {
	f, isFile := env.err.(*os.File)
	draws := isFile && progress.Draws(f)
	switch {
	case mode == "bars" && !draws, mode == "auto" && (!draws || env.getenv("TERM") == "dumb"):
		mode = "lines"
	case mode == "auto":
		mode = "bars"
	}
	var d progress.Display
	switch mode {
	case "bars":
		var names []string
		for _, t := range c.Targets {
			names = append(names, t.Name)
		}
		d = progress.Bars(env.err, names)
	case "lines":
		d = progress.Lines(env.err)
	case "json":
		d = progress.JSON(env.err)
	default:
		d = progress.None()
	}
	meter := &progress.Meter{Done: p.done}
	return d, func(now bulk.Progress) { d.Show(meter.Read(now, time.Now())) }
}
