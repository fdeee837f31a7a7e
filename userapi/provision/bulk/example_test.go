package bulk_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/quickblox/quickbloxtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

func Example() {
	const file = "\ufeffid;E-mail;first;last;fusionauth.birth_date\n" +
		"1;ada@example.com;Ada;Lovelace;1815-12-10\n" +
		"2;\n" +
		";grace@example.com;Grace;Hopper;\n"
	mapper, err := bulk.Mapping{
		Columns:    map[string]string{"key": "id", "email": "E-mail", "full_name": "{{ .first }} {{ .last }}"},
		Extensions: []userapi.Extension{fusionauth.Extra{}},
	}.Compile("spring")
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range bulk.CSV(strings.NewReader(file), bulk.CSVOptions{}).Rows(context.Background()) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		req, err := mapper.Request(row)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(req.IdempotencyKey, req)
	}
	// Output:
	// spring/1 create user request{IdempotencyKey Email FullName Extensions}
	// bulk: line 3: column "first": the row has 2 cells, but the header has 5
	// bulk: line 4: column "id": key: a value is expected: it identifies the row in the ledger
}

func ExampleCheck() {
	const file = "id;E-mail;login;password;note\n" +
		"1;ada@example.com;ada;s3cret-of-ada;\n" +
		"2;Ada@Example.com;grace;s3cret-of-grace;\n" +
		"3;joan@example.com;joan;;\n"
	identity, err := fusionauth.New(fusionauth.Config{APIKey: "a-key", HTTP: userapi.HTTPOptions{BaseURL: "https://login.example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "identity", Creator: identity}})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := bulk.Check(context.Background(), p, bulk.Job{
		Name:    "spring",
		Mapping: bulk.Mapping{Columns: map[string]string{"key": "id", "email": "E-mail", "username": "login"}},
	}, bulk.CSV(strings.NewReader(file), bulk.CSVOptions{}))
	if err != nil {
		fmt.Println(err) // the report says how far it came
	}
	report.Elapsed = 0
	fmt.Print(report)
	// Output:
	// job spring: 3 rows read, 1 at fault
	// unused columns: "note"
	//
	//   faults  code         target
	//        1  duplicate    identity
	//
	// line 3: column "E-mail": email at identity: line 2 has the same value
	//     (duplicate)
}

// A repeated run does what is left: here nothing.
func ExampleRun() {
	const file = "key,username,password\n1,ada,s3cret-of-ada\n2,grace,s3cret-of-grace\n3,ada,s3cret-of-another\n"
	srv, err := quickbloxtest.Start() // in place of QuickBlox itself
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	chat, err := quickblox.New(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	// Replace Memory by a durable ledger, such as sqlledger's.
	p, err := provision.New(new(provision.Memory), []provision.Target{{Name: "chat", Creator: chat}}, provision.RequestKeys("0123456789abcdef0123456789abcdef"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		report, err := bulk.Run(context.Background(), p, bulk.Job{Name: "spring", InFlight: 1}, bulk.CSV(strings.NewReader(file), bulk.CSVOptions{}))
		if err != nil {
			fmt.Println(err) // the report says how far it came
		}
		for _, s := range report.States {
			fmt.Println(s.Target, s.State, s.Rows)
		}
	}
	fmt.Println(srv.UserCount(), "users")
	// Output:
	// chat created 2
	// chat rejected 1
	// chat created 2
	// chat rejected 1
	// 2 users
}
