package fusionauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/fusionauth/fusionauthtest"
	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/userapitest"
)

// registering returns numbered with a registration.
func registering(n int, r fusionauth.Registration) userapi.CreateUserRequest {
	req := numbered(n)
	if r.ApplicationID == nil {
		r.ApplicationID = new(applicationID)
	}
	req.Extensions = []userapi.Extension{fusionauth.Extra{Registration: &r}}
	return req
}

func TestCreateWithARegistration(t *testing.T) {
	t.Parallel()
	c, server := newPair(t, fusionauthtest.WithApplications(fusionauthtest.Application{
		ID: applicationID, Roles: []string{"user"}, VerifyRegistrations: true, RefreshTokens: true,
	}))
	req := registering(1, fusionauth.Registration{Roles: []string{"user"}, Username: new("jay")})
	x := req.Extensions[0].(fusionauth.Extra)
	x.ApplicationID, x.GenerateAuthenticationToken = applicationID, new(true)
	req.Extensions[0] = x

	plan, err := c.PlanUser(req)
	require.NoError(t, err)
	u, err := c.CreateUser(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, "/api/user/registration/"+u.ID, plan.Route)
	assert.Empty(t, plan.Next)
	assert.Equal(t, plan.UserID, u.ID)
	assert.Equal(t, "customer-1", u.ExternalID)
	assert.Equal(t, "jane1@example.com", u.Email)
	native, ok := userapi.As[*fusionauth.RegisterResponse](u)
	require.True(t, ok)
	assert.True(t, native.Registration.AuthenticationToken.Reveal() != "" && native.RefreshToken.Reveal() != "" && native.Token.Reveal() != "")
	assert.True(t, native.RegistrationVerificationID.Reveal() != "")
	require.Len(t, server.Requests(), 1)
	assert.JSONEq(t, string(plan.Body), string(server.Requests()[0].Body))

	users := server.Users()
	require.Len(t, users, 1)
	require.Len(t, users[0].Registrations, 1)
	assert.Equal(t, fusionauthtest.Registration{
		ID: *native.Registration.ID, ApplicationID: applicationID, Roles: []string{"user"}, Username: "jay", AuthenticationToken: true,
	}, users[0].Registrations[0])

	_, err = c.CreateUser(t.Context(), req)
	e := asError(t, err)
	assert.Equal(t, userapi.KindConflict, e.Kind)
	assert.Equal(t, []string{"Email", "Username", "ExternalID"}, fieldNames(e))
}

// TestABadRegistrationMakesNoUser: both are one transaction.
func TestABadRegistrationMakesNoUser(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	for name, tt := range map[string]struct {
		registration fusionauth.Registration
		field        string
	}{
		"a role that there is not":         {fusionauth.Registration{Roles: []string{"user", "owner"}}, "registration.roles"},
		"an application that there is not": {fusionauth.Registration{ApplicationID: new(tenantB)}, "registration.applicationId"},
	} {
		_, err := c.CreateUser(t.Context(), registering(1, tt.registration))
		e := asError(t, err)
		assert.Equal(t, userapi.KindInvalid, e.Kind, name)
		assert.Equal(t, userapi.OutcomeRejected, e.Outcome, name)
		assert.Equal(t, tt.field, e.FieldErrors[0].VendorField, name)
	}
	assert.Zero(t, server.UserCount())
	_, err := c.CreateUser(t.Context(), registering(1, fusionauth.Registration{Roles: []string{"admin", "user"}}))
	require.NoError(t, err)
}

func TestRegistrationSettingsNeedARegistration(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	for field, x := range map[string]fusionauth.Extra{
		"generateAuthenticationToken":  {GenerateAuthenticationToken: new(false)},
		"skipRegistrationVerification": {SkipRegistrationVerification: new(true)},
		"applicationId":                {ApplicationID: tenantB, Registration: &fusionauth.Registration{ApplicationID: new(applicationID)}},
		"registration.applicationId":   {Registration: &fusionauth.Registration{}},
	} {
		req := numbered(1)
		req.Extensions = []userapi.Extension{x}
		for _, err := range []error{c.PreflightUser(req), func() error { _, err := c.CreateUser(t.Context(), req); return err }()} {
			e := asError(t, err)
			assert.Equal(t, userapi.OutcomeNotSent, e.Outcome)
			assert.Equal(t, []string{field}, []string{e.FieldErrors[0].VendorField})
		}
	}
	assert.Empty(t, server.Requests())
}

func TestFinishUserRegisters(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	u, err := c.CreateUser(t.Context(), numbered(1))
	require.NoError(t, err)
	req := registering(1, fusionauth.Registration{Roles: []string{"user"}})
	for range 2 { // the second one finds the registration
		require.NoError(t, c.FinishUser(t.Context(), req, u))
		require.Len(t, server.Users()[0].Registrations, 1)
		assert.Equal(t, []string{"user"}, server.Users()[0].Registrations[0].Roles)
	}
	sent := len(server.Requests())
	require.NoError(t, c.FinishUser(t.Context(), numbered(1), u), "there is nothing to do")
	assert.Len(t, server.Requests(), sent)

	u.ID = tenantB
	e := asError(t, c.FinishUser(t.Context(), req, u))
	assert.Equal(t, userapi.KindNotFound, e.Kind)
	assert.Equal(t, userapi.OutcomeCreated, e.Outcome)
	assert.Equal(t, u, e.User)
}

// TestFinishUserAfterALostReply: if a registration's reply is lost, the next attempt finds the
// registration.
func TestFinishUserAfterALostReply(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	u, err := c.CreateUser(t.Context(), numbered(1))
	require.NoError(t, err)
	server.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.AfterCommit, Do: userapitest.Reset})
	require.NoError(t, c.FinishUser(t.Context(), registering(1, fusionauth.Registration{}), u))
	require.Len(t, server.Users()[0].Registrations, 1)
}

// TestEnsureRegisters: Ensure registers a user that it finds, or reports that the registration is
// missing.
func TestEnsureRegisters(t *testing.T) {
	t.Parallel()
	c, server := newPair(t)
	begun := time.Now()
	_, err := c.CreateUser(t.Context(), numbered(1)) // without its registration
	require.NoError(t, err)
	res, err := provision.Ensure(t.Context(), c, registering(1, fusionauth.Registration{}), provision.Resuming(begun))
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRecovered, res.Disposition)
	assert.Len(t, server.Users()[0].Registrations, 1)

	server.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
	res, err = provision.Ensure(t.Context(), c, registering(2, fusionauth.Registration{}))
	require.NoError(t, err)
	assert.Equal(t, provision.DispositionRecovered, res.Disposition)
	assert.Len(t, server.Users()[1].Registrations, 1)

	_, err = c.CreateUser(t.Context(), numbered(3))
	require.NoError(t, err)
	server.Inject(userapitest.Fault{On: userapitest.Attributes, When: userapitest.BeforeCommit, Status: 403})
	res, err = provision.Ensure(context.Background(), c, registering(3, fusionauth.Registration{}), provision.Resuming(begun))
	require.ErrorIs(t, err, userapi.ErrForbidden)
	assert.Equal(t, provision.DispositionRecovered, res.Disposition)
	assert.Empty(t, server.Users()[2].Registrations)
}

// TestAnImportWithARegistration: the import also registers a user with a hashed password.
func TestAnImportWithARegistration(t *testing.T) {
	t.Parallel()
	for name, skip := range map[string]bool{"to be verified": false, "verified": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, server := newPair(t, fusionauthtest.WithApplications(fusionauthtest.Application{
				ID: applicationID, Roles: []string{"user"}, VerifyRegistrations: true,
			}))
			reqs := movedUsers(3)
			for i := range reqs {
				x := reqs[i].Extensions[0].(fusionauth.Extra)
				x.Registration = &fusionauth.Registration{ApplicationID: new(applicationID), Roles: []string{"user"}}
				x.SkipRegistrationVerification = &skip
				reqs[i].Extensions[0] = x
			}
			_, err := c.CreateUser(t.Context(), reqs[0])
			require.NoError(t, err)
			results := c.CreateUsers(t.Context(), reqs[1:])
			assert.Equal(t, []string{"created", "created"}, outcomes(t, results))

			require.Equal(t, 2, imports(server))
			require.Len(t, server.Users(), 3)
			for _, u := range server.Users() {
				require.Len(t, u.Registrations, 1)
				r := u.Registrations[0]
				assert.NotEmpty(t, r.ID)
				r.ID = ""
				assert.Equal(t, fusionauthtest.Registration{ApplicationID: applicationID, Roles: []string{"user"}, Verified: skip}, r)
			}
		})
	}
}
