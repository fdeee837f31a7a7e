package fusionauth

import "net/http"

// tenantHeader scopes a call to one tenant.
const tenantHeader = "X-FusionAuth-TenantId"

// An authorizer returns the API key. It is a closure so that printing it shows
// nothing.
type authorizer func() (apiKey string)

// sign puts the key on a request as it is: FusionAuth wants no scheme before it.
// Source: FusionAuth, "API Authentication".
func (a authorizer) sign(r *http.Request, tenantID string) {
	r.Header.Set("Authorization", a())
	if tenantID != "" {
		r.Header.Set(tenantHeader, tenantID)
	}
}
