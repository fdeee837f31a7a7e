// Vulncheck reads what govulncheck -format json printed from standard input. It fails where the code calls
// something of a module that has a known vulnerability. Those of Go itself are listed and fail nothing: they
// are of the Go that is installed here, and programs choose their own.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A finding is a vulnerability that govulncheck has found. The first frame of its trace is what is vulnerable.
// It has a function only where the code calls it.
type finding struct {
	OSV          string `json:"osv"`
	FixedVersion string `json:"fixed_version"`
	Trace        []struct {
		Module, Version, Package, Function string
	}
}

func main() {
	in := json.NewDecoder(os.Stdin)
	listed := map[string]bool{}
	called, scanned := 0, false
	for {
		var message struct {
			Config  *struct{}
			Finding *finding
		}
		if err := in.Decode(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			fail("the input is not what govulncheck -format json prints: ", err)
		}
		scanned = scanned || message.Config != nil
		f := message.Finding
		if f == nil || len(f.Trace) == 0 {
			continue
		}
		at := f.Trace[0]
		isGo := at.Module == "stdlib" || at.Module == "toolchain"
		isCalled := at.Function != ""
		line := fmt.Sprintf("%s: %s %s, mended in %s", f.OSV, at.Module, at.Version, f.FixedVersion)
		if isCalled && !isGo {
			line += ", and is called"
			called++
		}
		if !listed[line] {
			listed[line] = true
			fmt.Println(line)
		}
	}
	switch {
	case !scanned:
		fail("govulncheck has not scanned anything")
	case called > 0:
		fail("the code calls what is vulnerable: update these modules")
	}
}

func fail(why ...any) {
	fmt.Fprintln(os.Stderr, fmt.Sprint(why...))
	os.Exit(1)
}
