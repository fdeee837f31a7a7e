// Package fusionauth creates users at a FusionAuth server, by POST
// /api/user/{userId}.
//
// [Client] is a userapi.Creator, Planner, Resolver, Repeater and Deleter; its Users field
// has the vendor's own calls with every field of the vendor's. The facts below are from
// FusionAuth's documentation, "Users API" and "API Errors", unless another source is
// named.
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
// that a second create of it is refused as a duplicate: with an error of the field
// ExternalID or IdempotencyKey, whichever gave the id. Every error of a create
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
// Client.PlanUser shows what a create would send, and the id that the user will have,
// unless that would be random. Redacted in it are the password and, of Extra,
// VerificationIDs, the secrets of TwoFactor.Methods and the recovery codes.
//
// # Errors
//
// FieldError.VendorCode and Error.Code are the word in the brackets of FusionAuth's
// code: "duplicate" for "[duplicate]user.email". FieldError.Code is what it means, such
// as userapi.CodeTaken. A duplicate of the e-mail address, the user name, the phone number or
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
// Look-ups and deletes do no harm when they are sent twice. They are tried again after
// every failure of the way and after 5xx too.
//
// # Look-ups
//
// Users.Get reads a user by its id, Users.GetByEmail and Users.GetByLoginID by what it
// logs in with, Users.Delete and Client.DeleteUser delete it for good, and
// Users.Deactivate softly. Each goes to the client's tenant. That is optional for a
// call by id, which without it reaches every tenant; a call by anything else fails
// with the code TenantIdRequired where there are several tenants and none is named.
// FusionAuth says that there is no such user by an empty 404, also of a user of
// another tenant. That is a KindNotFound with OutcomeRejected. A 404 with a page in it
// is a proxy's: a KindProtocol that leaves it unknown, as every other error does.
//
// # Resolving an unknown outcome
//
// ResolveUser is asked after a create that ended with OutcomeUnknown, with the same
// request, the same tenant, and the time before the create:
//
//	since := time.Now()
//	user, err := c.CreateUser(ctx, req)
//	if userapi.MayHaveCreated(err) {
//		user, err = c.ResolveUser(ctx, req, since)
//		if errors.Is(err, userapi.ErrNotFound) {
//			user, err = c.RepeatUser(ctx, req)
//		}
//	}
//
// Where the request gives the user's id, by Extra.UserID, ExternalID or
// IdempotencyKey, the user is read by that id, and the user's Proof is ProofID. An id
// of the IdempotencyKey's stands for this one create, so that the user's age does not
// matter. One of the others stands for the user: its insertInstant is held against
// since, by the server's clock. A key that is a UUID is taken for the id itself: give
// none that is another user's. With the zero since, which asks for such a user of any
// age, a miss by the id goes on to the keys below; a user of another id than ExternalID
// or Extra.UserID asks for is a Conflict.
//
// Where the request gives no id, CreateUser made a random one. The user is then looked
// for by e-mail address, user name and phone number, and its Proof is ProofMatch: a
// user whose keys are the request's and who is no older than since. It may still be
// another caller's of the same moment, and says nothing of the password. Set
// IdempotencyKey to have a proof, or set Extra.UserID to the UserID of the create's
// error, which is the random id. On a tenant with unique user names, where FusionAuth
// adds a suffix to a name that is taken, a user name alone proves neither that there
// is such a user nor that there is none.
//
// Whoever is found is compared with every key that was sent, and User.Compared names
// those that are equal: the id, user.email and user.username without regard to the
// case of ASCII letters (where others differ, or the user is not active, it stays
// unknown),
// and user.phoneNumber by its digits, where a number without its country equals the
// end of the stored one. A number that may be written in another way, as with letters
// or an extension, leaves it unknown. Any other difference is a Conflict, also where
// the user has no such member. mobilePhone is an attribute and is not compared, nor is
// anything else that others may change.
//
// A user is absent when three looks, with growing waits between them, found nobody, by
// an empty 404. RepeatUser needs an id in the request: a repeat has the id of the
// first, so that FusionAuth refuses the later of the two with a Conflict that names
// userId.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also in one that a look-up
// found, and errors.As finds *[APIError] in an error that a reply caused.
package fusionauth
