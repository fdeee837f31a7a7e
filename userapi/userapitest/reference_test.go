package userapitest_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/enlist-go/enlist/userapi"
)

const vendor = "reference"

// A reference is a creator with every ability. It has at most one defect, selected by name. It uses
// only package net/http.
type reference struct {
	opts   userapi.HTTPOptions
	http   http.Client
	key    func() string
	scoped bool
	defect string
}

func newReference(key string, opts userapi.HTTPOptions, defect string) *reference {
	return &reference{
		opts: opts, key: func() string { return key }, scoped: key == scopedKey, defect: defect,
		http: http.Client{
			Transport:     opts.HTTPClient.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (r *reference) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "reference{}") }

// A call is a request and how to send it.
type call struct {
	op, method, path, route string
	body                    []byte
	// again allows sending the request twice.
	again bool
}

// A reply has been read completely.
type reply struct {
	status int
	header http.Header
	body   []byte
}

var (
	errBroken = errors.New("reference: the connection failed")
	errCut    = errors.New("reference: the reply was not read whole")
)

// do sends a call and retries it if that is safe. A reply without a success status comes with an
// error.
func (r *reference) do(ctx context.Context, c call) (*reply, *userapi.Error) {
	attempts := cmp.Or(r.opts.Retry.MaxAttempts, 3)
	for n := 1; ; n++ {
		got, e := r.attempt(ctx, c)
		if r.opts.OnAttempt != nil {
			r.opts.OnAttempt(ctx, userapi.Attempt{Provider: vendor, Operation: c.op, Route: c.route, Number: n, OK: e == nil})
		}
		if r.opts.Logger != nil {
			r.opts.Logger.LogAttrs(ctx, slog.LevelDebug, "attempt", slog.String("operation", c.op), slog.String("route", c.route))
		}
		if e == nil {
			return got, nil
		}
		e.Attempts = n
		if r.defect == "never tries a delete again" && c.method == http.MethodDelete {
			return got, e
		}
		passing := e.Kind == userapi.KindRateLimited && e.RetryAfter == 0 || c.again && e.Kind == userapi.KindUnavailable
		wait := cmp.Or(r.opts.Retry.BaseWait, 250*time.Millisecond)
		deadline, bounded := ctx.Deadline()
		if !passing || n == attempts || bounded && time.Until(deadline) < wait {
			return got, e
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return got, e
		}
	}
}

func (r *reference) fail(op string, kind userapi.Kind, outcome userapi.Outcome) *userapi.Error {
	return &userapi.Error{Provider: vendor, Op: op, Kind: kind, Outcome: outcome}
}

// attempt sends a request once.
func (r *reference) attempt(ctx context.Context, c call) (*reply, *userapi.Error) {
	if err := ctx.Err(); err != nil {
		return nil, r.broken(c.op, err, userapi.OutcomeNotSent)
	}
	if r.opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.opts.Timeout)
		defer cancel()
	}
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, r.opts.BaseURL+c.path, body)
	if err != nil {
		return nil, r.fail(c.op, userapi.KindInvalid, userapi.OutcomeNotSent)
	}
	req.GetBody = nil // prevents that a create is sent again
	req.Header.Set("Authorization", r.key())
	req.Header.Set("User-Agent", strings.TrimSpace(r.opts.UserAgent+" reference/1"))
	if c.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.http.Do(req)
	if err != nil {
		outcome := userapi.OutcomeUnknown
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			outcome = userapi.OutcomeNotSent
		}
		return nil, r.broken(c.op, err, outcome)
	}
	defer func() { _ = resp.Body.Close() }()
	limit := cmp.Or(r.opts.MaxResponseBytes, 1<<20)
	text, readErr := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	got := &reply{resp.StatusCode, resp.Header, text}
	if e := r.refusal(c, got); e != nil {
		return got, e
	}
	if cut := readErr != nil || int64(len(text)) > limit; cut && r.defect != "believes a reply that is cut off" {
		e := r.fail(c.op, userapi.KindProtocol, userapi.OutcomeUnknown)
		e.StatusCode, e.Err = got.status, errCut
		if readErr != nil && r.defect == "shows what the server sent" {
			e.Err = readErr
		}
		return nil, e
	}
	return got, nil
}

// broken returns the error of a request without a reply. It wraps the context's error, and no data
// from the server.
func (r *reference) broken(op string, err error, outcome userapi.Outcome) *userapi.Error {
	e := r.fail(op, userapi.KindUnavailable, outcome)
	e.Err = errBroken
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind, e.Err = userapi.KindCanceled, context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.Kind, e.Err = userapi.KindTimeout, context.DeadlineExceeded
	case r.defect == "shows what the server sent":
		e.Err = errors.Join(errBroken, err)
	}
	return e
}

// refusal returns the error of a reply without success; nil for a success.
func (r *reference) refusal(c call, got *reply) *userapi.Error {
	e := r.fail(c.op, userapi.KindProtocol, userapi.OutcomeRejected)
	e.StatusCode = got.status
	switch status := got.status; {
	case status >= 200 && status < 300:
		return nil
	case status == 400, status == 422:
		e.Kind = userapi.KindInvalid
	case status == 401:
		e.Kind = userapi.KindUnauthorized
	case status == 402, status == 403:
		e.Kind = userapi.KindForbidden
	case status == 404:
		e.Kind = userapi.KindNotFound
	case status == 409:
		e.Kind = userapi.KindConflict
	case status == 429:
		e.Kind, e.RetryAfter = userapi.KindRateLimited, retryAfter(got.header.Get("Retry-After"))
	case status == 408, status >= 500:
		e.Kind, e.Outcome = userapi.KindUnavailable, userapi.OutcomeUnknown
	case status == 301, status == 307, status == 308, status >= 400:
	default:
		e.Outcome = userapi.OutcomeUnknown
	}
	var body struct {
		Errors map[string]json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(got.body, &body) == nil && (e.Kind == userapi.KindConflict || e.Kind == userapi.KindInvalid) {
		for _, name := range slices.Sorted(maps.Keys(neutral)) {
			if code, has := body.Errors[name]; has {
				f := userapi.FieldError{Field: neutral[name], VendorField: name}
				if text := string(code); text == `"taken"` || text == `"too_short"` {
					f.Code = strings.Trim(text, `"`)
				}
				e.FieldErrors = append(e.FieldErrors, f)
			}
		}
	}
	return e
}

// neutral maps the vendor's members to fields.
var neutral = map[string]string{"login": "Username", "email": "Email", "ref": "ExternalID", "name": "FullName", "password": "Password"}

func retryAfter(value string) time.Duration {
	const most = 1000 * time.Hour
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && seconds > uint64(most.Seconds()):
		return most
	case err != nil:
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// check checks a request and returns the fields that the vendor cannot store.
func (r *reference) check(op string, req *userapi.CreateUserRequest, more ...userapi.FieldError) (unmapped []string, e *userapi.Error) {
	faults := more
	if req.Username == "" && req.Email == "" && req.ExternalID == "" {
		faults = append(faults, userapi.FieldError{Field: "Username", Code: "required", Message: "must be set"})
	}
	if req.Password == userapi.Redacted {
		faults = append(faults, userapi.FieldError{Field: "Password", Code: "invalid", Message: "is the text that stands for a secret"})
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"Phone", req.Phone != ""}, {"Timezone", req.Timezone != ""}, {"Language", req.Language != ""}, {"Tags", len(req.Tags) > 0}} {
		if f.set {
			unmapped = append(unmapped, f.name)
			if req.Strict {
				faults = append(faults, userapi.FieldError{Field: f.name, Code: "unsupported", Message: "cannot be stored"})
			}
		}
	}
	if len(faults) > 0 {
		e = r.fail(op, userapi.KindInvalid, userapi.OutcomeNotSent)
		e.FieldErrors = faults
		return nil, e
	}
	return unmapped, nil
}

// encode returns the body of a create.
func encode(req *userapi.CreateUserRequest, password string) []byte {
	body, _ := json.Marshal(struct {
		Login    string `json:"login,omitempty"`
		Email    string `json:"email,omitempty"`
		Ref      string `json:"ref,omitempty"`
		Name     string `json:"name,omitempty"`
		Password string `json:"password"`
	}{req.Username, req.Email, req.ExternalID, req.FullName, password})
	return body
}

func (r *reference) PreflightUser(req userapi.CreateUserRequest) error {
	_, e := r.check("create user", &req)
	return asError(e)
}

func (r *reference) PlanUser(req userapi.CreateUserRequest) (userapi.Plan, error) {
	unmapped, e := r.check("create user", &req)
	if e != nil {
		return userapi.Plan{}, e
	}
	plan := userapi.Plan{Provider: vendor, Method: http.MethodPost, Route: "/users", Body: encode(&req, userapi.Redacted), Unmapped: unmapped}
	for field, value := range map[string]string{"Username": req.Username, "ExternalID": req.ExternalID} {
		if value != "" {
			plan.Unique = append(plan.Unique, userapi.UniqueValue{Field: field, Value: value})
		}
	}
	if len(req.Attributes) > 0 {
		values, _ := json.Marshal(req.Attributes)
		plan.Next = []userapi.Step{{Method: http.MethodPut, Route: "/users/{id}/values", Body: values}}
	}
	return plan, nil
}

func asError(e *userapi.Error) error {
	if e == nil {
		return nil
	}
	return e
}

func (r *reference) CreateUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	unmapped, e := r.check("create user", &req)
	if e != nil {
		return nil, e
	}
	u, e := r.create(ctx, &req)
	if e == nil {
		u.Unmapped = unmapped
		e = r.finish(ctx, &req, u)
	}
	if e != nil {
		return nil, e
	}
	return u, nil
}

func (r *reference) create(ctx context.Context, req *userapi.CreateUserRequest) (*userapi.User, *userapi.Error) {
	const op = "create user"
	got, e := r.do(ctx, call{op: op, method: http.MethodPost, path: "/users", route: "/users", body: encode(req, req.Password.Reveal())})
	if e != nil {
		return nil, e
	}
	u, native, broken := r.read(got.body)
	e = r.fail(op, userapi.KindProtocol, userapi.OutcomeUnknown)
	e.StatusCode = got.status
	switch {
	case u == nil:
		return nil, e
	case broken:
		e.Outcome, e.User, e.UserID = userapi.OutcomeCreated, u, u.ID
		return nil, e
	}
	if len(r.differing(native, req)) > 0 && r.defect != "takes somebody else's user for the new one" {
		if e.Candidates = []string{u.ID}; r.defect == "keeps quiet of whom it was shown" {
			e.Candidates = nil
		}
		if r.defect == "hands out somebody else's user with an error" {
			e.User = u
		}
		if r.defect == "takes a stranger's id for the user's" {
			e.UserID = u.ID
		}
		return nil, e
	}
	return u, nil
}

// A native user is the vendor's form of a user.
type native struct {
	id, login, email, ref string
	createdAt             time.Time
}

// objectOf decodes an object. It removes a member that appears twice, and adds its name to doubled.
func (r *reference) objectOf(text []byte) (members map[string]json.RawMessage, doubled bool) {
	in := json.NewDecoder(bytes.NewReader(text))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	members = map[string]json.RawMessage{}
	for in.More() {
		name, err := in.Token()
		var value json.RawMessage
		if err == nil {
			err = in.Decode(&value)
		}
		if err != nil {
			return nil, false
		}
		key := name.(string)
		if r.defect == "takes another spelling for the member" {
			key = strings.ToLower(strings.ReplaceAll(key, "ſ", "s"))
		}
		if _, has := members[key]; has && (key == "id" || key == "user") && r.defect != "takes the last of two members" && r.defect != "takes another spelling for the member" {
			doubled = true
		}
		if key == "errors" && r.defect != "takes the last of two members" && r.reports(members[key]) {
			continue // one error is enough
		}
		members[key] = value
	}
	return members, doubled
}

var goodID = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// read decodes a reply with one user. u is nil if the user cannot be believed. broken reports an
// error beside the user.
func (r *reference) read(text []byte) (u *userapi.User, n native, broken bool) {
	if !json.Valid(text) {
		return nil, native{}, false
	}
	top, doubled := r.objectOf(text)
	members, doubledID := r.objectOf(top["user"])
	n = native{id: string(members["id"]), login: textOf(members["login"]), email: textOf(members["email"]), ref: textOf(members["ref"])}
	if r.defect == "takes anything for an id" && n.id != "" {
		if text := textOf(members["id"]); text != "" {
			n.id = text
		}
	} else if !goodID.MatchString(n.id) {
		return nil, native{}, false
	}
	if doubled || doubledID {
		return nil, native{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, textOf(members["created_at"]))
	_, encodeErr := at.MarshalJSON()
	if err == nil && encodeErr == nil {
		n.createdAt = at
	}
	u = &userapi.User{
		Provider: vendor, ID: n.id, Username: n.login, Email: n.email, ExternalID: n.ref,
		CreatedAt: n.createdAt, Proof: userapi.ProofReply, Raw: text,
	}
	if r.defect == "keeps a time that cannot be encoded" && err != nil {
		u.CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	u.SetNative(&n)
	return u, n, r.reports(top["errors"])
}

// reports reports whether the member errors of a reply has an error.
func (r *reference) reports(errs json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(errs)), "") {
	case "", "null":
		return false
	case "{}", "[]", `""`:
		return r.defect == "takes an empty member for an error"
	}
	return r.defect != "overlooks an error beside a user"
}

// done returns the error of a delete or a second step whose reply has a success status and an
// error.
func (r *reference) done(op string, got *reply) *userapi.Error {
	top, _ := r.objectOf(got.body)
	if !r.reports(top["errors"]) || r.defect == "takes a 200 with an error for done" {
		return nil
	}
	e := r.fail(op, userapi.KindProtocol, userapi.OutcomeUnknown)
	e.StatusCode = got.status
	return e
}

func textOf(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text)
	return text
}

// differing returns the fields in which a user differs from the request. Fields that the reply does
// not show do not differ.
func (r *reference) differing(n native, req *userapi.CreateUserRequest) (fields []string) {
	for _, f := range []struct{ name, sent, shown string }{
		{"ExternalID", req.ExternalID, n.ref}, {"Username", req.Username, n.login}, {"Email", req.Email, n.email},
	} {
		sent, shown := strings.TrimSpace(f.sent), strings.TrimSpace(f.shown)
		unsure := func(text string) bool {
			return text == "" || strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII })
		}
		if r.defect == "counts the case of letters" && sent != shown && shown != "" && !unsure(shown) {
			fields = append(fields, f.name)
		}
		if r.defect == "takes what is not shown for another's" && shown == "" && sent != "" {
			fields = append(fields, f.name)
		}
		if !unsure(sent) && !unsure(shown) && !strings.EqualFold(sent, shown) {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// checkID checks the id of an existing user.
func (r *reference) checkID(op, id string) *userapi.Error {
	if goodID.MatchString(id) || r.defect == "reads ids loosely" && strings.ContainsAny(id, "123456789") {
		return nil
	}
	e := r.fail(op, userapi.KindInvalid, userapi.OutcomeNotSent)
	e.FieldErrors = []userapi.FieldError{{VendorField: "id", Code: "invalid", Message: "must be a positive number"}}
	return e
}

func (r *reference) FinishUser(ctx context.Context, req userapi.CreateUserRequest, u *userapi.User) error {
	const op = "set values"
	if u == nil || u.Provider != vendor && r.defect != "finishes another vendor's user" {
		return r.fail(op, userapi.KindInvalid, userapi.OutcomeNotSent)
	}
	if e := r.checkID(op, u.ID); e != nil {
		return e
	}
	return asError(r.finish(ctx, &req, u))
}

func (r *reference) finish(ctx context.Context, req *userapi.CreateUserRequest, u *userapi.User) *userapi.Error {
	if len(req.Attributes) == 0 {
		return nil
	}
	values, _ := json.Marshal(req.Attributes)
	if r.defect == "finishes otherwise the second time" {
		values = append([]byte(`{"at":"`+time.Now().String()+`",`), values[1:]...)
	}
	const op = "set values"
	got, e := r.do(ctx, call{
		op: op, method: http.MethodPut, path: "/users/" + url.PathEscape(u.ID) + "/values", route: "/users/{id}/values", body: values, again: true,
	})
	if e == nil {
		e = r.done(op, got)
	}
	if e != nil {
		e.Outcome, e.User, e.UserID = userapi.OutcomeCreated, u, u.ID
	}
	if e != nil && r.defect == "takes a second step that failed for a create that did" {
		e.Outcome, e.User, e.UserID = userapi.OutcomeRejected, nil, ""
	}
	return e
}

// ask sends a look-up or a delete.
func (r *reference) ask(ctx context.Context, op, method, path, route string) (*reply, *userapi.Error) {
	got, e := r.do(ctx, call{op: op, method: method, path: path, route: route, again: true})
	if e == nil && len(bytes.TrimSpace(got.body)) > 0 && !json.Valid(got.body) && r.defect != "takes a page for an answer" {
		e = r.fail(op, userapi.KindProtocol, userapi.OutcomeUnknown)
	}
	if e != nil && got != nil && r.defect == "quotes the reply to a look-up" {
		e.Message = string(got.body)
	}
	absent := r.fail(op, userapi.KindNotFound, userapi.OutcomeRejected)
	switch {
	case e == nil:
		return got, nil
	case e.Kind == userapi.KindTimeout && r.defect == "takes its own time-out for absence",
		errors.Is(e.Err, errBroken) && r.defect == "takes a broken connection for absence":
		return nil, absent
	case e.Kind == userapi.KindNotFound && !r.own404(got.body):
		e.Kind, e.Outcome = userapi.KindProtocol, userapi.OutcomeUnknown
	case e.Kind != userapi.KindNotFound:
		if r.defect != "takes a failed look-up for absence" {
			e.Outcome = userapi.OutcomeUnknown
		} else if e.StatusCode != 0 {
			e.Kind, e.Outcome = userapi.KindNotFound, userapi.OutcomeRejected
		}
	case r.scoped && r.defect != "takes what is hidden for absent":
		e.Kind, e.Outcome = userapi.KindUnknown, userapi.OutcomeUnknown
	}
	return nil, e
}

// own404 reports whether a 404 is in the vendor's own form, which means that the user does not
// exist.
func (r *reference) own404(body []byte) bool {
	members, _ := r.objectOf(body)
	_, own := members["detail"]
	return own || r.defect == "believes any 404" ||
		r.defect == "believes a 404 without a body" && len(body) == 0 ||
		r.defect == "believes a 404 that is JSON" && members != nil
}

func (r *reference) DeleteUser(ctx context.Context, id string) error {
	const op = "delete user"
	if e := r.checkID(op, id); e != nil {
		return e
	}
	got, e := r.ask(ctx, op, http.MethodDelete, "/users/"+url.PathEscape(id), "/users/{id}")
	if e == nil {
		e = r.done(op, got)
	}
	if e != nil && e.Kind == userapi.KindNotFound && r.defect == "finds nothing wrong with a user that is gone" {
		return nil
	}
	return asError(e)
}

const (
	sureAge = 2 * time.Second
	oldAge  = time.Minute
	looks   = 3
)

func (r *reference) ResolveUser(ctx context.Context, req userapi.CreateUserRequest, since time.Time) (*userapi.User, error) {
	const op = "resolve user"
	unmapped, e := r.check(op, &req)
	if e != nil && r.defect != "resolves what was never sent" {
		return nil, e
	}
	key, proof := url.Values{"email": {req.Email}}, userapi.ProofMatch
	switch {
	case req.ExternalID != "":
		key, proof = url.Values{"ref": {req.ExternalID}}, userapi.ProofKey
	case req.Username != "":
		key = url.Values{"login": {req.Username}}
	}
	tries := looks
	if r.defect == "looks once" {
		tries = 1
	}
	var got *reply
	for n := 1; ; n++ {
		if got, e = r.ask(ctx, op, http.MethodGet, "/users?"+key.Encode(), "/users"); e == nil || n == tries || ctx.Err() != nil {
			break
		}
	}
	switch {
	case e == nil:
	case r.defect == "never proves absence" && e.Kind == userapi.KindNotFound:
		return nil, r.fail(op, userapi.KindUnknown, userapi.OutcomeUnknown)
	case r.defect == "takes a page for a user that is not there" && e.Kind == userapi.KindProtocol:
		return nil, r.fail(op, userapi.KindNotFound, userapi.OutcomeRejected)
	default:
		return nil, e
	}
	u, e := r.pick(got, &req, since)
	if e != nil {
		return nil, e
	}
	u.Unmapped, u.Proof, u.Raw = unmapped, proof, got.body
	switch r.defect {
	case "has no proof of whom it finds":
		u.Proof = userapi.ProofReply
	case "says not what it compared":
		u.Compared = nil
	case "compares what was not sent":
		u.Compared = []string{"ExternalID", "Username", "Email", "Phone"}
	case "loses the raw reply of a look-up":
		u.Raw = nil
	}
	return u, nil
}

// pick selects the request's user among the users of a look-up.
func (r *reference) pick(got *reply, req *userapi.CreateUserRequest, since time.Time) (*userapi.User, *userapi.Error) {
	const op = "resolve user"
	top, _ := r.objectOf(got.body)
	var found []json.RawMessage
	if err := json.Unmarshal(top["found"], &found); err != nil {
		if r.defect == "takes an answer without users for absence" {
			return nil, r.fail(op, userapi.KindNotFound, userapi.OutcomeRejected)
		}
		return nil, r.fail(op, userapi.KindProtocol, userapi.OutcomeUnknown)
	}
	unknown := r.fail(op, userapi.KindUnknown, userapi.OutcomeUnknown)
	other := r.fail(op, userapi.KindConflict, userapi.OutcomeRejected)
	var ours *userapi.User
	count := 0
	for _, text := range found {
		u, n, _ := r.read(text)
		if u == nil {
			return nil, r.fail(op, userapi.KindProtocol, userapi.OutcomeUnknown)
		}
		unknown.Candidates = append(unknown.Candidates, u.ID)
		fields := r.differing(n, req)
		if r.defect == "looks at one key alone" {
			fields = nil
		}
		for _, f := range []struct{ name, sent string }{{"ExternalID", req.ExternalID}, {"Username", req.Username}, {"Email", req.Email}} {
			if f.sent != "" {
				u.Compared = append(u.Compared, f.name)
			}
		}
		old := !since.IsZero() && n.createdAt.Before(since.Add(-oldAge))
		doubtful := !since.IsZero() && n.createdAt.Before(since.Add(-sureAge))
		if r.defect == "does not look at the age" {
			old, doubtful = false, false
		}
		if r.defect == "believes a user that is somewhat older" {
			doubtful = false
		}
		switch {
		case old, len(fields) > 0:
			other.Candidates = append(other.Candidates, u.ID)
			other.FieldErrors = append(other.FieldErrors, userapi.FieldError{VendorField: "created_at", Code: "older"})
			if len(fields) > 0 {
				other.FieldErrors[len(other.FieldErrors)-1] = userapi.FieldError{Field: fields[0], Code: "different"}
			}
		case doubtful:
			return nil, unknown
		default:
			count++
			ours = u
		}
	}
	switch {
	case count == 1, count > 1 && r.defect == "takes one of several":
		return ours, nil
	case count > 1:
		return nil, unknown
	case r.defect == "takes somebody else for absent":
		return nil, r.fail(op, userapi.KindNotFound, userapi.OutcomeRejected)
	}
	return nil, other
}

func (r *reference) RepeatUser(ctx context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
	if r.defect == "repeats without checking" {
		u, e := r.create(ctx, &req)
		return u, asError(e)
	}
	if req.ExternalID == "" && req.Username == "" && r.defect != "repeats what would make a second user" {
		_, e := r.check("create user", &req, userapi.FieldError{Field: "ExternalID", Code: "required", Message: "must be set"})
		return nil, e
	}
	if r.defect == "repeats by looking" {
		return r.ResolveUser(ctx, req, time.Time{})
	}
	u, err := r.CreateUser(ctx, req)
	if errors.Is(err, userapi.ErrConflict) && r.defect == "takes a collision for the repeat's user" {
		return r.ResolveUser(ctx, req, time.Time{})
	}
	if userapi.MayHaveCreated(err) && r.defect == "repeats a repeat" {
		return r.CreateUser(ctx, req)
	}
	if err != nil && ctx.Err() != nil && r.defect == "repeats without a context" {
		return r.CreateUser(context.WithoutCancel(ctx), req)
	}
	return u, err
}
