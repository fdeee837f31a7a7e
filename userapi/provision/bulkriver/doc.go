// Package bulkriver does the rows of a [bulk.Job] by any number of processes, on River, a job queue
// in PostgreSQL or SQLite (riverqueue.com). A program that has River runs sign-ups beside its other jobs.
//
// Package bulk is simpler, and enough for one process, which is as fast as a vendor lets it be. This
// package is for several machines, so that another one goes on where one fails, and for rows that
// are to wait in a database.
//
//	queue, err := bulkriver.Open(ctx, bulkriver.Config{
//		DB: db, Dialect: sqlledger.PostgreSQL, Sealer: sealer, Ledger: ledger, CreateTables: true,
//	})
//	report, err := queue.Load(ctx, client, provisioner, job, source) // each row is a job
//
//	worker, err := queue.Worker(bulkriver.WorkerConfig{Provisioner: provisioner, Jobs: []bulk.Job{job}})
//	err = worker.Configure(config, 50) // of a river.Config, which may have other workers
//
// One database has River's tables, the ledger of package sqlledger, and the two tables of this package.
//
// # What a row's job is
//
// A job of River is one row, and provision.Provisioner.Continue of its key. A key has one job at most.
// The ledger, and not River, knows what was created: River may give a row to two workers, and may give
// one away that is done. Neither sends a create twice, by the ledger's compare-and-set.
//
//	what became of it                          what becomes of the job
//	a finished user at every target            it is deleted
//	a target refused the row                   it is deleted, and the row is in Queue.Rejects
//	nobody knows whether there is a user       it is deleted, and Status counts it: see below
//	a vendor is down, or wants to be left      it is snoozed, for as long as the vendor says or a
//	alone, or another run holds the row        while that grows, and uses up no attempt
//	a vendor refuses the credentials           it is snoozed; after 20 in a row all are, for a minute
//	a panic of the program's own               it is tried again, after a wait that grows
//	a row that this worker cannot open, or     it is snoozed, for a worker that can
//	of a job that it does not have
//
// An unknown user is never created again by itself. Such a row leaves the queue, and stays open in
// the ledger: provision.Provisioner.Decide is for a person. A load of the same row puts it into the queue
// once more, and its worker asks the vendor, where that can be asked.
//
// A job that is done is deleted, not completed: River sends no event of its completion. Job.OnResult is
// told what became of a row. It is told once, and not at all if the process ends just then.
//
// # Loading
//
// [Queue.Load] asks the ledger first and adds what has something left to do. It may be called again, also
// while workers run, and adds nothing twice. A row that was edited takes the place of the older
// version in the queue. Of one that a worker has begun the rule of provision.Provisioner holds: another
// request takes the place of one that every target has refused, goes to those targets that
// refused it where others have a user, and is refused where something is open. Such a row, and one that
// a worker is at, is told and left out. A row that was refused and is what it was is left out too,
// also where its password is another: [RetryRefused] adds it.
//
// # What is in the database
//
// The row is sealed by a [Sealer], of [Keys] with AES-256-GCM, together with its job's and its key's
// names, so that no row can be put in another's place. It is deleted with the job. What is
// readable is what the ledger has too: the name of the job, and the key, which package bulk makes so
// that it is no e-mail address. Nothing of a row is in River's metadata, tags, errors or logs. A reject
// is sealed likewise, without its secrets, until it is mended and done, or [Queue.DropRejects].
//
// A database keeps what was deleted for a while: PostgreSQL until VACUUM, and longer in its WAL and
// backups. It is sealed there too: what was sealed with a key that is destroyed cannot be read.
//
// # Times
//
// River takes a row back from a worker after RescueStuckJobsAfter, without asking it. So a row's time-out
// must not be longer, and must be longer than the Provisioner's Lease, for which a run holds a target:
//
//	RescueStuckJobsAfter >= WorkerConfig.JobTimeout > provision.Lease
//
// [Queue.Worker] and [Worker.Configure] set them so, and refuse others. The row of a process that was
// killed comes back after RescueStuckJobsAfter, and half a minute more at most, when River looks.
//
// # Limits
//
// A vendor's limit is one, and the processes are many: a [Limiter] has a share of it, which it leases from
// the database every second or so. Give it to the vendor's client as HTTPOptions.Limiter. A Lane of a
// Job bounds one process alone; its Concurrency is of use beside a Limiter. Rows that wait for a
// limit hold a place of the worker's: so many rows at once as the vendors take in a second are enough.
//
// # SQLite
//
// One process at a time works best. River wants a pool of one connection there, by DB.SetMaxOpenConns(1),
// and so does this package. It is for one machine, and for tests.
package bulkriver
