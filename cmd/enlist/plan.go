package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/enlist-go/enlist/cmd/enlist/internal/vendors"
	"github.com/enlist-go/enlist/userapi"
)

func newPlan(env *environment) *cobra.Command {
	var user userFlags
	var to []string
	var format formatFlag
	c := &cobra.Command{
		Use:   "plan",
		Short: "Shows what a create would send to each vendor, and sends nothing",
		Long: `Shows the requests that enlist create would send to each vendor, with secrets
redacted. It needs no credentials and no network. The output has the user's
data.

Exit codes:
  0  each vendor can take the user
  2  wrong use
  3  a vendor cannot take the user
`,
		Args: noArgs,
	}
	user.add(c.Flags())
	addTo(c.Flags(), &to)
	c.Flags().Lookup("to").Usage = "the `vendors`, separated by commas; default: " + strings.Join(vendors.Names(), ", ")
	format.add(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		req, err := user.request(c.Context(), env, c.Flags())
		called := to
		if len(to) == 0 {
			called = vendors.Names()
		}
		if err = errors.Join(err, checkTo(to), checkCalled(req, called)); err != nil {
			return &exitError{inputCode(err), fmt.Errorf("%w\nplan sends nothing; see enlist plan --help", err)}
		}
		var job createJob
		for _, name := range vendors.Names() {
			if !slices.Contains(called, name) {
				continue
			}
			client, err := vendors.Offline(vendors.Settings{Vendor: name})
			if err != nil {
				return err
			}
			defer client.Close()
			job = append(job, &created{Client: client, request: req})
		}
		return ended(env.plan(job, format))
	}
	return c
}

// A planned has the requests for one vendor. They have the user's data.
type planned struct {
	Vendor string         `json:"vendor"`
	Plan   userapi.Plan   `json:"plan,omitzero"`
	Error  *userapi.Error `json:"error,omitempty"`
}

// plan writes the requests, and returns the exit code.
func (env *environment) plan(job createJob, format formatFlag) int {
	code := exitDone
	var all []planned
	var messages []string
	for _, r := range job {
		planner, _ := userapi.Ability[userapi.Planner](r)
		plan, err := planner.PlanUser(r.request)
		p := planned{Vendor: r.Vendor, Plan: plan}
		if err != nil {
			p.Error = asError(r.Vendor, err)
			r.failure = p.Error
			messages = append(messages, oneLine(r.Vendor+": "+r.causeText()+". Nothing was sent. enlist create would create this user at none of the vendors. Next: "+r.remedy()+"."))
			code = exitRefused
		}
		all = append(all, p)
	}
	if format == "json" {
		code = env.print(jsonText(all), code)
	} else {
		code = env.print(planText(all), code)
	}
	for _, message := range messages {
		env.explain(message)
	}
	return code
}

func planText(all []planned) []byte {
	var b bytes.Buffer
	for _, p := range all {
		if p.Error != nil {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(p.Vendor + "\n")
		for _, step := range p.Plan.Steps() {
			fmt.Fprintf(&b, "  %s\n", step)
			if len(step.Body) > 0 {
				b.WriteString("  ")
				_ = json.Indent(&b, step.Body, "  ", "  ") // of what is JSON
				b.WriteString("\n")
			}
		}
		if len(p.Plan.Unmapped) > 0 {
			b.WriteString("  " + wrapped("would not be stored: "+strings.Join(p.Plan.Unmapped, ", "), "    "))
		}
	}
	return b.Bytes()
}
