// Package usercom creates users at User.com, by POST /users/.
//
// [Client] is a userapi.Creator; its Users field has the vendor's own calls with
// every field of the vendor's. The facts below are from User.com's documentation,
// "Create user" and "Set multiple attributes", unless another source is named.
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
// fields are wrong too. FieldError.Code is ours, read off the texts of the
// framework that User.com is built on: "taken", "too_long", "required", "invalid".
//
// # Retries
//
// A create is sent again after a failure to connect and after 429. Nothing else.
// Setting attributes is harmless to repeat, and is tried again after any passing
// failure.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds
// *[APIError] in an error that a reply caused.
package usercom
