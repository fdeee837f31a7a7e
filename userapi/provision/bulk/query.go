package bulk

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Query reads the rows of a query. Each call of Rows or Columns runs the query again, so that it
// should have an ORDER BY. A query may have no rows.
//   - Numbers keep every digit. Times become RFC 3339, and those of a DATE a day.
//   - A value of another type than text, number, bool or time is a fault of its row. Cast it in the
//     query.
//   - A database's error may have values. Its text is not shown; errors.As and errors.Unwrap find
//     the error.
//
// The Source is a ColumnSource.
func Query(db *sql.DB, query string, args ...any) Source {
	return &querySource{db, query, args}
}

type querySource struct {
	db    *sql.DB
	query string
	args  []any
}

// Columns returns the names of the query's columns.
func (s *querySource) Columns(ctx context.Context) ([]string, error) {
	var names []string
	err := s.ask(ctx, func(_ *sql.Rows, header []string) *RowError { names = header; return nil })
	if err != nil {
		return nil, err
	}
	return names, nil
}

// ask runs the query and reads the rows.
func (s *querySource) ask(ctx context.Context, read func(*sql.Rows, []string) *RowError) *RowError {
	rows, err := s.db.QueryContext(ctx, s.query, s.args...)
	if err != nil {
		return queryFailed(ctx, 0, err)
	}
	defer func() { _ = rows.Close() }() // Err returns the error
	header, err := rows.Columns()
	if err != nil {
		return queryFailed(ctx, 0, err)
	}
	seen := map[string]bool{}
	for i, name := range header {
		if strings.TrimSpace(name) == "" {
			header[i] = unnamed(i)
		}
		if seen[header[i]] {
			return &RowError{Column: header[i], Message: "two columns of the query have the same name", Fatal: true}
		}
		seen[header[i]] = true
	}
	if err := read(rows, header); err != nil {
		return err
	}
	if err := rows.Err(); err != nil {
		return queryFailed(ctx, 0, err)
	}
	return nil
}

func queryFailed(ctx context.Context, line int64, err error) *RowError {
	if stop := stopped(ctx, line); stop != nil {
		return stop
	}
	return fatal(line, err, fmt.Sprintf("the query failed (%T)", err))
}

// Rows runs the query and yields its rows.
func (s *querySource) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		left := false
		err := s.ask(ctx, func(rows *sql.Rows, header []string) *RowError {
			values, places := make([]any, len(header)), make([]any, len(header))
			for i := range values {
				places[i] = &values[i]
			}
			dates := datesOf(rows, len(header))
			line := int64(0)
			for rows.Next() {
				line++
				if err := stopped(ctx, line); err != nil {
					return err
				}
				if err := rows.Scan(places...); err != nil {
					return queryFailed(ctx, line, err)
				}
				row, bad := Row{Line: line, Values: make(map[string]any, len(header))}, (*RowError)(nil)
				for i, v := range values {
					text, wrong := plain(v, dates[i])
					if wrong != "" && bad == nil {
						bad = &RowError{Line: line, Column: header[i], Message: wrong}
					}
					row.Values[header[i]] = text
				}
				if bad == nil {
					left = !yield(row, nil)
				} else {
					left = !yield(Row{Line: line}, bad)
				}
				if left {
					return nil
				}
			}
			return nil
		})
		if err != nil && !left {
			yield(Row{Line: err.Line}, err)
		}
	}
}

// datesOf reports which columns have the type DATE.
func datesOf(rows *sql.Rows, n int) []bool {
	dates := make([]bool, n)
	types, err := rows.ColumnTypes()
	if err != nil {
		return dates
	}
	for i, t := range types {
		dates[i] = strings.EqualFold(t.DatabaseTypeName(), "date")
	}
	return dates
}

// plain converts a driver's value to a value of a Row.
func plain(v any, date bool) (value any, wrong string) {
	switch x := v.(type) {
	case nil, bool:
		return x, ""
	case []byte:
		return checked(string(x))
	case string:
		return checked(x)
	case time.Time:
		if date {
			return x.Format(time.DateOnly), ""
		}
		return x.Format(time.RFC3339Nano), ""
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return json.Number(strconv.FormatInt(r.Int(), 10)), ""
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(strconv.FormatUint(r.Uint(), 10)), ""
	case reflect.Float32, reflect.Float64:
		if f := r.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, "the value is not a number"
		}
		return json.Number(strconv.FormatFloat(r.Float(), 'f', -1, r.Type().Bits())), ""
	case reflect.String:
		return checked(r.String())
	default:
		return nil, fmt.Sprintf("a %T cannot be read: cast it to a text in the query", v)
	}
}

func checked(s string) (any, string) {
	switch {
	case !utf8.ValidString(s):
		return nil, "the value is not text in UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return nil, "the text has a NUL"
	}
	return s, ""
}
