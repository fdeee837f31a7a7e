// Package sqltest has the tests of sqlledger.Ledger on real databases, in a module of its
// own so that nobody who uses enlist is given their drivers. It exports nothing.
//
// SQLite comes with its driver. PostgreSQL is a server that the tests start and end
// themselves, in a temporary folder and on a Unix socket in it; as root, they run it as
// the user postgres or nobody. Its programs are looked up in $ENLIST_POSTGRES_BIN, in
// $PATH, where pg_config says, and in /usr/lib/postgresql. $ENLIST_POSTGRES_DSN names a
// server to use instead, a database in which tables, roles and databases may be made;
// the test that kills a server has one of its own nevertheless.
package sqltest
