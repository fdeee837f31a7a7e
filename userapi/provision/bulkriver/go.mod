module github.com/enlist-go/enlist/userapi/provision/bulkriver

go 1.26.0

require (
	github.com/enlist-go/enlist v0.0.0
	github.com/jackc/pgx/v5 v5.12.0
	github.com/riverqueue/river v0.51.2
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.51.2
	github.com/riverqueue/river/riverdriver/riversqlite v0.51.2
	github.com/riverqueue/river/rivertype v0.51.2
	github.com/stretchr/testify v1.12.1
	modernc.org/sqlite v1.60.1
)

replace github.com/enlist-go/enlist => ../../..
