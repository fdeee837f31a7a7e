package userapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

func samplePlan() userapi.Plan {
	return userapi.Plan{
		Method: "POST", Route: "/users/17", UserID: "17", Unmapped: []string{"Language", "Tags"},
		Body: json.RawMessage(`{"name":"` + planted + `","password":"[REDACTED]"}`),
		Next: []userapi.Step{{Method: "PUT", Route: "/users/{id}/plan", Body: json.RawMessage(`{"plan":"` + planted + `"}`)}},
	}
}

func TestPlanShowsNoBody(t *testing.T) {
	t.Parallel()
	p := samplePlan()
	const line = "POST /users/17, then PUT /users/{id}/plan; unmapped: Language Tags"
	assert.Equal(t, line, p.String())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, line, fmt.Sprintf(verb, p))
		assert.Equal(t, line, fmt.Sprintf(verb, &p))
	}
	for _, step := range p.Steps() {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			assert.Equal(t, step.Method+" "+step.Route, fmt.Sprintf(verb, step))
			assert.Equal(t, step.Method+" "+step.Route, fmt.Sprintf(verb, &step))
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", p, "p", &p, "s", []any{p, &p, p.Next})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", p, "p", &p, "n", p.Next[0])
	assert.Contains(t, log.String(), "/users/17")
	assert.NotContains(t, log.String(), planted)
	attrs := map[string]string{}
	for _, a := range p.LogValue().Group() {
		attrs[a.Key] = a.Value.String()
	}
	assert.Equal(t, map[string]string{"requests": "[POST /users/17 PUT /users/{id}/plan]", "unmapped": "[Language Tags]"}, attrs)

	require.Len(t, p.Steps(), 2)
	assert.Equal(t, userapi.Step{Method: "POST", Route: "/users/17", Body: p.Body}, p.Steps()[0])
	assert.Equal(t, p.Next[0], p.Steps()[1])
	assert.Empty(t, userapi.Plan{}.Steps())
	assert.Equal(t, "nothing to send", userapi.Plan{}.String())
	assert.Equal(t, "POST /users", userapi.Plan{Method: "POST", Route: "/users"}.String())
	assert.Len(t, userapi.Plan{}.LogValue().Group(), 1)
}

func TestPlanAsJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(samplePlan())
	require.NoError(t, err)
	assert.JSONEq(t, `{"method":"POST","route":"/users/17","user_id":"17","body":{"name":"`+planted+`","password":"[REDACTED]"},
		"unmapped":["Language","Tags"],"next":[{"method":"PUT","route":"/users/{id}/plan","body":{"plan":"`+planted+`"}}]}`, string(text))
	var back userapi.Plan
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, samplePlan(), back)
}
