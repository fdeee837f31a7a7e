package bulkriver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/riverqueue/river"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// Kind is the kind of River's jobs for rows.
const Kind = "enlist_row"

// maxAttempts is how often River runs a row that ends its process or panics. A failure of a vendor
// or of the ledger does not count.
const maxAttempts = 100

// Args are the River arguments of a row's job.
type Args struct {
	// Job is the name of the bulk.Job.
	Job string `json:"job"`
	// Key is the row's IdempotencyKey. It is unique among River's jobs of this Kind.
	Key string `json:"key" river:"unique"`
	// Row is the sealed row.
	Row []byte `json:"row"`
	// Retry is set for a row of RetryRefused.
	Retry bool `json:"retry,omitempty"`
}

// Kind implements river.JobArgs.
func (Args) Kind() string { return Kind }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (Args) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: maxAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// uniqueKey returns River's unique key of a row's job. A test compares it with River's own.
func uniqueKey(key string) []byte {
	quoted, _ := json.Marshal(key) // never fails for a text
	sum := sha256.Sum256([]byte("&kind=" + Kind + `&args={"key":` + string(quoted) + "}"))
	return sum[:]
}

// What a sealed text is.
const (
	aboutRow    = "row"
	aboutReject = "reject"
)

// about returns the additional data that a row is sealed with: the texts, each with its length.
func about(what, job, key string) []byte {
	var b []byte
	for _, text := range [...]string{what, job, key} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b
}

// encodeRow returns the form of a row that is sealed: its line, a line end, and its values as JSON.
// Equal values have equal forms.
func encodeRow(row bulk.Row) ([]byte, error) {
	for name, v := range row.Values {
		if !utf8.ValidString(name) || !encodable(v, 0) {
			return nil, fmt.Errorf("bulkriver: line %d: column %q: a text in UTF-8, a number, a truth, a list or an object of JSON is expected", row.Line, name)
		}
	}
	values, err := json.Marshal(row.Values)
	if err != nil {
		return nil, fmt.Errorf("bulkriver: line %d: the row cannot be encoded as JSON", row.Line)
	}
	return append(strconv.AppendInt(nil, row.Line, 10), append([]byte{'\n'}, values...)...), nil
}

// maxDepth bounds the depth of a row's values.
const maxDepth = 1000

// encodable reports whether decoding returns the same value. That is true of values from bulk's
// sources.
func encodable(v any, depth int) bool {
	switch x := v.(type) {
	case nil, bool:
		return true
	case string:
		return utf8.ValidString(x)
	case json.Number:
		return json.Valid([]byte(x)) && x != "" && (x[0] == '-' || x[0] >= '0' && x[0] <= '9')
	case []any:
		for _, e := range x {
			if depth > maxDepth || !encodable(e, depth+1) {
				return false
			}
		}
		return true
	case map[string]any:
		for name, e := range x {
			if depth > maxDepth || !utf8.ValidString(name) || !encodable(e, depth+1) {
				return false
			}
		}
		return true
	}
	return false
}

// errRow means that an opened text is not a row. It shows no data.
var errRow = errors.New("bulkriver: what was sealed is not a row")

// decodeRow decodes the form of encodeRow.
func decodeRow(text []byte) (row bulk.Row, err error) {
	line, values, found := bytes.Cut(text, []byte{'\n'})
	if row.Line, err = strconv.ParseInt(string(line), 10, 64); err != nil || !found {
		return bulk.Row{}, errRow
	}
	d := json.NewDecoder(bytes.NewReader(values))
	d.UseNumber()
	if d.Decode(&row.Values) != nil || row.Values == nil {
		return bulk.Row{}, errRow
	}
	return row, nil
}

// sameRow reports whether two encoded rows have the same values. Their lines may differ.
func sameRow(a, b []byte) bool {
	_, a, _ = bytes.Cut(a, []byte{'\n'})
	_, b, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.Equal(a, b)
}

// seal returns the row's encoded form and its sealed form.
func (q *Queue) seal(ctx context.Context, row bulk.Row, what, job, key string) (text, sealed []byte, err error) {
	if text, err = encodeRow(row); err != nil {
		return nil, nil, err
	}
	if sealed, err = q.sealer.Seal(ctx, text, about(what, job, key)); err != nil {
		return nil, nil, fmt.Errorf("bulkriver: line %d: the row cannot be sealed: %w", row.Line, err)
	}
	return text, sealed, nil
}

// open opens a row that seal has sealed.
func (q *Queue) open(ctx context.Context, sealed []byte, what, job, key string) (bulk.Row, error) {
	text, err := q.sealer.Open(ctx, sealed, about(what, job, key))
	if err != nil {
		return bulk.Row{}, err
	}
	return decodeRow(text)
}
