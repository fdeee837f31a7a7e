package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// writePlan writes what would be sent to each target. The bodies show the person, and
// no password.
func writePlan(w io.Writer, items []provision.PlanItem) {
	for _, item := range items {
		after := ""
		if len(item.After) > 0 {
			after = ", after " + strings.Join(item.After, ", ")
		}
		fmt.Fprintf(w, "  %s at %s%s\n", item.Target, vendorOf(item.Target), after)
		if len(item.Waits) > 0 {
			fmt.Fprintf(w, "    with ids in braces that are not known before there is a user at %s\n", strings.Join(item.Waits, ", "))
		}
		if item.Err != nil {
			fmt.Fprintf(w, "    %v\n", item.Err)
			continue
		}
		writeRequests(w, item.Plan)
	}
}

func writeRequests(w io.Writer, plan userapi.Plan) {
	for i, step := range plan.Steps() {
		fmt.Fprintf(w, "    %s\n    %s\n", step, step.Body)
		if i == 0 && len(plan.Unmapped) > 0 {
			fmt.Fprintf(w, "    would not be stored: %s\n", strings.Join(plan.Unmapped, ", "))
		}
	}
}
