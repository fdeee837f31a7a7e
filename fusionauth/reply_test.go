package fusionauth

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/enlist-go/enlist/internal/provider"
)

func FuzzDecodeReply(f *testing.F) {
	sample, err := os.ReadFile("testdata/create_user_response.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		string(sample), "", "null", "[]", `{"user":{"id":"a"}}`, `{"user":{"id":7}}`, `{"user":{"id":"a"`, `{"user":[],"errors":{"a":1}}`,
		`{"user":{"id":"a","identities":[{"type":{"name":1}}],"data":{"n":1e400}},"fieldErrors":{}}`, "\xff",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in reply
		bad := in.decode(body)
		err := provider.Broken(bad)
		r := CreateUserResponse(in)
		if err != nil && bad == nil {
			t.Fatal("what cannot be decoded is good")
		}
		if bad == nil && r.User.ID == "" {
			t.Fatal("a success without an id")
		}
		if json.Valid(body) && err != nil {
			t.Fatal("valid JSON is not tolerated:", err)
		}
		if _, err := json.Marshal(&r); err != nil {
			t.Fatal("what was decoded cannot be shown:", err)
		}
		_ = in.Neutral()
	})
}
