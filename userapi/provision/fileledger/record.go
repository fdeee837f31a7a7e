package fileledger

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// A frameContent is what stands in a frame, as JSON: either what one Store set, or some
// of what was live when the file was compacted. An unknown member is an error, and
// never dropped: an older program must not undo what a newer one wrote.
type frameContent struct {
	Set  []storedRecord `json:"set,omitempty"`
	Live []storedRecord `json:"live,omitempty"`
}

// A storedRecord is a Record as it stands in a file. The names of its members never
// change; those of userapi's numbers neither.
type storedRecord struct {
	Key        string          `json:"key"`
	Target     string          `json:"target"`
	Revision   int64           `json:"rev"`
	State      provision.State `json:"state"`
	Kind       int             `json:"kind,omitempty"`
	Provider   string          `json:"provider,omitempty"`
	UserID     string          `json:"user,omitempty"`
	Proof      int             `json:"proof,omitempty"`
	Unfinished bool            `json:"unfinished,omitempty"`
	Decided    bool            `json:"decided,omitempty"`
	Lost       bool            `json:"lost,omitempty"`
	Closed     bool            `json:"closed,omitempty"`
	Request    string          `json:"request,omitempty"`
	Sent       string          `json:"sent,omitempty"`
	Owner      string          `json:"owner,omitempty"`
	// Times are in microseconds since 1970; nil is the zero time.
	Until   *int64 `json:"until,omitempty"`
	Started *int64 `json:"started,omitempty"`
	Changed *int64 `json:"changed,omitempty"`
}

// maxPayload bounds a frame, so that a broken length does not allocate a huge piece of
// memory. It has room for about a hundred records of the largest kind, or fifty
// thousand usual ones.
const maxPayload = 16 << 20

var (
	errTooLarge = fmt.Errorf("fileledger: the records of one Store are larger than %d bytes", maxPayload)
	errTime     = errors.New("fileledger: a time of a record is too far off to be stored")
	errNewer    = errors.New("fileledger: a newer version wrote the ledger's file: use that version")
)

// encode returns the payload for a Store of records or, live, one of a compacted file.
func encode(records []provision.Record, live bool) ([]byte, error) {
	stored := make([]storedRecord, len(records))
	for i, r := range records {
		for _, t := range [...]time.Time{r.Until, r.Started, r.Changed} {
			if !t.IsZero() && !time.UnixMicro(t.UnixMicro()).Equal(t) {
				return nil, errTime
			}
		}
		stored[i] = storedRecord{
			Key: r.Key, Target: r.Target, Revision: r.Revision, State: r.State, Kind: int(r.Kind),
			Provider: r.Provider, UserID: r.UserID, Proof: int(r.Proof), Unfinished: r.Unfinished, Decided: r.Decided,
			Lost: r.Lost, Closed: r.Closed,
			Request: r.Request, Sent: r.Sent, Owner: r.Owner,
			Until: micros(r.Until), Started: micros(r.Started), Changed: micros(r.Changed),
		}
	}
	content := frameContent{Set: stored}
	if live {
		content = frameContent{Live: stored}
	}
	payload, err := json.Marshal(content)
	if err == nil && len(payload) > maxPayload {
		err = errTooLarge
	}
	return payload, err
}

func micros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixMicro()
	return &n
}

func timeOf(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return time.UnixMicro(*n).UTC()
}

func (r storedRecord) record() provision.Record {
	return provision.Record{
		Key: r.Key, Target: r.Target, Revision: r.Revision, State: r.State, Kind: userapi.Kind(r.Kind),
		Provider: r.Provider, UserID: r.UserID, Proof: userapi.Proof(r.Proof), Unfinished: r.Unfinished, Decided: r.Decided,
		Lost: r.Lost, Closed: r.Closed,
		Request: r.Request, Sent: r.Sent, Owner: r.Owner,
		Until: timeOf(r.Until), Started: timeOf(r.Started), Changed: timeOf(r.Changed),
	}
}

// decodePayload returns the records of a payload, and whether they are of a compacted
// file. The error is errNewer or ErrCorrupt, bare: what encoding/json says may hold what
// stands in the file.
func decodePayload(payload []byte) (records []provision.Record, live bool, err error) {
	var p frameContent
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		if json.Unmarshal(payload, &p) == nil {
			return nil, false, errNewer
		}
		return nil, false, ErrCorrupt
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || (len(p.Set) > 0) == (len(p.Live) > 0) {
		return nil, false, ErrCorrupt
	}
	live = len(p.Live) > 0
	for _, r := range slices.Concat(p.Set, p.Live) {
		record := r.record()
		if r.State != "" && !r.State.Known() {
			return nil, false, errNewer
		}
		if record.Check() != nil || record.Revision < 1 {
			return nil, false, ErrCorrupt
		}
		records = append(records, record)
	}
	for i := 1; i < len(records); i++ {
		if !live && cmp.Or(strings.Compare(records[i-1].Key, records[i].Key), strings.Compare(records[i-1].Target, records[i].Target)) >= 0 {
			return nil, false, ErrCorrupt
		}
	}
	return records, live, nil
}
