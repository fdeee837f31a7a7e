package bulk_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
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
	// bulk: line 3: column "first": the row has 2 cells and the header 5
	// bulk: line 4: column "id": key: a value is expected: it names the row in the ledger
}
