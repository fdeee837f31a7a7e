package bulk_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/provision/bulk"
)

// A table is a database that answers each query with its rows and then its error. It implements the
// driver, the connection, the statement and, as a copy, the result.
type table struct {
	columns []string
	dates   int // index of the column with type DATE
	rows    [][]driver.Value
	err     error
	refuse  error
	args    []driver.Value
}

func (t *table) Connect(context.Context) (driver.Conn, error) { return t, nil }
func (t *table) Driver() driver.Driver                        { return nil }
func (t *table) Prepare(string) (driver.Stmt, error)          { return t, t.refuse }
func (t *table) Begin() (driver.Tx, error)                    { return nil, errors.ErrUnsupported }
func (t *table) Close() error                                 { return nil }
func (t *table) NumInput() int                                { return -1 }
func (t *table) Exec([]driver.Value) (driver.Result, error)   { return nil, errors.ErrUnsupported }
func (t *table) Columns() []string                            { return append([]string(nil), t.columns...) }

func (t *table) Query(args []driver.Value) (driver.Rows, error) {
	t.args = args
	return new(*t), nil
}

func (t *table) Next(dest []driver.Value) error {
	if len(t.rows) == 0 {
		if t.err != nil {
			return t.err
		}
		return io.EOF
	}
	copy(dest, t.rows[0])
	t.rows = t.rows[1:]
	return nil
}

func (t *table) ColumnTypeDatabaseTypeName(i int) string {
	if i == t.dates {
		return "DATE"
	}
	return "TEXT"
}

func query(t *testing.T, data *table) bulk.Source {
	t.Helper()
	db := sql.OpenDB(data)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return bulk.Query(db, "SELECT 1 WHERE x = ?", int64(7))
}

func TestQuery(t *testing.T) {
	t.Parallel()
	day := time.Date(1990, 5, 13, 0, 0, 0, 0, time.UTC)
	data := &table{
		columns: []string{"id", "born", "at", "", "score", "on"}, dates: 1,
		rows: [][]driver.Value{
			{int64(math.MaxInt64), day, day.Add(time.Microsecond), []byte("Zoë"), 1e21, true},
			{uint64(math.MaxUint64), nil, nil, nil, float32(0.1), nil},
			{"\xff" + planted, nil, nil, nil, nil, nil},
			{"a", nil, nil, []byte(planted + "\x00"), nil, nil},
			{"a", []string{planted}, nil, nil, nil, nil},
			{"a", nil, nil, nil, math.NaN(), nil},
			{"b", nil, nil, nil, nil, nil},
		},
	}
	s := query(t, data)
	want := strings.Join([]string{
		`1 map["at":"1990-05-13T00:00:00.000001Z" "born":"1990-05-13" "column 4":"Zoë" "id":"9223372036854775807" "on":%!q(bool=true) "score":"1000000000000000000000"]`,
		`2 map["at":<nil> "born":<nil> "column 4":<nil> "id":"18446744073709551615" "on":<nil> "score":"0.1"]`,
		`line 3: column "id": the value is not text in UTF-8`,
		`line 4: column "column 4": the text has a NUL`,
		`line 5: column "born": a []string cannot be read: cast it to a text in the query`,
		`line 6: column "score": the value is not a number`,
		`7 map["at":<nil> "born":<nil> "column 4":<nil> "id":"b" "on":<nil> "score":<nil>]`, "",
	}, "\n")
	assert.Equal(t, want, read(t, s))
	assert.Equal(t, want, read(t, s), "again")
	assert.Equal(t, []driver.Value{int64(7)}, data.args)
	names, err := s.(bulk.ColumnSource).Columns(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"id", "born", "at", "column 4", "score", "on"}, names)
	for range s.Rows(t.Context()) {
		break
	}
}

func TestQueryFaults(t *testing.T) {
	t.Parallel()
	boom := errors.New(planted)
	one := [][]driver.Value{{"a"}}
	for name, test := range map[string]struct {
		data  table
		want  string
		cause error
	}{
		"refused":          {table{refuse: boom}, "the query failed (*errors.errorString) END\n", boom},
		"broken off":       {table{columns: []string{"id"}, rows: one, err: boom}, `1 map["id":"a"]` + "\nthe query failed (*errors.errorString) END\n", boom},
		"a name twice":     {table{columns: []string{"id", "id"}}, "column \"id\": two columns of the query have the same name END\n", nil},
		"a name like none": {table{columns: []string{"", "column 1"}}, "column \"column 1\": two columns of the query have the same name END\n", nil},
		"no rows":          {table{columns: []string{"id"}}, "", nil},
	} {
		s := query(t, &test.data)
		assert.Equal(t, test.want, read(t, s), name)
		last := lastError(t, s)
		if test.cause != nil {
			require.ErrorIs(t, last, test.cause, name)
		}
	}
	_, err := query(t, &table{refuse: boom}).(bulk.ColumnSource).Columns(t.Context())
	require.ErrorIs(t, err, boom)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range query(t, &table{columns: []string{"id"}, rows: one}).Rows(ctx) {
		require.ErrorIs(t, err, context.Canceled)
	}
}
