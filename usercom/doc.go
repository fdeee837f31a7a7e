// Package usercom creates users at User.com, by POST /users/.
//
// [Client] is a userapi.Creator, Planner, Finisher, Resolver, Repeater and Deleter. Its
// Users field has the vendor's own calls with every field. The facts below are from
// User.com's documentation, "Create user", "Update user", "Set multiple attributes",
// "Find user" and "Update or create user", unless another source is named.
//
// # Credentials, versions, encodings
//
// A client has an application, named by its subdomain, and that application's API key. The
// address of one of the API's calls, such as https://acme.user.com/api/public/users/, is
// refused.
//
//	[V1]     the default version of the API
//	[V2]     chosen by the Accept header; its wire names differ: custom_id for user_id,
//	         company_custom_id for company_id and, in replies, user_key for key
//	[JSON]   creates are sent as JSON, the default
//	[Form]   creates are sent as a form
//
// The Go fields are the same in both versions.
//
// # Mapping
//
//	ExternalID              user_id (V2: custom_id)
//	Email, Phone            email, phone_number
//	GivenName, FamilyName   first_name, last_name
//	FullName                first_name, if neither of the two above is set; a long one is split
//	Timezone                timezone
//	Tags                    tags
//	Attributes              set_multiple_attributes, after the create
//	Extra.Lists             add_to_list, once for each list, after the attributes
//	Extra.Key               not sent: it finds the visitor who becomes the user
//	Username, Password      unmapped
//	Language                unmapped
//	IdempotencyKey          not sent
//
// One of ExternalID, Email, Phone and a name is required. [Extra] has the other fields.
//
//   - A text that is longer than User.com takes is refused, never cut: names have at most 40
//     characters, city and phone number 64.
//   - A FullName of more than 40 characters is split. first_name gets the part up to the last
//     blank that fits, last_name the rest. It is refused if the rest is too long. It is split
//     at a no-break space only if there is no other blank to split at.
//   - A plan shows routes below /api/public, and a form as a JSON object of its members.
//
// # Attributes and lists
//
// Attributes take a second request after the create. Each list of [Extra] takes one more.
//
//   - If one of these fails, the error has OutcomeCreated, the user, and the kind of the
//     failure. The requests after it are not sent. FinishUser repeats all of them; you can
//     repeat it.
//   - Define an attribute in the application first: User.com creates or ignores one that it
//     does not know.
//   - The name of a standard field is refused as an attribute's name.
//   - If the reply shows another user, the step has failed.
//   - A list is named by its id, which its page in the application shows. User.com does not
//     document whether it refuses a user who is on the list already.
//
// # Visitors
//
// User.com's script gives each browser a key, in the cookie __ca__chat. It keeps a visitor
// with that key and the browser's history. No create takes the key: "Create user" and "Update
// user" do not list it, and V1 makes a custom attribute of what they do not list. So
// CreateUser with a Key of [Extra] looks up the visitor, and makes it the user by
// PUT /users/{id}/:
//
//		no visitor has the key                           a new user, with a warning; Strict: Invalid
//		the look-up fails, or shows no key               OutcomeNotSent
//		it has a user_id, another e-mail, another phone  Conflict, and nothing is written
//		the update is refused                            OutcomeRejected
//		the reply to the update is lost                  OutcomeUnknown; it is not sent again
//
//	  - A visitor's phone number counts as another's only if the request has a different one: a
//	    visitor may have left a number before signing up by e-mail.
//	  - Proof is ProofEarlier: the visitor existed before, and Undo does not delete it.
//	  - ResolveUser looks at the visitor first. It is the user if it has the ExternalID and the
//	    Email that were sent. If only the Email was sent, it must also have been updated since.
//	  - RepeatUser sends the update again. It needs an ExternalID here too.
//	  - Between the look-up and the update another program may make the visitor its user: the
//	    later update wins.
//	  - A new user has a key of its own, in [CreateUserResponse]. Set the cookie to it if the
//	    browser is to continue as that user.
//
// Users.Update changes a user by the same PUT. It sends the members of [UpdateUserRequest]
// only. JSON with other members, such as those of a reply, is refused.
//
// # Success
//
// A success is a reply with status 2xx and a user with a positive id. The reply must not show
// another e-mail address or user_id than was sent. Ignored are:
//
//   - white space around a text,
//   - the case of ASCII letters in an e-mail address,
//   - members that the reply does not show.
//
// If the reply shows another user, the error has KindProtocol and OutcomeUnknown, and
// Candidates has that user's id. An error in the reply fails the call. In V2, beside a user,
// it is a custom attribute with that name.
//
// # Taken ids
//
// E-mail addresses are not unique at User.com; user_id is. User.com answers a create with a
// taken user_id in one of two ways:
//
//   - It refuses the create: a Conflict.
//   - It updates the older user and returns it. So if a user_id was sent, and the user was
//     created more than a minute before the call, that is a Conflict too. It has
//     OutcomeRejected, and Error.User is the older user.
//
// created_at is compared with the reply's Date and with this machine's clock; without a Date
// with the clock only. If the user is old by the Date only, or in a reply from a cache, the
// outcome is unknown, with that user's id in Candidates.
//
// # Errors and retries
//
// A 400 that calls user_id, custom_id or email taken is a Conflict, also beside other faults.
// The client asks for texts in English. If the application answers in its own language, a
// code such as "unique" or the status 409 makes a Conflict. A text alone is then Invalid.
//
//	create, update                       after a failure to connect and after 429
//	attributes, lists, look-up, delete   after every temporary failure
//
// # Look-ups
//
// UsersService has Get, GetByUserID, GetByKey, FindByEmail, FindByPhone and Delete.
// Client.DeleteUser deletes by the ID of a userapi.User.
//
//   - A 404 means that the user does not exist only if its body is JSON or empty. User.com
//     also answers a wrong path with 404, and a page of HTML.
//   - FindByEmail returns every user with an address, and an empty slice if there are none.
//   - FindByPhone does the same, except that V1 returns one user only.
//
// # Resolving an unknown outcome
//
//	u, err := client.ResolveUser(ctx, req, since) // since: before the CreateUser
//
// With an ExternalID the user is looked up by it, and Proof is ProofKey. The user_id, the
// e-mail address and the phone number, if the request has them, must be equal:
//
//	differs, is not shown (e-mail, phone) or is older than since   Conflict
//	user_id not shown, or without the white space of the request   unknown, with Candidates
//	created_at without a zone, or less than a minute too early     unknown, with Candidates
//
// Without an ExternalID every user with the request's Email is looked up: the address as it
// is, and in lower case. If exactly one is equal and was created in time, Proof is ProofMatch:
// it cannot be told from another create with the same address at the same time. If there are
// several, or only others, the outcome stays unknown.
//
// The user is absent if three look-ups found nobody. Two requests cannot be resolved:
//
//   - one with neither an ExternalID nor an Email;
//   - in V2 one whose ExternalID does not fit into a path (see GetByUserID). The e-mail
//     address may find its user, but cannot prove absence.
//
// The user that is found has no attributes and lists yet: FinishUser sets them.
//
// RepeatUser creates the user again after its absence was proven. It needs an ExternalID,
// because it uses update_or_create. If the first create arrives late, that makes no second
// user: RepeatUser fails with a Conflict, and User.com has set the request's members on the
// first user.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also after a look-up. In the User of an
// error of RepeatUser, which may have only an id, it finds *[UpdateOrCreateResponse].
// errors.As finds *[APIError] in an error that a reply caused.
package usercom
