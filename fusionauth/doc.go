// Package fusionauth creates users at a FusionAuth server, by POST
// /api/user/{userId}.
//
// [Client] is a userapi.Creator; its Users field has the vendor's own calls with
// every field of the vendor's. The facts below are from FusionAuth's documentation,
// "Users API" and "API Errors", unless another source is named.
//
// # Credentials
//
// A client has an API key, which goes into the Authorization header as it is,
// without a scheme. A key that is bound to a tenant, or a server with one tenant,
// needs no more; otherwise Config.TenantID, or the request's own TenantID, names the
// tenant in the header X-FusionAuth-TenantId. FusionAuth refuses a create without it
// with the code TenantIdRequired.
//
// # The user's id
//
// FusionAuth lets the caller choose the id of a new user, and this client always
// does, because a create whose reply was lost can then be settled by reading the
// user back, by GET /api/user/{id}. The id is, of these, the first that is set:
//
//	Extra.UserID     a UUID
//	ExternalID       as it is where it is a UUID, else derived
//	IdempotencyKey   as it is where it is a UUID, else derived
//
// or else a random one. A UUID is one in the form of 36 characters, of any version;
// it is sent in lower case. What a text derives to is written at [Namespace]: the
// same text gives the same id, also after a restart and from another program, so
// that a second create of it is refused as a duplicate. Every error of a create
// holds the id in Error.UserID. Only the native call can leave the id to the
// server; see [ServerAssigned].
//
// A reply that holds another id than the one that was asked for is no proof of
// anything: it may belong to another call, or to a server that is none of
// FusionAuth's. It is an error of KindProtocol and OutcomeUnknown, whose UserID is
// the id that was asked for.
//
// # Mapping
//
//	ExternalID              the user's id, see above; unmapped where Extra.UserID is another one
//	Username, Email         user.username, user.email
//	Phone                   user.mobilePhone; with Config.PhoneLogin user.phoneNumber
//	Password                user.password, required unless Extra asks for a message to set one
//	FullName                user.fullName
//	GivenName, FamilyName   user.firstName, user.lastName
//	Timezone                user.timezone
//	Language                user.preferredLanguages, "es-MX" as "es_MX"
//	Attributes              user.data
//	Tags                    unmapped
//	IdempotencyKey          not sent; may give the user's id
//
// An e-mail address, a user name or a phone number to log in with is required:
// mobilePhone is not enough. [Extra] holds the rest. FusionAuth puts the e-mail
// address in lower case: compare what came back, not what was sent. The neutral
// user's ExternalID is the request's own where it gave the id.
//
// # Errors
//
// FieldError.Code and Error.Code are the word in the brackets of FusionAuth's code:
// "duplicate" for "[duplicate]user.email"; a field's error without a code is
// "invalid". A duplicate of the e-mail address, the user name, the phone number or
// the id is a Conflict, also when other fields are wrong too. A missing or wrong API
// key, also one that lacks the right, is an empty 401. A status 504 with errors in
// FusionAuth's own form says that a webhook failed and that the user was rolled
// back: it is Unavailable and Rejected; any other 504, such as a load balancer's, is
// Unknown.
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and after 409 with
// the code retryableConflict. Nothing else. A 409 that outlasts the attempts is a
// Conflict without FieldErrors: nothing is taken, and a later call may succeed.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds
// *[APIError] in an error that a reply caused.
package fusionauth
