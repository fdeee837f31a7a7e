package fusionauth

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/enlist-go/enlist/internal/provider"
	"github.com/enlist-go/enlist/userapi"
)

// maxImport is how many users CreateUsers puts into one import. FusionAuth has no limit of
// its own. Source: FusionAuth's site, pull request 3484.
const maxImport = 10_000

// looks is how many looks must miss before a user counts as absent.
const looks = 3

// CreateUsers creates many users, as userapi.BatchCreator describes. Requests with an
// Extra.PasswordHash are imported, up to 10,000 at once and one import after the other.
// The others are created one by one, as by CreateUser.
//
// How it handles failures:
//
//   - An import creates all of its users or none. If one is refused because of its
//     users it is halved, until the users at fault are alone and the others are
//     created.
//   - A user whose id exists already is KindConflict.
//   - After a lost reply CreateUsers looks up each id. A user that is found was
//     created. One that is not found has OutcomeUnknown, because the server may still
//     be working. (CreateUser leaves this to ResolveUser, as for any create.)
//   - An import is sent again only if the server has answered and the users do not
//     exist.
//
// The server answers when the import is done: Config.HTTP.Timeout must be long enough.
//
// The reply to an import shows no user. After a success CreateUsers reads one user to
// confirm the import. In an import of several users the User has what was sent, without
// a time of creation and without FusionAuth's own form. The Raw of a user that a search
// found is that user's part of the reply, as a look-up by id shows it. The API key
// needs the rights to POST to /api/user/import and /api/user/search, and to GET from
// /api/user.
func (c *Client) CreateUsers(ctx context.Context, reqs []userapi.CreateUserRequest) []userapi.BatchResult {
	results := make([]userapi.BatchResult, len(reqs))
	var plain []int
	imports := map[string][]*newcomer{} // by tenant
	ids := map[string]bool{}
	for i := range reqs {
		m, err := c.core.mapRequest(&reqs[i], false)
		switch {
		case err != nil:
			results[i].Err = err
		case !m.hashed:
			plain = append(plain, i)
		case ids[m.to.userID]:
			check := provider.NativeCheck(Name)
			check.Invalid(m.to.idField, "userId", "must differ from the id of every other user of the call")
			_, err := check.Done(provider.OpCreate)
			results[i].Err = withUserID(err, m.to.userID)
		default:
			if m.to.userID == "" {
				err = m.chooseID()
			}
			if err != nil {
				results[i].Err = err
				break
			}
			n := &newcomer{req: &reqs[i], mapped: m, result: &results[i]}
			ids[n.to.userID] = true
			imports[n.to.tenantID] = append(imports[n.to.tenantID], n)
		}
	}
	for _, tenant := range slices.Sorted(maps.Keys(imports)) {
		for some := range slices.Chunk(imports[tenant], maxImport) {
			c.core.importUsers(ctx, some)
		}
	}
	for _, i := range plain {
		results[i].User, results[i].Err = c.CreateUser(ctx, reqs[i])
	}
	return results
}

// A newcomer is a user that is being imported.
type newcomer struct {
	req *userapi.CreateUserRequest
	mapped
	result *userapi.BatchResult
	// lost says that an import before may have created the user.
	lost bool
}

func (n *newcomer) search(c *core) *search {
	return &search{core: c, to: n.to, keys: c.keysOf(&n.native.User, n.req)}
}

// fail gives the user an error of its own.
func (n *newcomer) fail(e *userapi.Error) {
	own := *e
	own.UserID, own.FieldErrors = n.to.userID, slices.Clone(e.FieldErrors)
	if n.lost {
		own.Outcome = userapi.OutcomeUnknown
	}
	n.result.User, n.result.Err = nil, provider.Portable(&own, n.req, n.unmapped)
}

// made gives the user its user, as it was sent or as it was found.
func (n *newcomer) made(u *userapi.User) {
	u.Unmapped = n.unmapped
	n.result.User, n.result.Err = u, nil
}

// sent is the user that an import created, which its reply does not show.
func (n *newcomer) sent(c *core) *userapi.User {
	r := c.newReply(n.to)
	r.User = User{
		ID: n.to.userID, Username: n.native.User.Username, Email: n.native.User.Email,
		MobilePhone: n.native.User.MobilePhone, PhoneNumber: n.native.User.PhoneNumber,
		FullName: n.native.User.FullName, FirstName: n.native.User.FirstName, LastName: n.native.User.LastName,
	}
	u := r.Neutral()
	u.SetNative(nil)
	return u
}

// importUsers imports users of one tenant, and gives each its result.
func (c *core) importUsers(ctx context.Context, users []*newcomer) {
	im := importing{core: c, since: time.Now()}
	im.create(ctx, users)
}

// importUser imports one user, and leaves it to ResolveUser to ask for the result of
// it.
func (c *core) importUser(ctx context.Context, n *newcomer) {
	im := importing{core: c, since: time.Now()}
	if failure := im.send(ctx, []*newcomer{n}); failure != nil {
		n.fail(failure)
	}
}

// An importing is the work of one import, which may be halved.
type importing struct {
	*core
	since time.Time
	// looked: after a refusal it was asked who is there already. Nobody else is in the halves.
	looked bool
	// failed counts the imports since the last success that the server failed at, and down is
	// the failure after which no more are sent.
	failed int
	down   *userapi.Error
}

// maxFailed is how many imports may fail at the server, one after the other, before no more
// are sent: twice as many as it takes to find one user among maxImport.
const maxFailed = 2 * 14

// create imports users, and gives each its result.
func (im *importing) create(ctx context.Context, users []*newcomer) {
	if im.down != nil {
		failAll(users, im.down)
		return
	}
	failure := im.send(ctx, users)
	if failure == nil {
		im.failed = 0
		return
	}
	if failure.Outcome == userapi.OutcomeUnknown {
		for _, n := range users {
			n.lost = true
		}
	}
	rest, absent := im.find(ctx, users, failure)
	refused := failure.Outcome == userapi.OutcomeRejected && !refusedAll(failure)
	if refused && absent {
		for _, n := range rest {
			n.lost = false
		}
	}
	again := refused || absent && answered(failure)
	if answered(failure) {
		if im.failed++; im.failed > maxFailed {
			im.down, again = failure, false
		}
	}
	switch {
	case !again || len(users) == 1:
		failAll(rest, failure)
	case len(rest) == 0:
	case len(rest) < len(users):
		im.create(ctx, rest)
	default:
		im.create(ctx, rest[:len(rest)/2])
		im.create(ctx, rest[len(rest)/2:])
	}
}

func failAll(users []*newcomer, e *userapi.Error) {
	for _, n := range users {
		n.fail(e)
	}
}

// send sends one import, and gives each of the users its result if it succeeds.
func (im *importing) send(ctx context.Context, users []*newcomer) *userapi.Error {
	bodies := make([][]byte, len(users))
	for i, n := range users {
		bodies[i] = n.body
	}
	call := importCall(provider.OpCreate, importBody(bodies...), users[0].to.tenantID)
	call.Many, call.Field = len(users) > 1, users[0].to.idField
	reply, err := im.sendImport(ctx, call)
	failure, _ := err.(*userapi.Error)
	switch {
	case failure == nil:
		return im.confirm(ctx, users, reply)
	case call.Many: // the others are of whom?
		failure.FieldErrors = slices.DeleteFunc(failure.FieldErrors, func(f userapi.FieldError) bool { return f.VendorField != pathTenant })
	}
	return failure
}

// importBody is what is sent to import users, each of whom is encoded.
func importBody(users ...[]byte) []byte {
	return slices.Concat([]byte(`{"users":[`), bytes.Join(users, []byte(",")), []byte(`],"validateDbConstraints":true}`))
}

// confirm reads one user of an import that succeeded. An error says that the import is not
// believed.
func (im *importing) confirm(ctx context.Context, users []*newcomer, reply *provider.Empty) *userapi.Error {
	last := users[len(users)-1]
	s := last.search(im.core)
	r := provider.Resolution{Vendor: im.Vendor, CreatedAt: createdAt, UserID: last.to.userID, Look: s.look}
	shown, err := r.Resolve(ctx, im.since)
	var warnings []string
	switch failure, _ := err.(*userapi.Error); {
	case failure == nil && shown.Proof == userapi.ProofID:
	case failure != nil && (failure.Kind == userapi.KindUnauthorized || failure.Kind == userapi.KindForbidden):
		warnings = []string{notReadBack}
	default:
		e := notConfirmed(reply.StatusCode(), shown, failure)
		if len(users) > 1 {
			e.Candidates = nil // of one of them
		}
		return e
	}
	for _, n := range users {
		u := n.sent(im.core)
		switch {
		case shown == nil:
		case len(users) == 1:
			u = shown
			u.Proof, u.Compared = userapi.ProofReply, nil
		case provider.Given(n.native.User.PhoneNumber) && slices.Contains(shown.Warnings, noPhoneNumber):
			u.Warnings = []string{noPhoneNumber}
		}
		u.Warnings = append(u.Warnings, warnings...)
		n.made(u)
	}
	return nil
}

// notConfirmed is the error of an import that is not believed: the user that was read is
// another one, or could not be read.
func notConfirmed(status int, shown *userapi.User, failure *userapi.Error) *userapi.Error {
	e := &userapi.Error{
		Provider: Name, Op: provider.OpCreate, Subject: userapi.SubjectCreate, Kind: userapi.KindProtocol,
		StatusCode: status, Attempts: 1, Err: errNotImported,
	}
	if failure == nil {
		e.Candidates = []string{shown.ID}
		return e
	}
	e.Candidates = failure.Candidates
	switch failure.Kind {
	case userapi.KindNotFound, userapi.KindConflict, userapi.KindUnknown: // it was read
	default:
		e.Kind, e.Err = failure.Kind, failure.Err
	}
	return e
}

const notReadBack = "the import was not confirmed: the API key may not read users"

var errNotImported = errors.New("the reply reports a success, but the user that was looked up does not exist")

// find asks for users after an import that failed, gives those that are found their
// results, and returns the others. absent says that every look told, and missed them.
func (im *importing) find(ctx context.Context, users []*newcomer, failure *userapi.Error) (rest []*newcomer, absent bool) {
	lost, many := users[0].lost, len(users) > 1
	alone := !many && !lost
	if failure.Outcome == userapi.OutcomeNotSent || refusedAll(failure) || alone && failure.Kind == userapi.KindConflict {
		return users, false
	}
	if failure.Outcome == userapi.OutcomeRejected && many && !lost {
		if im.looked {
			return users, false
		}
		im.looked = true
	}
	rest, absent = users, true
	for n := 1; ; n++ {
		found, err := im.look(ctx, rest)
		absent = absent && err == nil
		rest = slices.DeleteFunc(slices.Clone(rest), func(n *newcomer) bool {
			c := found[n.to.userID]
			if c != nil {
				im.setResult(ctx, n, c, failure)
			}
			return c != nil
		})
		if len(rest) == 0 || n == looks || failure.Outcome == userapi.OutcomeRejected || im.HTTP.Pause(ctx, n, 0) != nil {
			return rest, absent && (n == looks || failure.Outcome == userapi.OutcomeRejected)
		}
	}
}

// refusedAll reports whether the vendor has refused the call, and not its users.
func refusedAll(e *userapi.Error) bool {
	var vendor *APIError
	ofTenant := errors.As(e.Err, &vendor) && vendor.isOfTenant()
	return e.Outcome == userapi.OutcomeRejected && (ofTenant || e.Kind != userapi.KindInvalid && e.Kind != userapi.KindConflict)
}

// answered reports whether the vendor's server has dealt with the import, and says so.
func answered(e *userapi.Error) bool {
	var vendor *APIError
	return e.StatusCode/100 == 5 && errors.As(e.Err, &vendor) && vendor.documented
}

// setResult gives a newcomer its result: the user that was found may be its own.
func (im *importing) setResult(ctx context.Context, n *newcomer, c *provider.Candidate, failure *userapi.Error) {
	if !n.lost {
		taken := *failure
		taken.Kind, taken.Candidates = userapi.KindConflict, []string{c.User.ID}
		taken.FieldErrors = append(n.takenBy(im.core, c.User), failure.FieldErrors...)
		n.fail(&taken)
		return
	}
	r := provider.Resolution{
		Vendor: im.Vendor, CreatedAt: createdAt, UserID: n.to.userID,
		Look: func(context.Context) ([]*provider.Candidate, error) { return []*provider.Candidate{c}, nil },
	}
	u, err := r.Resolve(ctx, im.since)
	if other, ok := err.(*userapi.Error); ok {
		other.Op, other.Subject = provider.OpCreate, userapi.SubjectCreate
		n.lost = false // the answer is about the user that is there
		n.fail(other)
		return
	}
	n.made(u)
}

// takenBy lists what a user has that the newcomer asks for.
func (n *newcomer) takenBy(c *core, u *userapi.User) (faults []userapi.FieldError) {
	add := func(field, vendorField string) {
		faults = append(faults, userapi.FieldError{
			Field: field, VendorField: vendorField, Code: userapi.CodeTaken, Message: "belongs to a user that exists",
		})
	}
	if u.ID == n.to.userID {
		add(n.to.idField, "userId")
	}
	if shown, ok := userapi.As[*CreateUserResponse](u); ok {
		for _, k := range c.keysOf(&n.native.User, n.req) {
			if k.compare(&shown.User) == provider.Same {
				add(k.field, k.vendorField)
			}
		}
	}
	return faults
}

// isPassing reports whether a search failed in a way that a look-up by id would, too.
func isPassing(err error) bool {
	return errors.Is(err, userapi.ErrUnavailable) || errors.Is(err, userapi.ErrRateLimited) || errors.Is(err, userapi.ErrTimeout) || errors.Is(err, userapi.ErrCanceled)
}

// look finds which users exist, by their ids. With an error it is not known for all of
// them.
func (im *importing) look(ctx context.Context, users []*newcomer) (map[string]*provider.Candidate, error) {
	if len(users) > 1 {
		found, err := im.lookMany(ctx, users)
		if err == nil || len(users) > maxSearch || isPassing(err) {
			return found, err
		}
	}
	found := map[string]*provider.Candidate{}
	for _, n := range users {
		s := n.search(im.core)
		s.anyAge = len(users) == 1 && !n.lost // somebody else may have its e-mail address
		candidates, err := s.look(ctx)
		if err != nil {
			return found, err
		}
		if len(candidates) > 0 {
			found[n.to.userID] = candidates[0]
		}
	}
	return found, nil
}

// BatchesUser reports whether CreateUsers imports a user together with others: one with an
// Extra.PasswordHash.
func (c *Client) BatchesUser(req userapi.CreateUserRequest) bool {
	return slices.ContainsFunc(req.Extensions, func(x userapi.Extension) bool {
		switch own := x.(type) {
		case Extra:
			return !own.PasswordHash.IsZero()
		case *Extra:
			return own != nil && !own.PasswordHash.IsZero()
		}
		return false
	})
}
