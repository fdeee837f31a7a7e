package fusionauthtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// A kind is the type of a member. It reports values of other types. It never gets null, which is
// not a value.
type kind interface {
	check(v any, path string, f *failure)
}

// leaf is a kind without members. It returns "" or the word of an error's code: "invalidJSON" for a
// value of another type, "invalidOption" for an unknown value of an enumeration.
type leaf func(v any) (word string)

func (k leaf) check(v any, path string, f *failure) {
	switch word := k(v); word {
	case "":
	case "invalidOption":
		f.field(path, word, "Invalid option.")
	default:
		f.wrongType(path)
	}
}

func leafOf(ok func(v any) bool) leaf {
	return func(v any) string {
		if ok(v) {
			return ""
		}
		return "invalidJSON"
	}
}

func textThat(ok func(s string) bool) leaf {
	return leafOf(func(v any) bool {
		s, is := v.(string)
		return is && ok(s)
	})
}

func oneOf(values ...string) leaf {
	return func(v any) string {
		s, is := v.(string)
		switch {
		case !is:
			return "invalidJSON"
		case !slices.Contains(values, s):
			return "invalidOption"
		}
		return ""
	}
}

var zonePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+\-:/]*$`)

// The leaf kinds. They accept the texts that the server's Java types accept.
var (
	text    = textThat(func(string) bool { return true })
	uuid    = textThat(isUUID)
	date    = textThat(func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil })
	locale  = text // see readLocale
	zone    = textThat(zonePattern.MatchString)
	uri     = textThat(func(s string) bool { _, err := url.Parse(s); return err == nil })
	boolean = leafOf(func(v any) bool { _, ok := v.(bool); return ok })
	double  = leafOf(func(v any) bool { _, ok := v.(json.Number); return ok })
	integer = leafOf(func(v any) bool {
		n, ok := v.(json.Number)
		_, err := n.Int64()
		return ok && err == nil
	})
	instant = leafOf(isInstant)
	data    = leafOf(func(v any) bool { _, ok := v.(object); return ok })
)

// isInstant accepts a number and its text, but not an ISO date.
func isInstant(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return true
	case string:
		_, err := strconv.ParseInt(v, 10, 64)
		return v == "" || err == nil
	}
	return false
}

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func isUUID(s string) bool { return uuidPattern.MatchString(s) }

// members is an object with known members.
type members map[string]kind

func (m members) check(v any, path string, f *failure) {
	o, ok := v.(object)
	if !ok {
		f.wrongType(path)
		return
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		k, known := m[name]
		below := strings.TrimPrefix(path+"."+name, ".")
		switch {
		case !known && f.refusesUnknown:
			f.unknownMember(below)
		case !known: // ignored
		case o[name] != nil:
			k.check(o[name], below, f)
		}
	}
}

// listOf is an array. Paths in errors have no index.
type listOf struct{ kind }

func (l listOf) check(v any, path string, f *failure) {
	list, ok := v.([]any)
	if !ok {
		f.wrongType(path)
		return
	}
	for _, item := range list {
		if item != nil {
			l.kind.check(item, path, f)
		}
	}
}

// mapOf is an object with members of one kind and any names.
type mapOf struct{ kind }

func (m mapOf) check(v any, path string, f *failure) {
	o, ok := v.(object)
	if !ok {
		f.wrongType(path)
		return
	}
	for _, item := range o {
		if item != nil {
			m.kind.check(item, path, f)
		}
	}
}

var usernameStatus = oneOf("ACTIVE", "PENDING", "REJECTED")

// The bodies of FusionAuth 1.62 and later.
var (
	createRequest = members{
		"applicationId":               uuid,
		"currentPassword":             text,
		"disableDomainBlock":          boolean,
		"sendSetPasswordEmail":        boolean,
		"sendSetPasswordIdentityType": oneOf("doNotSend", "email", "phone"),
		"skipVerification":            boolean,
		"verificationIds":             listOf{text},
		"user":                        userMembers,
		"eventInfo":                   eventInfo,
	}
	registerRequest = members{
		"disableDomainBlock":           boolean,
		"generateAuthenticationToken":  boolean,
		"registration":                 registrationMembers,
		"sendSetPasswordEmail":         boolean,
		"sendSetPasswordIdentityType":  oneOf("doNotSend", "email", "phone"),
		"skipRegistrationVerification": boolean,
		"skipVerification":             boolean,
		"verificationIds":              listOf{text},
		"user":                         userMembers,
		"eventInfo":                    eventInfo,
	}
)

var userMembers = members{
	"active":                             boolean,
	"birthDate":                          date,
	"breachedPasswordLastCheckedInstant": instant,
	"breachedPasswordStatus":             oneOf("None", "ExactMatch", "SubAddressMatch", "PasswordOnly", "CommonPassword"),
	"cleanSpeakId":                       uuid,
	"connectorId":                        uuid,
	"data":                               data,
	"email":                              text,
	"encryptionScheme":                   text,
	"expiry":                             instant,
	"factor":                             integer,
	"firstName":                          text,
	"fullName":                           text,
	"id":                                 uuid,
	"identities": listOf{members{
		"displayValue": text, "insertInstant": instant, "lastLoginInstant": instant, "lastUpdateInstant": instant,
		"moderationStatus": usernameStatus, "primary": boolean, "type": text, "value": text, "verified": boolean,
		"verifiedInstant": instant, "verifiedReason": text,
	}},
	"imageUrl":          uri,
	"insertInstant":     instant,
	"lastLoginInstant":  instant,
	"lastName":          text,
	"lastUpdateInstant": instant,
	"legacyIdentifier":  text,
	"memberships": listOf{members{
		"data": data, "groupId": uuid, "id": uuid, "insertInstant": instant, "userId": uuid,
	}},
	"middleName":                text,
	"mobilePhone":               text,
	"parentEmail":               text,
	"password":                  text,
	"passwordChangeReason":      oneOf("Administrative", "Breached", "Expired", "Validation"),
	"passwordChangeRequired":    boolean,
	"passwordLastUpdateInstant": instant,
	"phoneNumber":               text,
	"preferredLanguages":        listOf{locale},
	"registrations":             listOf{registrationMembers},
	"salt":                      text,
	"tenantId":                  uuid,
	"timezone":                  zone,
	"twoFactor": members{
		"methods": listOf{members{
			"authenticator": members{
				"algorithm": oneOf("HmacSHA1", "HmacSHA256", "HmacSHA512"), "codeLength": integer, "timeStep": integer,
			},
			"email": text, "id": text, "lastUsed": boolean, "method": text, "mobilePhone": text, "name": text, "secret": text,
		}},
		"recoveryCodes": listOf{text},
	},
	"uniqueUsername":  text,
	"username":        text,
	"usernameStatus":  usernameStatus,
	"verified":        boolean,
	"verifiedInstant": instant,
}

var registrationMembers = members{
	"applicationId": uuid, "authenticationToken": text, "cleanSpeakId": uuid, "data": data, "id": uuid,
	"insertInstant": instant, "lastLoginInstant": instant, "lastUpdateInstant": instant,
	"preferredLanguages": listOf{locale}, "roles": listOf{text}, "timezone": zone, "tokens": mapOf{text},
	"username": text, "usernameStatus": usernameStatus, "verified": boolean, "verifiedInstant": instant,
}

var eventInfo = members{
	"data": data, "deviceDescription": text, "deviceName": text, "deviceType": text, "ipAddress": text,
	"location": members{
		"city": text, "country": text, "displayString": text, "latitude": double, "longitude": double,
		"region": text, "zipcode": text,
	},
	"os": text, "userAgent": text,
}

// since159 and userSince159 are the members of a body and of its user that FusionAuth 1.59 added.
var since159 = [...]string{"sendSetPasswordIdentityType", "verificationIds"}
var userSince159 = [...]string{"identities", "phoneNumber"}

// pastOver removes the members that a server before 1.59 does not know.
func pastOver(request object) {
	for _, name := range since159 {
		delete(request, name)
	}
	users, _ := request["users"].([]any)
	for _, user := range append(users, request["user"]) {
		in, _ := user.(object)
		for _, name := range userSince159 {
			delete(in, name)
		}
	}
}

// parse decodes a body. It ignores a body without a JSON content type. An empty body counts as an
// empty object, so each missing member is reported.
func (s *Server) parse(r *fakehttp.Request, has members) (object, *failure) {
	body := r.Body
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		body = nil
	}
	f := failure{refusesUnknown: s.settings.refusesUnknown}
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("trailing text")
		}
	}
	o, ok := v.(object)
	if err != nil || !ok {
		f.general("invalidJSON", "Invalid JSON in the request body. The property was [UNKNOWN]. The error was [Unexpected mapping exception].")
		return nil, &f
	}
	if s.settings.before159 {
		pastOver(o)
	}
	has.check(o, "", &f)
	if f.any() {
		return nil, &f
	}
	return o, nil
}
