package usercom

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/internal/transport"
)

func TestAge(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Mar 2026 08:15:31 GMT"
	local := time.Date(2026, 3, 2, 20, 0, 0, 0, time.UTC) // this machine's clock is far ahead
	reply := func(date, age string, took time.Duration) *transport.Reply {
		h := http.Header{}
		for name, value := range map[string]string{"Date": date, "Age": age} {
			if value != "" {
				h.Set(name, value)
			}
		}
		return &transport.Reply{Header: h, Sent: local, Read: local.Add(took)}
	}
	const ours, older, unsure = provider.Same, provider.Different, provider.Unsure
	for name, test := range map[string]struct {
		created string
		reply   *transport.Reply
		want    provider.Match
	}{
		"new":                        {"2026-03-02T08:15:30.104233Z", reply(date, "", time.Second), ours},
		"within the slack":           {"2026-03-02T08:14:31Z", reply(date, "0", time.Second), ours},
		"beyond the slack":           {"2026-03-02T08:14:29Z", reply(date, "", time.Second), older},
		"a slow reply":               {"2026-03-02T08:13:31Z", reply(date, "", 90*time.Second), ours},
		"years ago":                  {"2017-06-13T12:22:38.748373Z", reply(date, "", time.Second), older},
		"in the future":              {"2026-03-02T09:00:00Z", reply(date, "", time.Second), ours},
		"no date, by our clock old":  {"2026-03-02T08:15:30Z", reply("", "", time.Second), older},
		"no date, by our clock new":  {"2026-03-02T19:59:30Z", reply("", "", time.Second), ours},
		"a date that cannot be read": {"2026-03-02T19:59:30Z", reply("yesterday", "", time.Second), ours},
		"no time of creation":        {"", reply(date, "", time.Second), ours},
		"unreadable creation":        {"long ago", reply(date, "", time.Second), ours},
		"the zero time":              {"0001-01-01T00:00:00Z", reply(date, "", time.Second), ours},
		"the epoch":                  {"1970-01-01T00:00:00Z", reply(date, "", time.Second), ours},
		"a zone out of range":        {"2020-01-01T00:00:00+24:00", reply(date, "", time.Second), ours},
		// The clocks disagree, so one of them is wrong.
		"old by the date alone":      {"2026-03-02T19:59:59Z", reply("Mon, 02 Mar 2026 20:10:00 GMT", "", time.Second), unsure},
		"a date of decades ahead":    {"2026-03-02T19:59:59Z", reply("Fri, 02 Mar 2096 20:00:00 GMT", "", time.Second), unsure},
		"out of a cache, a year old": {"2025-03-02T20:00:00Z", reply("Sun, 02 Mar 2025 20:00:00 GMT", "31536000", time.Second), unsure},
		"out of a cache, new":        {"2026-03-02T19:59:59Z", reply(date, "7", time.Second), ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var u User
			require.NoError(t, json.Unmarshal([]byte(`{"id":1,"created_at":"`+test.created+`"}`), &u))
			assert.Equal(t, test.want, u.age(test.reply))
		})
	}
}

func TestFormKeepsEveryDigit(t *testing.T) {
	t.Parallel()
	check := provider.NativeCheck(Name)
	r := CreateUserRequest{
		Email: new("a&b=c@example.org"), Score: new(int64(9007199254740993)), Notifications: new(true),
		Unsubscribed: new(false), Gender: GenderFemale, Tags: []string{"b c", "a"},
	}
	assert.Equal(t, "email=a%26b%3Dc%40example.org&gender=3&notifications=true&score=9007199254740993&tags=b+c&tags=a&unsubscribed=false",
		string(formOf(r.encode(V1, &check))))
	assert.Empty(t, check.Faults())
}

func FuzzDecodeUser(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range append(files, "testdata/create_201_truncated.txt") {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"id":"7","tags":null,"gender":2,"score":"x","companies":[{"id":"a"}],"ID":9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r CreateUserResponse
		bad := r.User.decode(data, V1)
		err := provider.Broken(bad)
		if err != nil && bad == nil {
			t.Fatal("a text that is not JSON is not a success")
		}
		if bad == nil && r.ID <= 0 {
			t.Fatal("a success without an id")
		}
		if err != nil {
			return
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		_ = (*reply)(&r).Neutral()
	})
}

func FuzzDecodeUsers(f *testing.F) {
	for _, reply := range []string{
		`[]`, `[{"id":7},{"id":"8"}]`, `{"id":7}`, `{"count":1,"next":null,"results":[{"id":7}]}`,
		`{"results":[],"next":"x"}`, `[null]`, `{"errors":["x"],"results":[]}`, `[{"id":7},`,
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		users, bad := decodeUsers(data, V1)
		if bad != nil && users != nil {
			t.Fatal("users and a fault together")
		}
		if bad == nil && users == nil {
			t.Fatal("no users is an empty list")
		}
		for _, u := range users {
			if u.ID <= 0 {
				t.Fatal("a user without an id")
			}
		}
	})
}

func FuzzDecodeUpdateOrCreate(f *testing.F) {
	for _, reply := range []string{`{"created":true,"id":7}`, `{"created":false,"id":"7"}`, `{"id":7}`, `{"created":true,"id":7,`, `{"created":1,"id":7,"errors":{}}`} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r UpdateOrCreateResponse
		if r.decode(data) == nil && r.ID <= 0 {
			t.Fatal("a success without an id")
		}
	})
}
