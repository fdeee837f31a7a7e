// Report reads what createuser -json printed from standard input, and fails unless
// it says that each of the four vendors' fakes has created a user.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() {
	var report struct {
		Mode    string
		Results []struct{ Provider, Status, ID string }
	}
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&report); err != nil {
		fail("the report is no JSON document: ", err)
	}
	if _, err := in.Token(); err != io.EOF {
		fail("the report goes on after its JSON document")
	}
	if report.Mode != "fakes" {
		fail("the report is of other servers than the fakes: ", report.Mode)
	}
	missing := map[string]bool{"mixin": true, "quickblox": true, "fusionauth": true, "usercom": true}
	for _, r := range report.Results {
		if r.Status == "created" && r.ID != "" {
			fmt.Println(r.Provider, r.Status, r.ID)
			delete(missing, r.Provider)
		}
	}
	for name := range missing {
		fail("the report has no user created at ", name)
	}
}

func fail(why ...any) {
	fmt.Fprintln(os.Stderr, fmt.Sprint(why...))
	os.Exit(1)
}
