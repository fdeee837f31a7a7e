package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"html/template"
	"log"
	"net/http"
	"regexp"
	"strings"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// An app is what the pages need.
type app struct {
	db     *sql.DB
	ledger provision.Ledger
	p      *provision.Provisioner
}

//go:embed page.html
var pageText string

var pages = template.Must(template.New("page").Parse(pageText))

// A page is what the template shows.
type page struct {
	Key, Name, Email string
	Errors           map[string]string // by the field of the request; "" is for none
	State            string
}

const (
	stateForm    = "form"
	stateWaiting = "waiting"
	stateWelcome = "welcome"
)

// handler serves the pages. A form of another site is refused.
func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	// The key is the sign-up's name. It stands in the address and in the form: a reload, a second click and a corrected
	// form are all the same sign-up.
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/signup/"+rand.Text(), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /signup/{key}", a.show)
	mux.HandleFunc("POST /signup", a.signUp)
	safe := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		w.Header().Set("Referrer-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-store")
		safe.ServeHTTP(w, r)
	})
}

var keyForm = regexp.MustCompile(`^[A-Z2-7]{26}$`) // of rand.Text

// show answers with what the ledger has of a sign-up.
func (a *app) show(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if !keyForm.MatchString(key) {
		http.NotFound(w, r)
		return
	}
	state, err := a.state(r.Context(), key)
	if err != nil {
		fail(w, err)
		return
	}
	render(w, http.StatusOK, page{Key: key, State: state})
}

// state says which page a sign-up has.
func (a *app) state(ctx context.Context, key string) (string, error) {
	records, err := a.ledger.Load(ctx, key)
	if err != nil || len(records) == 0 {
		return stateForm, err
	}
	state := stateWelcome
	for _, r := range records {
		switch {
		case !r.Open() && !r.State.HasUser():
			return stateForm, nil // a vendor refused what is in it
		case r.Open():
			state = stateWaiting
		}
	}
	return state, nil
}

// signUp creates the person's users, and answers within the Budget.
func (a *app) signUp(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	req := userapi.CreateUserRequest{
		IdempotencyKey: r.PostFormValue("key"),
		FullName:       strings.TrimSpace(r.PostFormValue("name")),
		Email:          strings.TrimSpace(r.PostFormValue("email")),
		Password:       userapi.Secret(r.PostFormValue("password")),
	}
	if !keyForm.MatchString(req.IdempotencyKey) {
		http.Error(w, "The form is not complete.", http.StatusBadRequest)
		return
	}
	state, err := a.state(r.Context(), req.IdempotencyKey)
	if err == nil && state == stateForm {
		err = a.keep(r.Context(), req)
	}
	if err != nil {
		fail(w, err)
		return
	}
	if state == stateForm {
		results, err := a.p.CreateUser(r.Context(), req)
		if faults := words(results); len(faults) > 0 {
			render(w, http.StatusUnprocessableEntity, page{
				Key: req.IdempotencyKey, Name: req.FullName, Email: req.Email, Errors: faults, State: stateForm,
			})
			return
		}
		// What the ledger does not have, Resume does not find.
		if state, failed := a.state(r.Context(), req.IdempotencyKey); failed != nil || state == stateForm {
			fail(w, errors.Join(err, failed))
			return
		}
	}
	http.Redirect(w, r, "/signup/"+req.IdempotencyKey, http.StatusSeeOther)
}

// words says what a person can mend, by the field; nothing where there is nothing to mend.
func words(results []provision.Result) map[string]string {
	faults := map[string]string{}
	for _, res := range results {
		var e *userapi.Error
		if !errors.As(res.Err, &e) || e.Kind != userapi.KindInvalid && e.Kind != userapi.KindConflict && e.Kind != userapi.KindProtocol {
			continue // an outage, which Resume sees to
		}
		if e.Kind == userapi.KindProtocol && userapi.MayHaveCreated(e) {
			continue // so it does to what nobody knows
		}
		if len(e.FieldErrors) == 0 {
			faults[""] = notTaken
		}
		for _, f := range e.FieldErrors {
			switch f.Field {
			case "Email", "Password", "FullName":
				faults[f.Field] = textOf(f.Code)
			default:
				faults[""] = notTaken
			}
		}
	}
	return faults
}

const notTaken = "We could not create this account. Please try again."

func textOf(code string) string {
	switch code {
	case userapi.CodeRequired:
		return "Please fill this in."
	case userapi.CodeTaken:
		return "Somebody has an account with this already. Is it you? Then sign in."
	case userapi.CodeTooShort:
		return "This is too short."
	case userapi.CodeTooLong:
		return "This is too long."
	case userapi.CodeWeak:
		return "This is too easy to guess."
	default:
		return "This is not accepted. Please check it."
	}
}

func render(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.Execute(w, p); err != nil {
		log.Print("page: ", err)
	}
}

func fail(w http.ResponseWriter, err error) {
	log.Print("database: ", err)
	http.Error(w, "We cannot take sign-ups just now. Please try again.", http.StatusServiceUnavailable)
}
