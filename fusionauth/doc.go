// Package fusionauth creates users at a FusionAuth server, by POST /api/user/{userId}, and registers
// them for applications, by POST /api/user/registration/{userId}.
//
// [Client] is a userapi.Creator, BatchCreator, Planner, Finisher, Resolver, Repeater and Deleter. Its Users field
// has the vendor's own calls with every field. The facts below are from FusionAuth's
// documentation, "Users API", "User Registration APIs" and "API Errors", unless another source is named.
//
// # Credentials and tenants
//
// A client has an API key. Creates and look-ups by e-mail address, user name or phone number go to
// one tenant: the request's TenantID, else Config.TenantID or the one of [Client.WithTenant], in
// the header X-FusionAuth-TenantId. A key that is bound to a tenant, or a server with one tenant,
// needs none; otherwise FusionAuth refuses the call with the code TenantIdRequired. Look-ups and
// deletes by id never name a tenant: the key sees the user in whatever tenant it is. An application
// is in a tenant too: its registrations are of that tenant's users.
//
// # The user's id
//
// This client always chooses the new user's id: a create whose reply was lost is then
// settled by reading the user back. The id is the first of these that is set:
//
//	Extra.UserID     a UUID
//	ExternalID       as it is where it is a UUID, else derived
//	IdempotencyKey   as it is where it is a UUID, else derived
//	                 else a random UUID
//
// A UUID has the form of 36 characters and any version, and is sent in lower case.
// [Namespace] says how an id is derived: the same text gives the same id in every program,
// so that a second create is refused as a duplicate of the field that gave the id. Every
// error of a create has the id in Error.UserID. [ServerAssigned] leaves it to the server.
//
// # Mapping
//
//	ExternalID              the user's id; unmapped where Extra.UserID is another one
//	Username, Email         user.username, user.email
//	Phone                   user.mobilePhone; with Config.PhoneLogin user.phoneNumber
//	Password                user.password
//	FullName                user.fullName
//	GivenName, FamilyName   user.firstName, user.lastName
//	Timezone                user.timezone
//	Language                user.preferredLanguages, as Java writes locales; see below
//	Attributes              user.data
//	Tags                    unmapped
//	IdempotencyKey          not sent; may give the user's id
//
// An e-mail address, a user name or a phone number to log in with is required; mobilePhone
// is not enough. [Extra] holds the rest. FusionAuth puts e-mail addresses in lower case.
// A plan shows the password and the secrets of Extra redacted.
//
// Whether a user needs a password is the server's to say. FusionAuth 1.59 and later take one without; older
// servers refuse it, unless Extra asks for a message to set one. Source: FusionAuth's issue tracker, 3147 and 3156.
//
// A language is a BCP 47 tag, in any case. The server reads what is not in Java's form as another locale:
//
//	es-MX            es_MX
//	sr-Latn-RS       sr_RS_#Latn
//	zh-Hant          zh__#Hant
//	de-CH-1996       de_CH_1996
//	th-TH-u-nu-thai  th_TH_#u-nu-thai
//	i-klingon        tlh
//
// Extra.PreferredLanguages are sent as they are, as are those of a registration. Source: FusionAuth, "Data
// Types", Locales; Java, java.util.Locale.
//
// # Registrations
//
// With Extra.Registration a create makes the user and its registration for an application in one
// transaction: both, or neither. The user's id is chosen as in any create, so that ResolveUser, RepeatUser
// and DeleteUser work alike. An unknown role or application is Invalid, and no user is created.
//
//   - A user who exists is registered by Users.Register without a User.
//   - Where it is registered for the application already, that is a Conflict that names registration.
//   - A user that was found without its registration is registered by [Client.FinishUser], as Ensure and a
//     Provisioner do by themselves. A registration that is there is left as it is.
//   - user.registrations of a plain create are sent by Users.Create, and FusionAuth is documented to ignore
//     them. The reply's Warnings then name Users.Register.
//
// # Passwords that are hashed already
//
// Extra.PasswordHash is the hash of a password that another system made. Such a user is imported, by
// POST /api/user/import, with the registration of Extra.Registration. [Client.CreateUsers] imports
// many at once; [Client.CreateUser] imports one. [ParseBcrypt] splits a bcrypt hash.
//
//   - The user's id is chosen as in any create. ResolveUser, RepeatUser, Ensure and Undo work alike.
//   - An import is one transaction: all of its users are created, or none.
//   - Its reply shows nobody. After a success one of its users is read.
//   - The server stores the hash, and compares it when the user logs in. The forms of hash, salt and factor are
//     checked before anything is sent, for the schemes that FusionAuth brings along.
//   - FusionAuth sends these users no message, and returns no token.
//   - One import at a time is sent by a client.
//
// [UsersService.Import] is FusionAuth's own call.
//
// # What a server passes over
//
// Current servers ignore a member that they do not know. Only the first versions refused the whole
// request. So what is newer than the server is lost, and the user is created. User.Warnings, and those of a
// reply, say so where the reply shows it: a phone number to log in with that was sent to a server before
// 1.59, and registrations. Source: FusionAuth's issue tracker, 93, 529 and 2488.
//
// # Success
//
// A success is a 2xx with a user whose id is a UUID, without an error in it, that shows no other
// id, e-mail address or user name than was sent. The case of ASCII letters and white space around a
// text do not count, nor does what the reply does not show. Another user in the reply is an error
// of KindProtocol and OutcomeUnknown with that user's id among the Candidates. After a create with a
// registration the reply must show one for the application; otherwise the user is created, and the error says
// that the rest is not proven: OutcomeCreated, with the user, for FinishUser.
//
// # Errors
//
//	a duplicate e-mail, user name, phone number or id   Conflict, also beside other faults
//	a duplicate registration                            Conflict
//	401                                                 Unauthorized; its body is empty
//	409 with [retryableConflict]                        Unavailable, Rejected: it passes
//	409 with other errors                               what they say
//	500 with [ImportRequestFailed]                      Unavailable, Unknown: an import of users of whom one exists
//	504 with errors in FusionAuth's form                Unavailable, Rejected: a webhook failed and the user was rolled back
//	any other 504                                       Unavailable, Unknown
//
// # Retries
//
// A create is sent again after a failure to connect, 429, and 409 with the code
// retryableConflict, and so is a registration by Users.Register. Look-ups, deletes and FinishUser are tried
// again after every passing failure.
//
// # Look-ups
//
// Users.Get, GetByEmail and GetByLoginID read a user. Users.Delete and Client.DeleteUser
// delete one for good, Users.Deactivate softly. FusionAuth's own 404 is empty: it is a
// KindNotFound with OutcomeRejected. It says nothing of other tenants, nor of what the key
// may not see. A 404 with a page in it is a proxy's: KindProtocol and OutcomeUnknown.
//
// # Resolving an unknown outcome
//
// After a create whose error matches userapi.MayHaveCreated call ResolveUser with a time from
// before the create, and RepeatUser if its error matches userapi.ErrNotFound. The example of
// [Client.RepeatUser] does both.
//
// Where the request gives the id, the user is read by it, and its Proof is ProofID. An id
// of the IdempotencyKey belongs to this one create, so that the user's age does not matter.
// Otherwise insertInstant is compared with since, by the server's clock. With the zero
// since, which accepts a user of any age, a miss by the id goes on to the keys below.
//
// Where the request gives no id, the user is looked for by e-mail address, user name and
// phone number, and its Proof is ProofMatch. It may still be another caller's of the same
// moment, and the password may be another. Set IdempotencyKey to have a proof, or set
// Extra.UserID to the UserID of the create's error. On a tenant with unique user names,
// where FusionAuth adds a suffix to a taken name, a user name alone proves nothing.
//
// The user that is found is compared with each key that was sent; User.Compared names
// those that are equal:
//
//	the id, user.email, user.username   without regard to the case of ASCII letters
//	user.phoneNumber                    by its digits; without its country it equals the end of the stored one
//
// Other letters that differ, a number in another form, or a user that is not active leave
// it unknown. Any other difference, another tenant too, is a Conflict. mobilePhone is not
// compared. A user is absent when three looks found nobody. RepeatUser needs an id in the
// request: FusionAuth then refuses the later of two creates.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also in one that a look-up found; after a create with
// a registration it finds *[RegisterResponse].
// errors.As finds *[APIError] in an error that a reply caused.
package fusionauth
