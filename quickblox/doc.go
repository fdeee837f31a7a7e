// Package quickblox creates users at QuickBlox, by POST /users.json.
//
// [Client] is a userapi.Creator; its Users field has the vendor's own calls with
// every field of the vendor's. The facts below are from QuickBlox's documentation,
// "Create User" and "Authentication", unless another source is named.
//
// # Credentials
//
// A client has exactly one of three: an API key from the dashboard (for servers;
// Authorization: ApiKey …), a session token that the caller obtained, or a
// [SessionConfig], with which the client obtains sessions by itself: application
// sessions, or user sessions where a login or e-mail and a password are given.
// A session is obtained on first use, shared by concurrent calls, and renewed a
// minute before it expires (two hours after its last use, or when the vendor's
// QB-Token-ExpirationDate header says) and once after a 401. Whether application
// sessions may create users is a setting of the application's owner.
//
// # Mapping
//
//	ExternalID              external_user_id; unmapped unless a decimal from 1 to 2147483647
//	Username, Email         login, email; one of them is required
//	Phone                   phone
//	Password                password, required
//	FullName                full_name; without it GivenName and FamilyName, joined
//	Tags                    tag_list; a comma in a tag is invalid
//	Attributes              custom_data, as JSON text
//	Timezone, Language      unmapped
//	IdempotencyKey          not sent
//
// [Extra] holds blob_id, facebook_id, website, custom_data as free text, and the
// deprecated members. QuickBlox cuts trailing white space of every text except
// the password: compare what came back, not what was sent.
//
// # Errors
//
// A taken login, e-mail, external id or Facebook id is a Conflict, also when
// other fields are wrong too, and so are the two texts of QuickBlox's own
// framework that stand for one ("You cannot call create unless the parent is
// saved", "Failed to save the record"). "Forbidden. Need user." is Forbidden under
// any status. FieldError.Code is ours, read off the vendor's fixed texts: "taken",
// "too_short", "too_long", "required", "invalid"; the vendor has texts only.
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and, with a
// SessionConfig, once after a 401 with a new session. Nothing else. Obtaining a
// session is harmless and is tried again, signed anew, after any passing failure.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, and errors.As finds
// *[APIError] in an error that a reply caused.
package quickblox
