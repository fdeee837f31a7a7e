package crashtest_test

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// rarity is of how many requests one fails. What is sent again at once fails more often.
var rarity = map[userapitest.Operation]int{
	userapitest.Create: 8, userapitest.Lookup: 4, userapitest.Attributes: 3, userapitest.Delete: 2,
}

// fault returns something that goes wrong with a request. No answer lies: none refuses
// what was carried out.
func (v *vendor) fault(rnd *rand.Rand, op userapitest.Operation) userapitest.Fault {
	f := userapitest.Fault{On: op}
	moments := []userapitest.Moment{userapitest.BeforeRead, userapitest.BeforeCommit, userapitest.AfterCommit}
	f.When = moments[rnd.IntN(len(moments))]
	header := http.Header{"Content-Type": {"application/json"}}
	switch n := rnd.IntN(100); {
	case n < 20:
		f.Do = userapitest.Reset
	case n < 35:
		f.Do = userapitest.Hangup
	case n < 55:
		f.Do, f.When = userapitest.Truncate, userapitest.AfterCommit
	case n < 60:
		// Not before the request is read: then the fake does not see the client leave.
		f.Do, f.When = userapitest.Stall, moments[1+rnd.IntN(2)]
	case n < 75:
		f.Status, f.Header, f.Body = v.Replies["429"].Status, header, []byte(v.Replies["429"].Body)
		f.When = userapitest.BeforeCommit
	default:
		f.Status = []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable}[rnd.IntN(3)]
		f.Header, f.Body = header, []byte(v.Replies["5xx"].Body)
	}
	if op == userapitest.Delete && f.Do != userapitest.Truncate {
		f.When = userapitest.BeforeCommit // else it is done, and the next one finds nobody
	}
	return f
}

// One of so many requests begins an outage, which lasts longer than the attempts and the
// looks of one call.
const (
	outage       = 100 * time.Millisecond
	outageRarity = 400
)

// down returns the answer of a vendor that has an outage.
func (v *vendor) down(op userapitest.Operation) userapitest.Fault {
	return userapitest.Fault{
		On: op, When: userapitest.BeforeCommit, Status: http.StatusServiceUnavailable,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(v.Replies["5xx"].Body),
	}
}
