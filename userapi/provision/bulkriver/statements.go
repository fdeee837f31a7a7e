package bulkriver

import (
	"strconv"

	"github.com/enlist-go/enlist/userapi/provision/sqlledger"
)

// statements are those of one database. Where a parameter is a list it is a JSON text, which every
// driver takes.
type statements struct {
	// Of River's jobs. A job is found by its unique key: in PostgreSQL many by a list of keys in
	// hex, in SQLite one. replace and drop leave alone what a worker is at. finish deletes the
	// jobs of a list that are running for the attempt which the list has, and returns their ids; in
	// PostgreSQL it also does for these what reject and unreject do.
	find, replace, drop, finish, cancel string
	backlog, paused                     string
	// Of this package's rejects.
	reject, unreject, rejects, dropRejects, countRejects string
	// Of this package's shares.
	clock, lockShare, expire, others, lease, release, limits string
}

func newStatements(dialect sqlledger.Dialect, prefix string) (s statements) {
	jobs := prefix + "river_job"
	s.paused = "SELECT COUNT(*) > 0 FROM " + prefix + "river_queue WHERE name = $1 AND paused_at IS NOT NULL"
	s.rejects = "SELECT key, row FROM " + rejects + " WHERE job = $1 AND key > $2 ORDER BY key LIMIT $3"
	s.countRejects = "SELECT COUNT(*) FROM " + rejects + " WHERE $1 IN ('', job)"
	s.others = "SELECT COUNT(*), COALESCE(SUM(share), 0) FROM " + shares + " WHERE name = $1 AND member <> $2"
	s.lease = "INSERT INTO " + shares + " (name, member, share, rate, until) VALUES ($1, $2, $3, $4, $5)" +
		" ON CONFLICT (name, member) DO UPDATE SET share = EXCLUDED.share, rate = EXCLUDED.rate, until = EXCLUDED.until"
	s.release = "DELETE FROM " + shares + " WHERE name = $1 AND member = $2"
	backlog := func(job, oldest string) string {
		return "SELECT state, COUNT(*), " + oldest + " FROM " + jobs + " WHERE kind = '" + Kind + "' AND $1 IN ('', " + job + ") AND queue = $2 GROUP BY state"
	}
	cancel := func(job string) string {
		return "DELETE FROM " + jobs + " WHERE kind = '" + Kind + "' AND " + job + " = $1 AND queue = $2 AND state <> 'running'"
	}
	var clock string // microseconds since 1970
	// The state of a job that is found by its id stands in a form that no index is used for: a
	// database might else look through all jobs of the state.
	if dialect == sqlledger.SQLite {
		// The condition is that of River's unique index, without which it is not used.
		s.find = "SELECT id, queue, json(args) FROM " + jobs + " WHERE unique_key = $1 AND unique_key IS NOT NULL AND unique_states IS NOT NULL AND CASE state"
		for i, state := range [...]string{"available", "cancelled", "completed", "discarded", "pending", "retryable", "running", "scheduled"} {
			s.find += " WHEN '" + state + "' THEN unique_states & (1 << " + strconv.Itoa(i) + ")"
		}
		s.find += " ELSE 0 END >= 1"
		s.replace = "UPDATE " + jobs + " SET args = jsonb($2), queue = $3 WHERE id = $1 AND +state IN " + waiting
		s.drop = "DELETE FROM " + jobs + " WHERE +state IN " + waiting + " AND (id, json_extract(args, '$.row')) IN" +
			" (SELECT json_extract(value, '$.id'), json_extract(value, '$.row') FROM json_each($1))"
		s.finish = "DELETE FROM " + jobs + " WHERE +state = 'running' AND (id, attempt) IN" +
			" (SELECT json_extract(value, '$.id'), json_extract(value, '$.attempt') FROM json_each($1)) RETURNING id"
		s.reject = "INSERT INTO " + rejects + " (job, key, row) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET row = EXCLUDED.row"
		s.dropRejects = "DELETE FROM " + rejects + " WHERE (key, row) IN (SELECT json_extract(value, '$.key'), json_extract(value, '$.row') FROM json_each($1))"
		s.unreject = "DELETE FROM " + rejects + " WHERE key IN (SELECT json_extract(value, '$.key') FROM json_each($1))"
		s.cancel = cancel("json_extract(args, '$.job')")
		s.backlog = backlog("json_extract(args, '$.job')", "CAST(strftime('%s', MIN(created_at)) AS INTEGER)")
		clock = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"
	} else {
		// OFFSET 0 keeps the SELECT from becoming a join, which might read all jobs, and so do the
		// arrays: the index is used, also by a plan that was made while the table was small.
		s.find = "SELECT id, queue, args::text FROM json_array_elements_text($1::text::json) AS k(value)" +
			" CROSS JOIN LATERAL (SELECT id, queue, args FROM " + jobs + " WHERE unique_key = decode(k.value, 'hex')" +
			" AND unique_key IS NOT NULL AND unique_states IS NOT NULL AND " + prefix + "river_job_state_in_bitmask(unique_states, state) OFFSET 0) AS j"
		s.replace = "UPDATE " + jobs + " SET args = $2::text::jsonb, queue = $3 WHERE id = $1 AND state::text IN " + waiting
		s.drop = "WITH done AS (SELECT * FROM json_to_recordset($1::text::json) AS r(id bigint, row text)) DELETE FROM " + jobs +
			" WHERE state::text IN " + waiting + " AND id = ANY(ARRAY(SELECT id FROM done)) AND (id, args ->> 'row') IN (SELECT id, row FROM done)"
		// One statement is one round trip.
		s.finish = "WITH ended AS (SELECT * FROM json_to_recordset($1::text::json) AS r(id bigint, attempt bigint, job text, key text, reject text))" +
			", gone AS (DELETE FROM " + jobs + " AS j USING ended AS e WHERE j.state::text = 'running' AND j.id = ANY(ARRAY(SELECT id FROM ended))" +
			" AND j.id = e.id AND j.attempt = e.attempt RETURNING e.*)" +
			", mended AS (DELETE FROM " + rejects + " WHERE key = ANY(ARRAY(SELECT key FROM gone WHERE reject IS NULL)))" +
			", refused AS (INSERT INTO " + rejects + " (job, key, row) SELECT job, key, reject FROM gone WHERE reject IS NOT NULL" +
			" ON CONFLICT (key) DO UPDATE SET row = EXCLUDED.row)" +
			" SELECT id FROM gone"
		s.dropRejects = "DELETE FROM " + rejects + " WHERE (key, row) IN (SELECT key, row FROM json_to_recordset($1::text::json) AS r(key text, row text))"
		s.cancel = cancel("args ->> 'job'")
		s.backlog = backlog("args ->> 'job'", "FLOOR(EXTRACT(EPOCH FROM MIN(created_at)))::bigint")
		s.lockShare = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
		clock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
	}
	s.clock = "SELECT " + clock
	s.expire = "DELETE FROM " + shares + " WHERE name = $1 AND until <= " + clock
	s.limits = "SELECT name, COUNT(*), SUM(share), SUM(rate) FROM " + shares + " WHERE until > " + clock + " GROUP BY name ORDER BY name"
	return s
}

// waiting are River's states of a job that no worker is at.
const waiting = "('available', 'pending', 'retryable', 'scheduled')"
