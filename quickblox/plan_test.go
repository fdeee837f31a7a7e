package quickblox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/quickblox"
	"github.com/enlist-go/enlist/userapi"
)

// fullPlan sets every member, with texts that JSON must escape.
func fullPlan() userapi.CreateUserRequest {
	return userapi.CreateUserRequest{
		IdempotencyKey: "key-1", ExternalID: "1236672", Username: "peter<&>", Email: `"peter"@example.com`, Phone: "+73123555",
		Password: `<pass> & "wörd" \ 7!`, FullName: "Peter & Söhne\u2028", GivenName: "Peter",
		Timezone: "Europe/Warsaw", Language: "pl", Tags: []string{"b", "a"},
		Attributes: map[string]any{"z": 9007199254740993, "a": json.Number("1.10"), "html": "<b>&"},
		Extensions: []userapi.Extension{&quickblox.Extra{BlobID: new(int64(9007199254740993)), FacebookID: "8887366", AgeOver16: new(false)}},
	}
}

func TestPlanIsWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		req    userapi.CreateUserRequest
		golden string
	}{
		"minimal": {john, `{"user":{"login":"johndoe","full_name":"John Doe","password":"[REDACTED]"}}`},
		"full": {fullPlan(), `{"user":{"login":"peter\u003c\u0026\u003e","email":"\"peter\"@example.com","blob_id":9007199254740993,` +
			`"external_user_id":1236672,"facebook_id":"8887366","full_name":"Peter \u0026 Söhne\u2028","phone":"+73123555",` +
			`"custom_data":"{\"a\":1.10,\"html\":\"\\u003cb\\u003e\\u0026\",\"z\":9007199254740993}","tag_list":"b,a","age_over16":false,` +
			`"password":"[REDACTED]"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The rate limit allows only one request, and the plan does not use it.
			c, mock := newMocked(t, quickblox.Config{APIKey: apiKey, HTTP: userapi.HTTPOptions{
				RateLimit: userapi.RateLimit{PerSecond: 1e-6, Burst: 1},
			}})
			got := replying(mock, http.StatusCreated, []byte(keyless))
			plan, err := c.PlanUser(tt.req)
			require.NoError(t, err)
			assert.Zero(t, mock.GetTotalCallCount())
			assert.Equal(t, http.MethodPost, plan.Method)
			assert.Equal(t, "/users.json", plan.Route)
			assert.Empty(t, plan.UserID)
			assert.Empty(t, plan.Next)
			assert.True(t, tt.golden == string(plan.Body), "the plan is not as expected")

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			u, err := c.CreateUser(ctx, tt.req)
			require.NoError(t, err)
			assert.Equal(t, u.Unmapped, plan.Unmapped)
			secret, err := json.Marshal(tt.req.Password.Reveal())
			require.NoError(t, err)
			sent := strings.Replace(string(got.body), string(secret), `"[REDACTED]"`, 1)
			assert.True(t, sent == string(plan.Body), "the plan is not what is sent")
		})
	}
}
