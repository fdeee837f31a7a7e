// Package pgserver starts a PostgreSQL server for tests, in a temporary folder and on a
// Unix socket in it; as root, it runs as the user postgres or nobody. Its programs are
// looked up in $ENLIST_POSTGRES_BIN, in $PATH, where pg_config says, and in
// /usr/lib/postgresql. It is for Unix.
package pgserver
