// Package fusionauthtest is a fake of a FusionAuth server over real HTTP, for tests,
// and for programs that run without a real one.
//
// It enforces what FusionAuth enforces: the API key, the tenant, the types of a body's
// members, required members, the length of passwords, the applications and their roles, and
// uniqueness. Its statuses, headers and bodies are those of FusionAuth's
// documentation, "Users API", "User Registration APIs", "API Errors" and "API Authentication", and of
// prime-mvc, the framework that FusionAuth runs on. It keeps its users in memory
// and serves on loopback only.
//
// [NewServer] is for tests, [Start] for programs. [Server.Config] makes a client
// that talks to it. [Server.Inject] makes faults happen to operations:
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
// Any other request gets a 404 with a text, and the Logger of
// [userapitest.ServerOptions] names it. FusionAuth's own 404, for a user who does not
// exist, is empty.
//
// A request above the Rate of [userapitest.ServerOptions] gets an empty 429. FusionAuth
// itself has no such rate. [Server.Stats] has the counts.
//
// # What it stores
//
// Members are those of FusionAuth 1.67. Other members are ignored, as by current
// servers; [WithUnknownMembersRefused] and [WithServerBefore159] make older servers.
// Ids are unique over all tenants; other values are unique within a tenant. A user and
// its registration are made together, or neither is. [WithApplications] sets the
// applications.
//
// It sends no messages: an e-mail address or a phone number stays unverified. The reply
// to a create that does not skip verification has the verification's id and code.
// Groups and the ids of completed verifications are not checked, and the registrations
// of a plain create are ignored.
//
// A PATCH is a JSON patch, a merge patch or, as application/json, a merge that adds to lists.
//
// FusionAuth does not document its answer for a tenant that does not exist, and the
// text for [duplicate]registration. For these the fake has the likely status and a text
// of its own.
//
// [userapitest.ServerOptions]: https://pkg.go.dev/github.com/enlist-go/enlist/userapi/userapitest#ServerOptions
package fusionauthtest
