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
		writeRequest(w, item.Plan)
	}
}

func writeRequest(w io.Writer, plan userapi.Plan) {
	fmt.Fprintf(w, "    %s %s\n    %s\n", plan.Method, plan.Route, plan.Body)
	if len(plan.Unmapped) > 0 {
		fmt.Fprintf(w, "    would not be stored: %s\n", strings.Join(plan.Unmapped, ", "))
	}
	for _, next := range plan.Next {
		writeRequest(w, next)
	}
}
