// Package bulkriver does the rows of a [bulk.Job] in any number of processes. It runs on River, a job
// queue in PostgreSQL or SQLite (riverqueue.com), beside the other jobs of a program that has River.
//
// Use package bulk where one process is enough: it is simpler, and as fast as a vendor allows. Use this
// package where several machines work, where one has to go on when another fails, or where rows have to
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
// The job of a row calls provision.Provisioner.Continue with the row's key. A key has at most one job.
//
// The ledger knows what was created; River does not. River may give a row to two workers, and may give
// out a row that is done. Neither sends a create twice: the ledger compares before it stores.
//
//	what became of the row                     what becomes of the job
//	each target has a finished user            deleted
//	a target refused the row                   deleted; the row is in Queue.Rejects
//	it is unknown whether there is a user      deleted; Status counts it, see below
//	a vendor is down or wants to be left       snoozed, for as long as the vendor says (a day at
//	alone, or another run holds the row        most) or for a growing wait; no attempt is used up
//	the ledger failed                          the same, and OnError is told
//	a vendor refuses the credentials           snoozed for a minute; after 20 in a row at one
//	                                           target, so are all rows
//	a panic of the program's own               tried again after a growing wait; this is an attempt
//	the worker cannot open the row, or does    snoozed for a minute, for a worker that can
//	not have its job
//
// OnError is called for a row that was left for later 8, 16, 32 and so on times, and for refused credentials.
//
// A row whose user is unknown is not created again by itself. It leaves the queue and stays open in the
// ledger. A person decides by provision.Provisioner.Decide, or loads the row again: then a worker asks the
// vendor, if that vendor can be asked.
//
// A job that is done is deleted, so River sends no event of its completion. Job.OnResult is called instead,
// once for each row that a worker tried. It is not called if the process ends just then. If it panics, OnError
// is called, and the row stays done.
//
// River discards a row after 100 attempts. A load adds it again.
//
// # Loading
//
// [Queue.Load] asks the ledger, and adds the rows that have something left to do. You can call it again at
// any time, also while workers run: nothing is added twice.
//
//	the row                                    what Load does
//	is not in the queue                        adds it
//	is in the queue as it is                   leaves it
//	is in the queue in an older version        puts it in that one's place
//	is in another queue of the database        moves it to this one
//	has a worker at an older version           leaves it out, and reports it: load it again later
//	is done                                    leaves it out
//	was refused as it is                       leaves it out; RetryRefused adds it
//	was begun as another request               follows provision.Provisioner, see below
//
// An edited row of a key that the ledger has is another request for it:
//
//   - Where every target refused the older one, it takes its place.
//   - Where some have a user, it goes to the targets that refused the older one.
//   - Where something is open, it is left out and reported.
//
// The ledger does not know a request by its password. So a refused row with another password alone needs
// [RetryRefused].
//
// # What is in the database
//
//	sealed                                     readable
//	the row, deleted with its job              the name of the job
//	a reject, without its secrets unless       the key: package bulk makes it so that it is not
//	Job.RejectSecrets is set                   an e-mail address
//
// A [Sealer] seals a row together with the names of its job and its key. So a row cannot be put in
// another's place. That of [Keys] uses AES-256-GCM. Nothing of a row is in River's metadata, tags, errors
// or logs. A reject stays until it was mended and is done, or until [Queue.DropRejects].
//
// A database keeps what was deleted for some time: PostgreSQL until VACUUM, and longer in its WAL and in
// backups. It is sealed there too. What was sealed with a key that is destroyed cannot be read.
//
// # Times
//
//	RescueStuckJobsAfter >= WorkerConfig.JobTimeout > provision.Lease
//
// [Queue.Worker] and [Worker.Configure] set them so, and refuse others. The reasons:
//
//   - River takes a row back from a worker after RescueStuckJobsAfter, without asking it.
//   - A run holds a target for the Lease.
//   - The row of a process that was killed comes back after RescueStuckJobsAfter, and half a minute more
//     at most, when River looks.
//
// # Every client of River has the worker
//
// One of the started clients on a database takes back the rows of processes that were killed. If that client
// does not have the worker, River discards those rows. So register the worker, by Configure, in each
// client that is started on the database, with the same RescueStuckJobsAfter. A client that only inserts
// does not need it.
//
// # Limits
//
// A vendor has one limit for all processes. A [Limiter] gives each process a share of it. Give the Limiter
// to the vendor's client as HTTPOptions.Limiter.
//
// A Lane of a Job bounds one process alone. Beside a Limiter its Concurrency is of use.
//
// A row that waits for a limit takes up one of the worker's places. So let a worker have as many rows at
// once as the vendors take in a second.
//
// # SQLite
//
// SQLite is for one machine, and for tests. Let one process work at a time. River needs a pool of one
// connection, by DB.SetMaxOpenConns(1), and so does this package.
package bulkriver
