package vendors

import (
	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

var fusionauthVendor = vendor{
	name:        fusionauth.Name,
	credentials: []string{"API_KEY"},
	settings:    []string{"URL", "TENANT_ID"},
	needs:       []string{"URL", "API_KEY API_KEY_FILE"},
	variable: map[string]string{
		"Config.APIKey":       "API_KEY API_KEY_FILE",
		"Config.TenantID":     "TENANT_ID",
		"Config.HTTP.BaseURL": "URL",
	},
	member: map[string]string{"Config.TenantID": "tenant", "Config.HTTP.BaseURL": "url"},
	make:   makeFusionAuth,
}

func makeFusionAuth(s Settings, l *lookup, http userapi.HTTPOptions) (userapi.Creator, error) {
	l.owner = l.setting("TENANT_ID", s.Tenant)
	return fusionauth.New(fusionauth.Config{
		APIKey: l.secret("API_KEY"), TenantID: l.owner, PhoneLogin: s.PhoneLogin, HTTP: http,
	})
}
