package usercomtest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/enlist-go/enlist/internal/fakehttp"
)

// A language says in which language errors are.
type language int

const (
	english language = iota
	polish
	polishOnly // whatever the request asks for
)

// inPolish has the texts of errors. A text with a value in the middle has two parts.
var inPolish = []struct{ english, englishEnd, polish, polishEnd string }{
	{isNull, "", "To pole nie może mieć wartości null.", ""},
	{isBlank, "", "To pole nie może być puste.", ""},
	{isMissing, "", "To pole jest wymagane.", ""},
	{isTaken, "", "Wartość tego pola musi być unikalna.", ""},
	{noText, "", "Nieprawidłowy tekst.", ""},
	{noEmail, "", "Podaj poprawny e-mail.", ""},
	{noInteger, "", "Wymagana jest poprawna liczba całkowita.", ""},
	{noBoolean, "", "Wymagana jest wartość logiczna.", ""},
	{noListText, "", "Oczekiwano listy elementów.", ""},
	{"Ensure this field has no more than ", " characters.", "Upewnij się, że to pole ma nie więcej niż ", " znaków."},
	{`"`, `" is not a valid choice.`, `"`, `" nie jest poprawnym wyborem.`},
	{`Invalid pk "`, `" - object does not exist.`, `Nieprawidłowy klucz "`, `" – obiekt nie istnieje.`},
	{throttled, ".", "Żądanie zostało zdławione.", "."}, // the second sentence has no translation
	{"Not found.", "", "Nie znaleziono.", ""},
	{"Invalid token.", "", "Niepoprawny token.", ""},
	{"Authentication credentials were not provided.", "", "Nie podano danych uwierzytelniających.", ""},
	{"Invalid data. Expected a dictionary.", "", "Niepoprawne dane. Oczekiwano słownika.", ""},
}

// translated translates a refusal into Polish if that is the application's language, unless the request may ask
// for English and does.
func (s *Server) translated(r *fakehttp.Request, reply fakehttp.Reply) fakehttp.Reply {
	asked := strings.HasPrefix(strings.ToLower(strings.TrimSpace(r.Header.Get("Accept-Language"))), "en")
	var texts any
	if s.language == english || s.language == polish && asked || reply.Status < http.StatusBadRequest || json.Unmarshal(reply.Body, &texts) != nil {
		return reply
	}
	reply.Body = encode(translate(texts))
	return reply
}

func translate(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = translate(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = translate(inner)
		}
	case string:
		for _, t := range inPolish {
			middle, begins := strings.CutPrefix(v, t.english)
			if middle, ends := strings.CutSuffix(middle, t.englishEnd); begins && ends && (middle == "" || t.englishEnd != "") {
				return t.polish + middle + t.polishEnd
			}
		}
	}
	return v
}
