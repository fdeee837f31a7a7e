// Package usercom creates users at User.com, by POST /users/.
//
// [Client] is a userapi.Creator, Planner, Finisher, Resolver, Repeater and Deleter; its
// Users field has the vendor's own calls with every field of the vendor's. The facts below
// are from User.com's documentation, "Create user", "Set multiple attributes", "Find
// user" and "Update or create user", unless another source is named.
//
// # Credentials
//
// A client has an application, named by its subdomain, and that application's API
// key of 64 characters. A key of another length is tried all the same.
//
// # Versions and encodings
//
// User.com has two versions of one API. [V1] is the default; [V2], chosen by the
// Accept header, renames user_id to custom_id, company_id to company_custom_id
// and, in replies, key to user_key. The Go fields are the same in both, and either
// name is read. Requests are sent as JSON; [Form] sends them form-encoded.
//
// # Mapping
//
//	ExternalID              user_id (V2: custom_id)
//	Email, Phone            email, phone_number
//	GivenName, FamilyName   first_name, last_name
//	FullName                first_name, whole, if neither of the two above is set
//	Timezone                timezone
//	Tags                    tags
//	Attributes              set_multiple_attributes, after the create
//	Username, Password      unmapped
//	Language                unmapped
//	IdempotencyKey          not sent
//
// One of ExternalID, Email, Phone and a name is required. [Extra] holds the other
// fields that User.com has. Texts that are longer than User.com takes (names 40
// characters, city and phone number 64) are refused here and never cut.
//
// Client.PlanUser shows what a create would send, and the request that sets attributes.
// Routes are below /api/public. A body that is sent as a form is shown as a JSON object
// of its members.
//
// # Attributes
//
// Attributes take a second request, once the user exists. If that one fails the
// error has OutcomeCreated, the user, and the kind of the failure; FinishUser
// repeats it, as often as needed. An attribute should be defined in the application
// first: User.com creates or ignores one that is not. The name of a standard field
// is refused as an attribute's name, since it would hide that field.
//
// # Taken ids
//
// E-mail addresses are not unique at User.com; user_id is. A create with a taken
// user_id is refused, which is a Conflict, or answered with the older user, which
// User.com then has updated. So where a user_id was sent, a user in the reply that
// was created more than a minute before the call is a Conflict too: its Outcome is
// OutcomeRejected, since nobody was created, and Error.User is the older user. The
// reply's own Date is what its created_at is held against; without one, this
// machine's clock.
//
// # Errors
//
// A 400 that calls user_id, custom_id or email taken is a Conflict, also when other
// fields are wrong too. FieldError.Code is read off the texts of the framework that
// User.com is built on: taken, too_long, required or invalid. There is no VendorCode.
//
// # Retries
//
// A create is sent again after a failure to connect and after 429. Nothing else.
// Setting attributes, looking up and deleting are harmless to repeat, and are tried
// again after any passing failure.
//
// # Look-ups
//
// UsersService has Get, GetByUserID, FindByEmail and Delete. Only a 404 with a JSON
// body, or none, says that there is no user: User.com answers a wrong path with a page
// of HTML under the same status. FindByEmail returns every user with an address, and
// an empty slice for none.
//
// # Resolving an unknown outcome
//
// After an error for which userapi.MayHaveCreated is true and that has no User:
//
//	u, err := client.ResolveUser(ctx, req, since) // since: before the CreateUser
//
// With an ExternalID the user is looked for by it. The user that is found has Proof
// ProofKey if its user_id, and its e-mail and phone number where the request has them,
// equal the request's, and if it was not created before since. E-mail addresses are
// compared without case, and a user that shows none, or no phone number, differs from
// a request that has one. A user that differs or is older is somebody else's, a
// Conflict. A phone number of the same digits that is written otherwise, a user_id
// that is not shown or lacks the white space around the request's, and a created_at
// that names no zone or is less than a minute too early leave the outcome unknown, with
// the user among the Candidates. No other field is compared.
//
// Without an ExternalID every user with the request's Email is looked for: the address
// as it is, and with its letters in lower case. Exactly one among them that equals the
// request and was created in time has Proof ProofMatch. That does not prove that the
// create of this request made it: another one with the same address at the same time
// leaves the same traces. Several of them, or only others, leave the outcome unknown.
//
// Three looks that find nobody prove the absence. Two requests cannot be resolved: one
// with neither an ExternalID nor an Email; and in V2 one whose ExternalID a path cannot
// carry (see GetByUserID), where the e-mail may find the user but not prove that there
// is none. What a ResolveUser returns has no attributes set yet: FinishUser does that.
//
// RepeatUser carries out a create once more after its absence was proven. It needs an
// ExternalID, for it is done by update_or_create, which makes no second user where the
// first create arrives late after all. It then fails with a Conflict, and User.com has
// set the request's members on that user.
//
// DeleteUser deletes a user by the ID of its userapi.User.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, whether it was created or looked
// up, and errors.As finds *[APIError] in an error that a reply caused. In the User of an
// error of RepeatUser, which may have the id alone, it finds *[UpdateOrCreateResponse].
package usercom
