//go:build unix

package bulkriver_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// dump returns a database's content. For PostgreSQL it is each row of each table as text. For
// SQLite it is the bytes of the file and of its log, which include deleted data.
func dump(t testing.TB, at *place) string {
	t.Helper()
	var b strings.Builder
	if at.dialect == sqlledger.SQLite {
		path, _, _ := strings.Cut(strings.TrimPrefix(at.dsn, "file:"), "?")
		for _, name := range []string{path, path + "-wal"} {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			b.Write(text)
		}
		return b.String()
	}
	var tables []string
	rows, err := at.db.QueryContext(t.Context(), "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(tables), 4)
	for _, name := range tables {
		var text string
		statement := "SELECT COALESCE(string_agg(t::text, chr(10)), '') FROM " + name + " AS t"
		require.NoError(t, at.db.QueryRowContext(t.Context(), statement).Scan(&text))
		b.WriteString(name + ": " + text + "\n")
	}
	return b.String()
}

// disguises returns the encodings of a planted text.
func disguises(text string) (all []string) {
	all = append(all, text, hex.EncodeToString([]byte(text)))
	for i := range 3 { // for each offset in the encoded text
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + text))
		all = append(all, encoded[4:len(encoded)-3])
	}
	return all
}

// assertNothingPlanted checks that the database does not contain the planted texts.
func assertNothingPlanted(t testing.TB, at *place) {
	t.Helper()
	assertNothingPlantedIn(t, dump(t, at))
}

func assertNothingPlantedIn(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{planted, "planted note", "planted.example", "person1@", "person12"} {
		for _, d := range disguises(secret) {
			if i := strings.Index(text, d); i >= 0 {
				t.Errorf("%q is there at %d", d, i)
			}
		}
	}
}

// A safeBuilder is safe for concurrent use.
type safeBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestNothingOfARowIsSeen: the database and River's log never contain a row's planted values. The
// rows wait, are left for later, are refused, or are done.
func TestNothingOfARowIsSeen(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at *place) {
		p := at.provisioner(t, creator(func(_ context.Context, req userapi.CreateUserRequest) (*userapi.User, error) {
			e := failure(userapi.KindInvalid, userapi.OutcomeRejected, 422)
			e.Message = "planted note: " + req.Email
			switch req.Username {
			case "person1":
				e.Kind = userapi.KindUnavailable
			case "person2":
			case "person3":
				panic(planted)
			default:
				return &userapi.User{Provider: "crm", ID: "7", Email: req.Email}, nil
			}
			return nil, e
		}))
		report := at.load(t, p, people(1, 20))
		assertNothingPlanted(t, at)
		assertNothingPlantedIn(t, report.String())

		var log safeBuilder
		at.start(t, at.worker(t, p, func(string, error) {}), 4, func(c *river.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		until(t, "the rows are done", func() bool {
			return at.jobs(t) == 2 && at.status(t).States["running"]+at.status(t).States["available"] == 0
		})
		assert.Len(t, at.rejects(t), 1)
		assertNothingPlanted(t, at)
		assertNothingPlantedIn(t, log.String())
		assertNothingPlantedIn(t, fmt.Sprintf("%+v", at.status(t)))
		assert.Contains(t, log.String(), "enlist_row")
	})
}
