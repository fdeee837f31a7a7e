// Package quickblox creates users at QuickBlox, by POST /users.json, and finds out
// whether a create made one.
//
// [Client] is a userapi.Creator, Planner, Resolver, Repeater and Deleter; its Users field
// has the vendor's own calls with every field of the vendor's. The facts below are from
// QuickBlox's documentation, "Create User" and "Authentication", unless another source
// is named.
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
// Client.PlanUser shows what a create would send. Only the password is redacted in it;
// no session is obtained for it.
//
// # Errors
//
// A taken login, e-mail, external id or Facebook id is a Conflict, also when
// other fields are wrong too, and so are the two texts of QuickBlox's own
// framework that stand for one ("You cannot call create unless the parent is
// saved", "Failed to save the record"). "Forbidden. Need user." is Forbidden under
// any status. FieldError.Code is read off the vendor's fixed texts: taken, too_short,
// too_long, required or invalid. There is no VendorCode: the vendor has texts only.
//
// # Retries
//
// A create is sent again after a failure to connect, after 429, and, with a
// SessionConfig, once after a 401 with a new session. Nothing else. Obtaining a
// session is harmless and is tried again, signed anew, after any passing failure. So
// are look-ups and deletes, which renew a session as creates do.
//
// # Look-ups
//
// Users.Get reads a user by QuickBlox's id of it; GetByExternalID, GetByLogin,
// GetByEmail and GetByFacebookID by the keys that are unique in an application;
// Users.Delete and Client.DeleteUser delete one for good. Only QuickBlox's own 404 is
// a KindNotFound; one with a page in it is a proxy's, a KindProtocol that leaves it
// unknown. QuickBlox documents look-ups with an API key or a user session. An
// application session may be refused ("Forbidden. Need user."), or may not be shown
// the user, so that a 404 says nothing; nor does it with a Config.SessionToken, of
// which it is not known whose it is. It is then a KindNotFound with OutcomeUnknown.
//
// # Resolving an unknown outcome
//
// ResolveUser is asked after a create that ended with OutcomeUnknown, with the same
// request and the time before the create:
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
// A look asks by external_user_id, login, email and facebook_id, those of them that
// were sent, until one finds somebody; a user has been seen to be missed by one and
// found by another (QuickBlox's issue trackers, iOS SDK 788). Whoever is found is
// compared with all that were sent, and User.Compared names those that are equal
// ("facebook_id" by that name, for it is no field of the neutral request). Trailing
// white space does not count, nor does the case of an e-mail address. A login or a
// Facebook id that differs in case alone leaves it unknown: whether QuickBlox tells
// them apart is not documented. A key that the reply does not show is the request's
// where the user was found by it. Otherwise it differs, with an API key, or leaves it
// unknown, with a session: settings of the application may hide personal data from it.
// Nothing else is compared, as the rest may be changed by the user.
//
// The user's created_at is held against since by the server's own clock. Somebody
// with another key, or older than since, is a Conflict, with the id in Candidates. The
// zero since takes a user of any age.
//
// Proof is ProofKey where external_user_id was sent and is the user's, else
// ProofMatch. Neither proves that the password is the one that was sent, and a
// ProofMatch not that it was this call that created the user: another one with the
// same keys, at the same time, looks alike. Send an ExternalID to know.
//
// A user is absent when three looks, with growing waits between them, found nobody by
// any key. With an application session, or a Config.SessionToken, that is no proof, and
// the outcome stays unknown with the code "absence_unproven". RepeatUser is CreateUser:
// every request has a login or an e-mail address, which QuickBlox takes but once.
//
// # As
//
// userapi.As finds *[CreateUserResponse] in the user, also in one that a look-up
// found, and errors.As finds *[APIError] in an error that a reply caused.
package quickblox
