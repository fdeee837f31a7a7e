package userapitest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// A reporter records what a test reports.
type reporter struct {
	testing.TB
	text string
}

func (r *reporter) Helper() {}

func (r *reporter) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

func TestEqualShowsThePlaceAndNoValue(t *testing.T) {
	t.Parallel()
	type config struct {
		Key   userapi.Secret
		HTTP  struct{ BaseURL string }
		List  []*userapi.CreateUserRequest
		Any   any
		inner string
	}
	with := func(change func(*config)) config {
		c := config{Key: "planted-key", List: []*userapi.CreateUserRequest{{}, {Email: "planted@example.com"}}, Any: userapi.Secret("planted-any"), inner: "planted-inner"}
		change(&c)
		return c
	}
	same := with(func(*config) {})
	for name, tt := range map[string]struct {
		got  any
		want string
	}{
		"a secret":            {with(func(c *config) { c.Key = "planted-other" }), "differ at .Key ("},
		"below":               {with(func(c *config) { c.HTTP.BaseURL = "planted" }), "differ at .HTTP.BaseURL ("},
		"an element":          {with(func(c *config) { c.List[1].Email = "planted" }), "differ at .List[1].Email ("},
		"a length":            {with(func(c *config) { c.List = nil }), "differ at .List ("},
		"an interface":        {with(func(c *config) { c.Any = userapi.Secret("planted") }), "differ at .Any ("},
		"another type inside": {with(func(c *config) { c.Any = "planted-any" }), "differ at .Any ("},
		"an unexported field": {with(func(c *config) { c.inner = "planted" }), "differ ("},
		"another type":        {"planted", "of the types userapitest_test.config and string: they differ ("},
		"nil":                 {nil, "and <nil>: they differ ("},
	} {
		r := &reporter{TB: t}
		if userapitest.Equal(r, same, tt.got) || !strings.Contains(r.text, tt.want) {
			t.Errorf("%s: the report lacks %q", name, tt.want)
		}
		if strings.Contains(r.text, "planted") || strings.Contains(r.text, userapi.Redacted) {
			t.Errorf("%s: the report shows a value", name)
		}
	}
	r := &reporter{TB: t}
	if !userapitest.Equal(r, same, with(func(*config) {})) || r.text != "" {
		t.Error("equal values were reported")
	}
	if !userapitest.Equal(r, nil, nil) {
		t.Error("nil does not equal nil")
	}
}
