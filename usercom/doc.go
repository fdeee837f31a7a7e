// Package usercom creates users at User.com, by POST /users/.
//
// [Client] is a userapi.Creator, Planner, Finisher, Resolver, Repeater and Deleter. Its
// Users field has the vendor's own calls with every field. The facts below are from
// User.com's documentation, "Create user", "Update user", "Set multiple attributes",
// "Find user" and "Update or create user", unless another source is named.
//
// # Credentials, versions, encodings
//
// A client has an application, named by its subdomain, and that application's API key.
// [V1] is the default version. [V2], chosen by the Accept header, renames user_id to
// custom_id, company_id to company_custom_id and, in replies, key to user_key; the Go
// fields are the same. Creates are sent as JSON, or with [Form] as a form. An address of one
// of the API's calls, such as https://acme.user.com/api/public/users/, is refused.
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
// One of ExternalID, Email, Phone and a name is required. [Extra] holds the other fields.
// A text that is longer than User.com takes (names 40 characters, city and phone number 64)
// is refused here and never cut. A FullName of more than 40 characters is split at the last blank
// before which it fits first_name; the rest goes to last_name. It is refused where that is too
// long, too. At a no-break space it is split only where no other blank will do. A plan shows
// routes below /api/public, and a form as the JSON object of its members.
//
// # Attributes and lists
//
// Attributes take a second request, once the user exists, and each list of [Extra] takes one more.
// If one fails the error has OutcomeCreated, the user, and the kind of the failure, and those
// behind it are not sent; FinishUser repeats all of them, as often as needed. Define an attribute
// in the application first: User.com creates or ignores one that it does not know. The name of a
// standard field is refused as an attribute's name. A reply that shows another user than the one
// written to fails the step. A list is named by its id, which its page in the application shows;
// whether User.com refuses a user who is on it already is not documented.
//
// # Visitors
//
// User.com's script gives each browser a key, in the cookie __ca__chat, and keeps a visitor with
// that key and the browser's history. No create takes the key: "Create user" and "Update user" do
// not list it, and V1 makes a custom attribute of what they do not list. So CreateUser with a Key
// of [Extra] looks for the visitor, and makes the user of it by PUT /users/{id}/:
//
//	no visitor has the key                           a new user, with a warning; Strict: Invalid
//	the look fails, or shows no key                  OutcomeNotSent
//	it has a user_id, another e-mail, another phone  Conflict, and nothing is written
//	the update is refused                            OutcomeRejected
//	the reply to the update is lost                  OutcomeUnknown; it is not sent again
//
// A phone number is another's where the request has one that differs: a visitor may have left one
// before it signs up by e-mail. The user's Proof is ProofEarlier: it was there before, and Undo
// leaves it. ResolveUser looks at the visitor first. One that has the ExternalID and the Email that
// were sent is the user. Where the Email alone was sent it must have been updated since, too.
// RepeatUser sends the update again, and needs an ExternalID here too. Between look and update
// somebody else may make a user of the visitor: the later update wins. A new user has a key of its
// own, in [CreateUserResponse]: set the cookie to it where the browser is to go on as that user.
//
// Users.Update changes a user by the same PUT. It sends the members of [UpdateUserRequest] alone,
// and JSON with other members, such as a reply has, is refused.
//
// # Success
//
// A success is a 2xx with a user that has a positive id and that shows no other e-mail address or
// user_id than was sent. White space around a text and, of an e-mail address, the case of ASCII
// letters do not count, nor does what the reply does not show. Another user in the reply is an
// error of KindProtocol and OutcomeUnknown with that user's id among the Candidates. An error in
// the reply fails the call; in V2, beside a user, it is a custom attribute of that name.
//
// # Taken ids
//
// E-mail addresses are not unique at User.com; user_id is. A create with a taken user_id is
// refused, which is a Conflict, or answered with the older user, which User.com has then
// updated. So where a user_id was sent, a user that was created more than a minute before
// the call is a Conflict too, with OutcomeRejected and that user in Error.User. Its
// created_at is compared with the reply's Date and with this machine's clock; without a
// Date, with the latter alone. A user that is old by the Date alone, or in a reply out of a
// cache, leaves it unknown, with that user among the Candidates.
//
// # Errors and retries
//
// A 400 that calls user_id, custom_id or email taken is a Conflict, also beside other
// faults. Texts are asked for in English. Where the application answers in its own language
// all the same, a code such as "unique" says so, or the status 409; a text alone does not, and
// is Invalid. A create or an update is sent again after a failure to connect and after 429. Setting
// attributes, adding to lists, looking up and deleting are tried again after every passing failure.
//
// # Look-ups
//
// UsersService has Get, GetByUserID, GetByKey, FindByEmail, FindByPhone and Delete;
// Client.DeleteUser deletes by the ID of a userapi.User. Only a 404 with a JSON body, or
// none, says that there is no such user: User.com answers a wrong path with a page of HTML
// under the same status. FindByEmail returns every user with an address, and an empty slice
// for none; so does FindByPhone, but that V1 answers with one user only.
//
// # Resolving an unknown outcome
//
//	u, err := client.ResolveUser(ctx, req, since) // since: before the CreateUser
//
// With an ExternalID the user is looked for by it, and its Proof is ProofKey. User_id,
// e-mail address and phone number, where the request has them, must be equal:
//
//	differs, is not shown (e-mail, phone) or is older than since   Conflict
//	user_id not shown, or without the white space of the request   unknown, with Candidates
//	created_at without a zone, or less than a minute too early     unknown, with Candidates
//
// Without an ExternalID every user with the request's Email is looked for: the address as
// it is, and in lower case. Exactly one that is equal and was created in time has Proof
// ProofMatch: another create with the same address at the same time looks alike. Several of
// them, or only others, leave the outcome unknown.
//
// Three looks that find nobody prove the absence. Two requests cannot be resolved: one with
// neither an ExternalID nor an Email; and in V2 one whose ExternalID a path cannot carry
// (see GetByUserID), where the e-mail may find the user but not prove that there is none.
// The user has no attributes and lists yet: FinishUser sets them.
//
// RepeatUser creates the user again after its absence was proven. It needs an ExternalID: it is
// done by update_or_create, which makes no second user where the first create arrives late. It then
// fails with a Conflict, and User.com has set the request's members on that user.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also in one that a look-up found. In
// the User of an error of RepeatUser, which may have the id alone, it finds
// *[UpdateOrCreateResponse]. errors.As finds *[APIError] in an error that a reply caused.
package usercom
