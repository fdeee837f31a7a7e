package fusionauthtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"slices"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// update replaces a user (PUT) or changes it (PATCH). Of the values that a PUT
// leaves out, only the password stays.
func (s *Server) update(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.find(r.PathValue("userId"), tenantID)
	if old == nil {
		return notFound
	}
	if r.Method == http.MethodPut && r.URL.Query().Get("reactivate") == "true" {
		old.active = true
		return jsonReply(http.StatusOK, s.reply(old))
	}
	request, refused := s.changed(r, createRequest, object{"user": s.reply(old)["user"]})
	if refused != nil {
		return *refused
	}
	var f failure
	u := &user{
		id: old.id, tenantID: old.tenantID, active: old.active, created: old.created,
		registrations: old.registrations, number: old.number,
	}
	if s.describe(request, u, old, &f); f.any() {
		return f.reply()
	}
	s.drop(old)
	s.put(u)
	return jsonReply(http.StatusOK, s.reply(u))
}

// updateRegistration is update for a registration. If the path names no application, the body does.
// A PATCH replaces the registration's lists. Source: FusionAuth's issue tracker, 3061.
func (s *Server) updateRegistration(r *fakehttp.Request, tenantID string) fakehttp.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, old := s.registered(r, tenantID)
	if u == nil || old == nil && r.PathValue("applicationId") != "" {
		return notFound
	}
	current := object{"registration": object{}}
	if old != nil {
		current["registration"] = old.shown
	}
	request, refused := s.changed(r, registerRequest, current)
	if refused != nil {
		return *refused
	}
	in, _ := request["registration"].(object)
	if old == nil {
		applicationID, _ := in["applicationId"].(string)
		if old = u.registrationFor(applicationID); old == nil {
			return notFound
		}
	}
	in = maps.Clone(in)
	if in == nil {
		in = object{}
	}
	in["applicationId"], in["id"] = old.applicationID, old.id
	if in["authenticationToken"] == nil {
		in["authenticationToken"] = old.shown.object()["authenticationToken"]
	}
	var f failure
	made := s.newRegistration(u, object{
		"registration": in, "generateAuthenticationToken": request["generateAuthenticationToken"], "skipRegistrationVerification": old.verified,
	}, old, &f)
	if f.any() {
		return f.reply()
	}
	shown := made.shown.object()
	shown["insertInstant"] = old.shown.object()["insertInstant"]
	made.shown = pack(shown)
	made.verificationID = old.verificationID
	u.registrations[slices.Index(u.registrations, old)] = made
	return jsonReply(http.StatusOK, object{"registration": made.shown})
}

// changed applies a PUT or a PATCH and returns the result as a create's body. A PATCH has one of
// three forms. Source: FusionAuth, "The PATCH HTTP method".
func (s *Server) changed(r *fakehttp.Request, has members, current object) (request object, refused *fakehttp.Reply) {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method == http.MethodPut {
		mediaType = ""
	}
	var err error
	switch mediaType {
	case "application/json-patch+json":
		var operations []operation
		if err = decodeNumbers(r.Body, &operations); err == nil {
			request, err = patched(clone(current), operations)
		}
	case "application/merge-patch+json", "application/json":
		var patch object
		if err = decodeNumbers(r.Body, &patch); err == nil {
			request, _ = merged(clone(current), patch, mediaType == "application/json").(object)
		}
	default:
		var invalid *failure
		if request, invalid = s.parse(r, has); invalid != nil {
			reply := invalid.reply()
			return nil, &reply
		}
		return request, nil
	}
	f := failure{}
	if err != nil {
		f.general("invalidJSON", "Invalid JSON in the request body. The property was [UNKNOWN]. The error was ["+err.Error()+"].")
	} else {
		has.check(request, "", &f)
	}
	if f.any() {
		reply := f.reply()
		return nil, &reply
	}
	return request, nil
}

func decodeNumbers(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(v) != nil {
		return errors.New("unexpected mapping exception")
	}
	return nil
}

// clone returns a copy of an object, in the types of decoded bodies.
func clone(o object) object {
	var copied object
	if err := decodeNumbers(encode(o), &copied); err != nil {
		panic(err) // it was decoded before
	}
	return copied
}
