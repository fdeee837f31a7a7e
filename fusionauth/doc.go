// Package fusionauth creates users at a FusionAuth server, by POST /api/user/{userId}. It
// also registers them for applications, by POST /api/user/registration/{userId}.
//
// [Client] is a userapi.Creator, BatchCreator, Planner, Finisher, Resolver, Repeater and
// Deleter. Its Users field has the vendor's own calls with every field. The facts below are
// from FusionAuth's documentation, "Users API", "User Registration APIs" and "API Errors",
// unless another source is named.
//
// # Credentials and tenants
//
// A client has an API key. Calls that name a tenant do so in the header
// X-FusionAuth-TenantId:
//
//   - A create, and a look-up by e-mail address, user name or phone number, is for one
//     tenant: the request's TenantID, else Config.TenantID or that of [Client.WithTenant].
//   - A key that is bound to a tenant, or a server with one tenant, needs no TenantID.
//     Otherwise FusionAuth refuses the call with the code TenantIdRequired.
//   - Look-ups and deletes by id name no tenant. The key sees the user in any tenant.
//   - An application belongs to a tenant. Its registrations are for that tenant's users.
//
// # The user's id
//
// This client always chooses the new user's id. After a lost reply it can then read the
// user by that id. The id is the first of these that is set:
//
//	Extra.UserID     a UUID
//	ExternalID       as it is if it is a UUID, else derived
//	IdempotencyKey   as it is if it is a UUID, else derived
//	                 else a random UUID
//
// A UUID has 36 characters and any version. It is sent in lower case. [Namespace] documents
// how an id is derived: the same text gives the same id in every program. A second create is
// then refused as a duplicate of the field that gave the id. Error.UserID has the id in every
// error of a create. With [ServerAssigned] the server chooses the id.
//
// # Mapping
//
//	ExternalID              the user's id; unmapped if Extra.UserID is another one
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
// One of an e-mail address, a user name and a phone number to log in with is required;
// mobilePhone is not enough. [Extra] has the other fields. FusionAuth puts e-mail addresses
// in lower case. A plan shows the password and the secrets of Extra redacted.
//
// The server decides whether a user needs a password. FusionAuth 1.59 and later accept users
// without one. Older servers refuse them, unless Extra asks for a message to set one. Source:
// FusionAuth's issue tracker, 3147 and 3156.
//
// A language is a BCP 47 tag, in upper or lower case. The server needs Java's form, and reads
// other forms as another locale:
//
//	es-MX            es_MX
//	sr-Latn-RS       sr_RS_#Latn
//	zh-Hant          zh__#Hant
//	de-CH-1996       de_CH_1996
//	th-TH-u-nu-thai  th_TH_#u-nu-thai
//	i-klingon        tlh
//
// Extra.PreferredLanguages, and those of a registration, are sent as they are. Source:
// FusionAuth, "Data Types", Locales; Java, java.util.Locale.
//
// # Registrations
//
// With Extra.Registration a create makes the user and its registration for an application in
// one transaction: both, or neither.
//
//   - The user's id is chosen as in any create. ResolveUser, RepeatUser and DeleteUser work
//     alike.
//   - An unknown role or application is Invalid, and no user is created.
//   - Users.Register without a User registers a user who exists. If the user is registered for
//     the application already, that is a Conflict that names registration.
//   - [Client.FinishUser] registers a user that was found without its registration. Ensure and
//     a Provisioner call it. An existing registration stays as it is.
//   - Users.Create sends user.registrations, and FusionAuth is documented to ignore them. The
//     reply's Warnings then name Users.Register.
//
// # Passwords that are already hashed
//
// Extra.PasswordHash is the hash of a password that another system made. Such a user is
// imported, by POST /api/user/import, with the registration of Extra.Registration.
// [Client.CreateUsers] imports many users at once; [Client.CreateUser] imports one.
// [ParseBcrypt] splits a bcrypt hash.
//
//   - The user's id is chosen as in any create. ResolveUser, RepeatUser, Ensure and Undo work
//     alike.
//   - An import is one transaction: it creates all of its users, or none.
//   - Its reply shows no users. After a success the client reads one of them.
//   - The server stores the hash, and compares it when the user logs in. For the schemes that
//     FusionAuth includes, the forms of hash, salt and factor are checked before anything is
//     sent.
//   - FusionAuth sends these users no message, and returns no token.
//   - A client sends one import at a time.
//
// [UsersService.Import] is FusionAuth's own call.
//
// # Members that a server ignores
//
// Current servers ignore a member that they do not know; only the first versions refused the
// whole request. So a member that is newer than the server is lost, and the user is created.
// Where the reply shows it, User.Warnings and the reply's Warnings report it: for
// registrations, and for a phone number to log in with on a server before 1.59. Source:
// FusionAuth's issue tracker, 93, 529 and 2488.
//
// # Success
//
// A success is a reply with status 2xx, a user whose id is a UUID, and no error. The reply
// must not show another id, e-mail address or user name than was sent. Ignored are:
//
//   - the case of ASCII letters,
//   - white space around a text,
//   - members that the reply does not show.
//
// If the reply shows another user, the error has KindProtocol and OutcomeUnknown, and
// Candidates has that user's id.
//
// After a create with a registration the reply must show a registration for the application.
// Otherwise the error has OutcomeCreated with the user: call FinishUser.
//
// # Errors
//
//	a duplicate e-mail, user name, phone number or id   Conflict, also beside other faults
//	a duplicate registration                            Conflict
//	401                                                 Unauthorized; its body is empty
//	409 with [retryableConflict]                        Unavailable, Rejected: it is temporary
//	409 with other errors                               what they say
//	500 with [ImportRequestFailed]                      Unavailable, Unknown: a user of the import exists already
//	504 with errors in FusionAuth's form                Unavailable, Rejected: a webhook failed and the user was rolled back
//	any other 504                                       Unavailable, Unknown
//
// # Retries
//
//	create, Users.Register        after a failure to connect, after 429, and after 409 with the
//	                              code retryableConflict
//	look-up, delete, FinishUser   after every temporary failure
//
// # Look-ups
//
//	Users.Get                        by id
//	Users.GetByEmail, GetByLoginID   by what the user logs in with
//
// Users.Delete and Client.DeleteUser delete a user permanently. Users.Deactivate is
// FusionAuth's soft delete.
//
//   - FusionAuth's own 404 has no body: KindNotFound with OutcomeRejected. It is about the
//     tenant that was asked, and about what the key may see.
//   - A 404 with a page in it comes from a proxy: KindProtocol and OutcomeUnknown.
//
// # Resolving an unknown outcome
//
// If a create's error matches userapi.MayHaveCreated:
//
//  1. Call ResolveUser with a time from before the create.
//  2. If its error matches userapi.ErrNotFound, call RepeatUser.
//
// provision.Ensure does both. So does the example of [Client.RepeatUser].
//
// If the request gives the id, ResolveUser reads the user by it, and Proof is ProofID.
//
//   - An id from the IdempotencyKey belongs to this one create: the user's age does not matter.
//   - Otherwise insertInstant is compared with since, by the server's clock.
//   - The zero since accepts a user of any age. If the id then finds nobody, the keys below are
//     tried.
//
// If the request gives no id, the user is looked up by e-mail address, user name and phone
// number, and Proof is ProofMatch. The user may then be another caller's of the same moment,
// with another password. For a better proof set IdempotencyKey, or set Extra.UserID to the
// UserID of the create's error. On a tenant with unique user names FusionAuth adds a suffix to
// a taken name: there a user name alone proves nothing.
//
// The user that is found is compared with each key that was sent. User.Compared names the
// equal ones.
//
//	the id, user.email, user.username   equal without regard to the case of ASCII letters
//	user.phoneNumber                    equal by its digits; without its country it must equal the end of the stored one
//	user.mobilePhone                    not compared
//
//	letters that are not ASCII differ   the outcome stays unknown
//	a phone number in another form      the outcome stays unknown
//	a user that is not active           the outcome stays unknown
//	any other difference, or tenant     Conflict
//
// A user is absent if three look-ups found nobody. RepeatUser needs an id in the request:
// FusionAuth then refuses the later of two creates.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also after a look-up. After a create
// with a registration it finds *[RegisterResponse]. errors.As finds *[APIError] in an error
// that a reply caused.
package fusionauth
