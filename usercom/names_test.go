package usercom_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestLongFullName: a name that is too long for first_name is split if both parts fit. Lengths are
// in characters.
func TestLongFullName(t *testing.T) {
	t.Parallel()
	n := func(letter string, times int) string { return strings.Repeat(letter, times) }
	for name, test := range map[string]struct{ full, first, last string }{
		"a Portuguese name":            {"Joana Beatriz de Vasconcelos Albuquerque Sottomayor", "Joana Beatriz de Vasconcelos Albuquerque", "Sottomayor"},
		"40 letters stay whole":        {n("ł", 20) + " " + n("ó", 19), n("ł", 20) + " " + n("ó", 19), ""},
		"two of 40":                    {n("a", 40) + " " + n("b", 40), n("a", 40), n("b", 40)},
		"two of 40, in two bytes each": {n("ł", 40) + " " + n("ó", 40), n("ł", 40), n("ó", 40)},
		"two of 40, in four bytes":     {n("𝓐", 40) + " " + n("𝓑", 40), n("𝓐", 40), n("𝓑", 40)},
		"a long family name":           {"Jo " + n("b", 40), "Jo", n("b", 40)},
		"the last blank that fits":     {"a b " + n("c", 37) + " d", "a b", n("c", 37) + " d"},
		"several blanks":               {n("a", 30) + "   \t " + n("b", 30), n("a", 30), n("b", 30)},
		"blanks that count too much":   {n("a", 40) + n(" ", 50) + n("b", 40), n("a", 40), n("b", 40)},
		"blanks inside a part stay":    {n("a", 10) + "  " + n("b", 10) + " " + n("c", 30), n("a", 10) + "  " + n("b", 10), n("c", 30)},
		"blanks around":                {" \u00a0" + n("a", 30) + " " + n("b", 30) + " \n", n("a", 30), n("b", 30)},
		"too long by its blanks alone": {"  Ada Nowak" + n(" ", 40), "Ada Nowak", ""},
		"not at a no-break space":      {n("a", 20) + " " + n("b", 8) + "\u00a0" + n("c", 20), n("a", 20), n("b", 8) + "\u00a0" + n("c", 20)},
		"nor at narrow or figure ones": {n("a", 24) + " " + n("b", 8) + "\u202f" + n("c", 8) + "\u2007d", n("a", 24), n("b", 8) + "\u202f" + n("c", 8) + "\u2007d"},
		"else at a no-break space":     {n("a", 20) + "\u00a0" + n("b", 30), n("a", 20), n("b", 30)},
		"at a narrow no-break space":   {n("a", 38) + " b\u202f" + n("c", 40), n("a", 38) + " b", n("c", 40)},
		"at an ideographic space":      {n("山", 30) + "\u3000" + n("田", 30), n("山", 30), n("田", 30)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			req := userapi.CreateUserRequest{ExternalID: "crm-1", Email: "ada@example.org", FullName: test.full, Strict: true}
			plan, err := c.PlanUser(req)
			require.NoError(t, err)
			var planned map[string]string
			require.NoError(t, json.Unmarshal(plan.Body, &planned))

			u, err := c.CreateUser(t.Context(), req)
			require.NoError(t, err)
			assert.Empty(t, u.Unmapped)
			stored := srv.Users()[0]
			assert.Equal(t, []string{test.first, test.last}, []string{stored.FirstName, stored.LastName})
			assert.Equal(t, test.first, strings.TrimSpace(planned["first_name"]))
			assert.Equal(t, test.last, planned["last_name"])

			found, err := c.ResolveUser(t.Context(), req, u.CreatedAt)
			require.NoError(t, err, "a name that is shown otherwise is not another user's")
			assert.Equal(t, u.ID, found.ID)
		})
	}
}

func TestFullNameThatCannotBeSplit(t *testing.T) {
	t.Parallel()
	n := func(letter string, times int) string { return strings.Repeat(letter, times) }
	for name, full := range map[string]string{
		"one word":                 n("a", 41),
		"a first name of 41":       n("a", 41) + " b",
		"a last name of 41":        "b " + n("a", 41),
		"41 letters of two bytes":  n("ł", 41),
		"82 letters with a blank":  n("a", 40) + " " + n("b", 41),
		"a zero-width space":       n("a", 30) + "\u200b" + n("b", 30),
		"too long in three parts":  n("a", 30) + " " + n("b", 30) + " " + n("c", 30),
		"a no-break space too far": n("a", 41) + "\u00a0" + n("b", 30),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, c := newFake(t, nil)
			_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: full})
			e := asError(t, err)
			assert.Equal(t, []any{userapi.KindInvalid, userapi.OutcomeNotSent}, []any{e.Kind, e.Outcome})
			assert.Equal(t, []userapi.FieldError{{
				Field: "FullName", VendorField: "first_name", Code: userapi.CodeInvalid,
				Message: "must have at most 40 characters, or a blank that splits it into a first_name and a last_name of at most 40 each",
			}}, e.FieldErrors)
			assert.Empty(t, srv.Requests())
		})
	}
}

// TestLongFullNameBesideParts: an unused full name has no length limit, and a given part is not
// split.
func TestLongFullNameBesideParts(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	long := strings.Repeat("a", 30) + " " + strings.Repeat("b", 60)
	for _, req := range []userapi.CreateUserRequest{{GivenName: "Ada", FullName: long}, {FamilyName: "Nowak", FullName: long}} {
		_, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"Ada", ""}, []string{srv.Users()[0].FirstName, srv.Users()[0].LastName})
	assert.Equal(t, []string{"", "Nowak"}, []string{srv.Users()[1].FirstName, srv.Users()[1].LastName})

	e := asError(t, c.PreflightUser(userapi.CreateUserRequest{GivenName: long, FullName: "Ada"}))
	require.Len(t, e.FieldErrors, 1)
	assert.Equal(t, "GivenName", e.FieldErrors[0].Field)
	assert.Equal(t, "must have at most 40 characters", e.FieldErrors[0].Message)
}

// TestRefusedSplitName: User.com's error about either part is reported for FullName.
func TestRefusedSplitName(t *testing.T) {
	t.Parallel()
	srv, c := newFake(t, nil)
	srv.Inject(userapitest.Fault{Status: 400, Body: []byte(`{"errors":{"first_name":["Too odd."],"last_name":["Sottomayor is too odd."]}}`)})
	_, err := c.CreateUser(t.Context(), userapi.CreateUserRequest{FullName: "Joana Beatriz de Vasconcelos Albuquerque Sottomayor"})
	e := asError(t, err)
	require.Len(t, e.FieldErrors, 2)
	for _, f := range e.FieldErrors {
		assert.Equal(t, "FullName", f.Field)
	}
	assert.NotContains(t, printed(t, e), "Sottomayor")
}
