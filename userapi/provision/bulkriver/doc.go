// Package bulkriver does the rows of a [bulk.Job] in any number of processes. It runs on River, a
// job queue in PostgreSQL or SQLite (riverqueue.com). A program that has River can run it beside
// its other jobs.
//
// Use package bulk if one process is enough: it is simpler, and as fast as a vendor allows. Use
// this package if several machines work, if one must continue when another fails, or if rows must
// wait in a database.
//
//	queue, err := bulkriver.Open(ctx, bulkriver.Config{
//		DB: db, Dialect: sqlledger.PostgreSQL, Sealer: sealer, Ledger: ledger, CreateTables: true,
//	})
//	report, err := queue.Load(ctx, client, provisioner, job, source) // each row is a job
//
//	worker, err := queue.Worker(bulkriver.WorkerConfig{Provisioner: provisioner, Jobs: []bulk.Job{job}})
//	err = worker.Configure(config, 50) // of a river.Config, which may have other workers
//
// One database has:
//
//   - River's tables, which rivermigrate makes;
//   - the ledger of package sqlledger;
//   - the two tables of this package, of [Schema].
//
// # A row is a job of River
//
// The job of a row calls provision.Provisioner.Continue with the row's key. A key has at most one
// job.
//
// The ledger records what was created; River does not. River can give a row to two workers, and can
// give out a finished row. The ledger compares revisions before it stores, so a create is not sent
// twice.
//
//	the row's result                           what happens to its job
//	each target has a finished user            deleted
//	a target refused the row                   deleted; the row is in Queue.Rejects
//	it is unknown whether the user exists      deleted; Status counts it, see below
//	a vendor is down or asks to wait,          snoozed, for as long as the vendor says (a day at
//	or another run holds the row               most) or for a growing wait; uses no attempt
//	the ledger failed                          the same, and OnError is called
//	a vendor refuses the credentials           snoozed for a minute; after 20 in a row at one
//	                                           target, all rows are
//	the program panicked                       retried after a growing wait; uses an attempt
//	the worker cannot open the row, or does    snoozed for a minute, for a worker that can
//	not have its job
//
// OnError is called for refused credentials, and for a row that was left for later 8, 16, 32 and so
// on times.
//
// A row whose user is unknown is not created again automatically. It leaves the queue and stays
// open in the ledger. A person decides with provision.Provisioner.Decide, or loads the row again.
// Then a worker asks the vendor, if the vendor has a look-up.
//
// A finished job is deleted, so River sends no event of its completion. Instead, Job.OnResult is
// called once for each row that a worker tried. It is not called if the process ends at that
// moment. If it panics, OnError is called, and the row stays done.
//
// River discards a row after 100 attempts. A load adds it again.
//
// # Loading
//
// [Queue.Load] asks the ledger, and adds the rows that have something left to do. You can call it
// again at any time, even while workers run: it adds nothing twice.
//
//	the row                                    what Load does
//	is not in the queue                        adds it
//	is in the queue as it is                   leaves it
//	is in the queue in an older version        replaces that version
//	is in another queue of the database        moves it to this one
//	a worker is doing an older version         leaves it out, and reports it: load it again later
//	is done                                    leaves it out
//	was refused and has not changed            leaves it out; RetryRefused adds it
//	was begun as another request               follows provision.Provisioner, see below
//
// A row that was edited after the ledger recorded its key is another request for the key:
//
//   - If every target refused the older request, the new one replaces it.
//   - If some targets have a user, the new one goes to the targets that refused the older one.
//   - If anything is open, the new one is left out and reported.
//
// The ledger does not compare passwords. So a refused row in which only the password has changed
// needs [RetryRefused].
//
// # What is in the database
//
//	sealed                                     readable
//	the row, deleted with its job              the name of the job
//	a reject, without its secrets unless       the key; package bulk makes keys that are not
//	Job.RejectSecrets is set                   e-mail addresses
//
// A [Sealer] seals a row together with its job's name and its key. So a row cannot be moved to
// another row's place. The Sealer of [Keys] uses AES-256-GCM. River's metadata, tags, errors and
// logs have no data of a row. A reject stays until the corrected row is done, or until
// [Queue.DropRejects].
//
// A database keeps deleted data for some time: PostgreSQL until VACUUM, and longer in its WAL and
// in backups. There it is still sealed. Once you destroy a key, nobody can read what was sealed
// with it.
//
// # Times
//
//	RescueStuckJobsAfter >= WorkerConfig.JobTimeout > provision.Lease
//
// [Queue.Worker] and [Worker.Configure] set these times, and refuse other values. The reasons:
//
//   - River takes a row back from a worker after RescueStuckJobsAfter, without asking it.
//   - A run holds a target for the Lease.
//   - The row of a process that was killed comes back after RescueStuckJobsAfter, and half a minute more
//     at most, when River looks.
//
// # Every client of River has the worker
//
// One of the started clients on a database takes back the rows of killed processes. If that client
// does not have the worker, River discards those rows. So register the worker, with Configure, in
// each client that is started on the database, with the same RescueStuckJobsAfter. A client that
// only inserts does not need it.
//
// # Limits
//
// A vendor's limit applies to all processes together. A [Limiter] gives each process a share of it.
// Set it as HTTPOptions.Limiter of the vendor's client.
//
// A Lane of a Job limits only one process. Beside a Limiter, only its Concurrency is useful.
//
// A row that waits for a limit occupies one of the worker's places. So give a worker as many places
// as the vendors accept requests in a second.
//
// # SQLite
//
// SQLite is for one machine, and for tests. Let one process work at a time. Both River and this
// package need a pool of one connection: DB.SetMaxOpenConns(1).
package bulkriver
