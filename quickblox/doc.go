// Package quickblox creates users at QuickBlox, by POST /users.json, and finds out
// whether a create made one.
//
// [Client] is a userapi.Creator, Planner, Resolver, Repeater and Deleter. Its Users field
// has the vendor's own calls with every field: create, update, look-ups, lists, delete, and
// the tokens that users' apps sign in with. The facts below are from QuickBlox's
// documentation, "Create User" and "Authentication", unless another source is named.
//
// # Credentials
//
// A client has exactly one of three:
//
//	Config.APIKey         a key from the dashboard, for servers
//	Config.SessionToken   a token that the caller obtained
//	Config.Session        the client obtains sessions: a user's with a login or e-mail address, else the application's
//
// A session is obtained on first use and shared by concurrent calls. It is renewed a minute
// before it expires, and once after a 401. A session of another application than the one that
// was asked for is not used. Whether application sessions may create users is a setting of
// the application's owner. What each may do ("Key Concepts"):
//
//	an API key                       everything
//	the account owner's session      everything but tokens
//	a user's session                 create and look up; update and delete the user itself
//	an application's session         create, where the owner allows it
//
// Config.HTTP.BaseURL is the address of an enterprise host, such as
// "https://api<name>.quickblox.com". One that ends in the path of a call, such as
// /users.json, is refused.
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
// [Extra] holds the rest. QuickBlox cuts trailing white space of every text except the
// password. A plan shows the password redacted, and takes no session.
//
// # Success
//
// A success is a 2xx with a user that has a positive id, without an error in it, that shows no
// other login, e-mail address or external id than was sent. The case of ASCII letters and trailing
// white space do not count, nor does what the reply does not show. Another user in the reply is an
// error of KindProtocol and OutcomeUnknown with that user's id among the Candidates.
//
// # Tokens
//
// A back end that creates a user hands the user's app a token, which opens a session of that
// user. There are two ways to one, neither of them portable:
//
//	Users.CreateToken   by the user's id, with an API key ("Create Token with API key")
//	Users.SignIn        by login or e-mail address and password, with Config.Session ("Create session")
//
// [Token] holds it as a userapi.Secret, with the time at which the session ends. A create whose
// token failed is still a create: ask for the token again. The examples of
// [UsersService.CreateToken] and [UsersService.SignIn] do both.
//
// # Updates
//
// Users.Update changes the members that are set, and no other. Only a password has a rule of its
// own: a user's session sends the old one with it. The Outcome of an error speaks of the change.
//
// # Errors
//
//	a taken login, e-mail, external id or Facebook id   Conflict, also beside other faults
//	"You cannot call create unless the parent is saved", "Failed to save the record"   Conflict
//	"No application found"                              Unauthorized
//	"Forbidden. Need user."                             Forbidden, under any status
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and, with a SessionConfig,
// once after a 401 with a new session. Look-ups, deletes and the fetching of sessions are
// tried again after every passing failure, and so are tokens and updates, but for an update of
// the password that may have been made.
//
// # Look-ups
//
// Users.Get reads a user by its id; GetByExternalID, GetByLogin, GetByEmail and
// GetByFacebookID by a key that is unique in the application. Users.List, ListByTags,
// ListByFullName and ListByPhone are iterators over many, which read page after page.
// Users.Delete and Client.DeleteUser delete one for good. QuickBlox's own 404 is a KindNotFound; one with a
// page in it is a proxy's: KindProtocol and OutcomeUnknown. QuickBlox documents look-ups
// with an API key or a user session. An application session may be refused, or not be shown
// the user, and a Config.SessionToken may be one: their KindNotFound has OutcomeUnknown.
//
// # Resolving an unknown outcome
//
// After a create whose error matches userapi.MayHaveCreated call ResolveUser with a time from
// before the create, and RepeatUser if its error matches userapi.ErrNotFound. The example of
// [Client.ResolveUser] does both.
//
// A look asks by external_user_id, login, email and facebook_id, where they were sent, until one
// finds somebody: a user has been seen to be missed by one and found by another (QuickBlox's issue
// trackers, iOS SDK 788). The user is compared with all of them; User.Compared names those that are
// equal. Trailing white space and the case of an e-mail address do not count. A login or a Facebook
// id that differs in case alone leaves it unknown. A key that is not shown is the request's where
// the user was found by it; otherwise it differs with an API key, and leaves it unknown with a
// session, from which the application may hide personal data.
//
// created_at is compared with since by the server's clock. A user with another key, or
// older than since, is a Conflict, with its id in Candidates. The zero since accepts a user
// of any age. Proof is ProofKey where external_user_id is equal, else ProofMatch: another
// create with the same keys at the same time looks alike. Neither proves the password.
//
// A user is absent when three looks found nobody by any key. With an application session or
// a Config.SessionToken that proves nothing: the outcome stays unknown with the code
// "absence_unproven". RepeatUser is CreateUser: QuickBlox takes each login and each e-mail
// address only once.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also in one that a look-up found.
// errors.As finds *[APIError] in an error that a reply caused.
package quickblox
