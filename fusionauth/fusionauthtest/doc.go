// Package fusionauthtest is a fake of a FusionAuth server over real HTTP, for tests
// and for programs that want to be tried without one.
//
// It enforces what FusionAuth enforces: the API key, the tenant, the members of a
// create's body and their types, required members, the length of passwords, and
// uniqueness. Its statuses, headers and bodies are those of FusionAuth's
// documentation, "Users API", "API Errors" and "API Authentication", and of
// prime-mvc, the framework that FusionAuth runs on. It keeps its users in memory
// and serves on loopback only.
//
// [NewServer] is for tests, [Start] for programs. [Server.Config] makes a client
// that talks to it. [Server.Inject] makes faults happen to operations:
//
//	Create  POST /api/user, /api/user/{userId}
//	Lookup  GET /api/user/{userId}, /api/user?email= ?username= ?loginId=
//	Delete  DELETE /api/user/{userId}, which leaves the user there but not active,
//	        and ?hardDelete=true
//
// Members are those of FusionAuth 1.67. Ids are unique over all tenants, everything
// else in each. No message is sent: an e-mail address or a phone number stays
// unverified, and a create that does not skip its verification is answered with the
// verification's id and code. Groups, applications, roles and the ids of completed
// verifications are not looked up, and registrations are passed over.
//
// FusionAuth does not say what it answers to a tenant that does not exist: there
// the fake has the likely status and a text of its own.
package fusionauthtest
