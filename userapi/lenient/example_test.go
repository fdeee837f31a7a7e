package lenient_test

import (
	"encoding/json"
	"fmt"

	"github.com/enlist-go/enlist/userapi/lenient"
)

// A vendor sends a number for a text, a text for a number, and a time without a zone.
func Example() {
	var user struct {
		ID      lenient.Number
		Phone   lenient.Text
		Score   lenient.Decimal
		Born    lenient.Date
		Created lenient.Time
		Seen    lenient.Instant
	}
	err := json.Unmarshal([]byte(`{"id": "4711", "phone": 48123456789, "score": "0.5", "born": "1815-12-10",
		"created": "2026-03-01 09:30:00", "seen": 1772357400000}`), &user)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := user.ID.Int64()
	score, _ := user.Score.Float64()
	born, _ := user.Born.Time()
	fmt.Println(id, user.Phone, score, born.Year())
	fmt.Println(user.Created.UTC(), user.Seen.Equal(user.Created.Time))
	// Output:
	// 4711 48123456789 0.5 1815
	// 2026-03-01 09:30:00 +0000 UTC true
}

// A value that cannot be read is kept as it came, and written as it came.
func Example_unreadable() {
	var user struct {
		ID      lenient.Number `json:"id"`
		Created lenient.Time   `json:"created"`
	}
	if err := json.Unmarshal([]byte(`{"id": "unknown", "created": "last week"}`), &user); err != nil {
		fmt.Println(err)
		return
	}
	_, isNumber := user.ID.Int64()
	fmt.Println(isNumber, user.Created.IsZero(), user.Created.Text())
	text, err := json.Marshal(user)
	fmt.Println(string(text), err)
	// Output:
	// false true last week
	// {"id":"unknown","created":"last week"} <nil>
}
