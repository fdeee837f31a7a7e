// Package fusionauthtest is a fake of a FusionAuth server over real HTTP. It is for tests, and for
// programs that run without a real one.
//
// It checks what FusionAuth checks: the API key, the tenant, the types of members, required
// members, the length of passwords, applications and their roles, and uniqueness. Statuses, headers
// and bodies follow FusionAuth's documentation, "Users API", "User Registration APIs", "API Errors"
// and "API Authentication". Other details are those of prime-mvc, FusionAuth's framework.
// The fake keeps its users in memory and serves only on loopback.
//
// [NewServer] is for tests, [Start] for programs. [Server.Config] returns the settings of a client
// for it. [Server.Inject] injects faults into operations:
//
//	Create      POST /api/user, /api/user/{userId}
//	            POST /api/user/registration, /api/user/registration/{userId} with a user in the body
//	Attributes  POST /api/user/registration/{userId} without a user in the body
//	            PUT, PATCH /api/user/{userId}
//	            PUT, PATCH, DELETE /api/user/registration/{userId}/{applicationId}
//	Lookup      GET /api/user/{userId}, /api/user?email= ?username= ?loginId=
//	            GET /api/user/search?ids=, POST /api/user/search with ids
//	            GET /api/user/registration/{userId}/{applicationId}
//	Delete      DELETE /api/user/{userId}, which leaves the user there but not active,
//	            and ?hardDelete=true
//
// Any other request gets a 404 with a text, and the Logger of [userapitest.ServerOptions] names the
// route. FusionAuth's own 404, for a missing user, is empty.
//
// A request above the Rate of [userapitest.ServerOptions] gets an empty 429. FusionAuth
// itself has no such rate. [Server.Stats] has the counts.
//
// # What it stores
//
// Members are those of FusionAuth 1.67. Other members are ignored, as by current servers;
// [WithUnknownMembersRefused] and [WithServerBefore159] make older servers. Ids are unique over all
// tenants; other values are unique within a tenant. A user and its registration are created
// together, or not at all. [WithApplications] sets the applications.
//
// It sends no messages, so an e-mail address or a phone number stays unverified. The reply to a
// create that does not skip verification has the verification's id and code. Groups and the ids of
// completed verifications are not checked, and the registrations of a plain create are ignored.
//
// A PATCH is a JSON patch or a merge patch. As application/json it is a merge that adds to lists.
//
// FusionAuth does not document its answer for a missing tenant, nor the text of
// [duplicate]registration. For these the fake has a likely status and its own text.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package fusionauthtest
