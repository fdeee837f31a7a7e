package usercom_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/usercom"
)

// fullPlan sets every member, with texts that JSON and forms must escape.
func fullPlan() userapi.CreateUserRequest {
	req := fullNeutral()
	req.GivenName, req.FamilyName = "Ada & <Zofia>", "\"Nówak\"\u2028"
	req.Tags = []string{"spring & co", "a,b", "newsletter"}
	req.Attributes = map[string]any{"z": 9007199254740993, "a": json.Number("1.10"), "html": "<b>&"}
	req.Extensions = []userapi.Extension{&usercom.Extra{
		Gender: usercom.GenderFemale, Score: new(int64(9007199254740993)), Notifications: new(false), Unsubscribed: new(true), CompanyID: "acme-7",
	}}
	return req
}

// formPairs returns the members of a planned body as a form.
func formPairs(t *testing.T, body json.RawMessage) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &members))
	form := url.Values{}
	for name, raw := range members {
		var text string
		var list []string
		switch {
		case json.Unmarshal(raw, &text) == nil:
			form.Set(name, text)
		case json.Unmarshal(raw, &list) == nil:
			form[name] = list
		default:
			form.Set(name, string(raw))
		}
	}
	return form.Encode()
}

func TestPlanIsWhatIsSent(t *testing.T) {
	t.Parallel()
	const rest = `"first_name":"Ada \u0026 \u003cZofia\u003e","last_name":"\"Nówak\"\u2028","phone_number":"+48500100200","gender":3,` +
		`"score":9007199254740993,"notifications":false,"unsubscribed":true`
	for name, tt := range map[string]struct {
		version  usercom.Version
		encoding usercom.Encoding
		golden   string
	}{
		"V1":      {usercom.V1, usercom.JSON, `{"email":"ada.nowak@example.org","user_id":"crm-000781",` + rest + `,"company_id":"acme-7",`},
		"V1 form": {usercom.V1, usercom.Form, `{"email":"ada.nowak@example.org","user_id":"crm-000781",` + rest + `,"company_id":"acme-7",`},
		"V2":      {usercom.V2, usercom.JSON, `{"email":"ada.nowak@example.org",` + rest + `,`},
		"V2 form": {usercom.V2, usercom.Form, `{"email":"ada.nowak@example.org",` + rest + `,`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden := tt.golden + `"timezone":"Europe/Warsaw","tags":["spring \u0026 co","a,b","newsletter"]`
			if tt.version == usercom.V2 {
				golden += `,"custom_id":"crm-000781","company_custom_id":"acme-7"`
			}
			golden += "}"
			// The rate limit allows only two requests, and the plan uses none.
			c, mock := newClient(t, func(cfg *usercom.Config) {
				cfg.Version, cfg.Encoding = tt.version, tt.encoding
				cfg.HTTP.RateLimit = userapi.RateLimit{PerSecond: 1e-6, Burst: 2}
			})
			create := answer(mock, usersURL, 201, `{"id":17}`)
			attributes := answer(mock, usersURL+"17/set_multiple_attributes/", 200, "")
			req := fullPlan()
			plan, err := c.PlanUser(req)
			require.NoError(t, err)
			assert.Zero(t, mock.GetTotalCallCount())
			assert.Equal(t, http.MethodPost, plan.Method)
			assert.Equal(t, "/users/", plan.Route)
			assert.Empty(t, plan.UserID)
			assert.Equal(t, golden, string(plan.Body))
			require.Len(t, plan.Next, 1)
			next := plan.Next[0]
			assert.Equal(t, userapi.Step{
				Method: "POST", Route: "/users/{id}/set_multiple_attributes/", Body: json.RawMessage(`{"a":1.10,"html":"\u003cb\u003e\u0026","z":9007199254740993}`),
			}, next)

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			u, err := c.CreateUser(ctx, req)
			require.NoError(t, err)
			assert.Equal(t, 2, mock.GetTotalCallCount())
			assert.Equal(t, u.Unmapped, plan.Unmapped)
			assert.Equal(t, "/api/public"+plan.Route, create.uri)
			assert.Equal(t, "/api/public"+strings.Replace(next.Route, "{id}", u.ID, 1), attributes.uri)
			assert.Equal(t, string(next.Body), attributes.body)
			if tt.encoding == usercom.Form {
				assert.Equal(t, create.body, formPairs(t, plan.Body))
			} else {
				assert.Equal(t, create.body, string(plan.Body))
			}
			assert.NotContains(t, create.body+attributes.body, req.Password.Reveal())
		})
	}
}
