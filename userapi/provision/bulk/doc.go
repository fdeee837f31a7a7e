// Package bulk creates the users of many people, from a file or a database.
//
//	source := bulk.CSV(file, bulk.CSVOptions{})
//	job := bulk.Job{Name: "spring", Mapping: bulk.Mapping{
//		Columns:    map[string]string{"key": "id", "email": "E-mail", "full_name": "{{ .first }} {{ .last }}"},
//		Extensions: []userapi.Extension{fusionauth.Extra{}}, // for fields such as fusionauth.birth_date
//	}}
//	report, err := bulk.Run(ctx, provisioner, job, source)
//	fmt.Print(report)
//
// The parts:
//
//	[CSV] [JSONLines] [Query]   read rows, one at a time, in constant memory
//	[Mapping]                   makes a request of each row
//	[Check]                     finds every fault before anything is sent
//	[Run]                       creates the users
//	[Only]                      reads corrected rejects
//	[Undo]                      deletes the users that Run has created
//	[Processor]                 does single rows, for a program with its own queue
//
// Errors name lines, columns and fields. They have no values of a row. Row and Mapper show no
// values however they are printed, logged or encoded.
//
// # Errors of rows
//
// Every error of Source.Rows is a [*RowError]:
//
//   - If Fatal is false, this row is at fault and the next row follows. Do not create a user from
//     the Row beside the error. It has its Line, and for a list of rejects in Values what could be
//     read of a row with too few or too many cells.
//   - If Fatal is true, the rest of the input was not read and the loop ends. Unwrap returns the
//     error of the reader, of the database or of the context, if there is one. [ErrNoRows] means
//     that the input is empty.
//
// So the input was read to its end if no error was fatal. A row's Line is the line of the file on
// which it begins, as an editor counts it.
//
// # CSV
//
//   - The input may be compressed with gzip. If it is cut off, that is a fatal error.
//   - Texts are UTF-8, or UTF-16 with a byte order mark.
//   - The delimiter is a comma, semicolon, tab or bar. It is the one that occurs in the header, and
//     equally often in most of the first rows. A first line sep=; also sets it.
//   - Lines end in LF, CRLF or CR.
//
// Special cases:
//
//	in the file                          result
//	a byte order mark, "sep=;"           left out
//	an empty line, a row of empty cells  left out
//	spaces around a name in the header   left out
//	spaces around a quoted cell          left out; those around other cells are kept
//	a column without a name              called "column 3"
//	line breaks in quotes                kept
//	\N without quotes, as of MySQL       nil; CSVOptions.Null sets one more such word
//	NULL without quotes                  an error of the row, unless CSVOptions.Null is "NULL"
//	NULL of PostgreSQL's COPY            "", because COPY writes an empty text
//	empty cells beyond the header        left out
//	other cells beyond it, or too few    an error of the row
//	the header again, a mark inside      an error of the row: files were joined
//	text that is not UTF-8, NUL          an error of the row
//	a row over MaxRowBytes, or over      an error of the row
//	16,384 cells
//	a quote inside an unquoted cell      an error of the row
//	text after a closing quote           an error of the row; fatal if a quote may be open at the
//	                                     end of the line
//	a line end of another kind           an error of the row
//	a quote that is not closed           fatal
//	two columns of one name              fatal
//	an address, UUID or first number     fatal: the file has no header. Set CSVOptions.Header
//	in the header
//	nothing, or a header alone           fatal, ErrNoRows
//	UTF-32, a spreadsheet file           fatal
//
// Exports of MySQL:
//
//   - SELECT INTO OUTFILE writes a quote in a value as \", which is an error of the row. Export
//     with OPTIONALLY ENCLOSED BY '"' ESCAPED BY '"', and turn NULL into an empty text by COALESCE.
//   - mysql --batch writes the word NULL, and backslashes in values.
//
// # JSON Lines
//
// Each line that is not empty has one object. Encodings and gzip are as for CSV. Numbers are
// json.Number. These are errors of the row:
//
//   - a line that is not an object
//   - a member that appears twice, at any depth
//   - half of a surrogate pair, NUL, text that is not UTF-8
//   - more than 100 levels
//   - a line over [DefaultMaxRowBytes]
//
// If the first line is not a complete object, that is a fatal error: the file is one list, or its
// objects have several lines.
//
// # Mapping
//
// The fields:
//
//	key, external_id, username, email, phone, password, full_name, given_name, family_name,
//	timezone, language, tags
//	attributes.NAME      a custom value
//	vendor.member        a member of the vendor's Extension, in snake case, also of structs in it:
//	                     fusionauth.birth_date, fusionauth.password_hash.salt
//
// A field comes from a column, or from a text/template over the columns:
//
//   - In a template all values are texts: {{ .first }}, or {{ index . "First name" }} for a name
//     that is not a word. A column that the row does not have is an error.
//   - Further functions are trim, lower, upper and replace: {{ replace " " "" .phone }}.
//     {{ slice .hash 7 29 }} is the salt of a bcrypt hash, for fusionauth.password_hash.salt.
//   - Mapping.Targets has columns for one target only. Their templates may use the users of the
//     targets that it comes after: {{ .users.identity.ID }} and {{ .users.identity.Provider }}.
//     They cannot use a column that is named users.
//
// Values:
//
//	white space around a value  left out
//	empty, NULL, not there      the field is not set
//	passwords, userapi.Secret   taken as they are, to the byte
//	lists                       texts separated by commas or semicolons, or JSON
//	booleans                    true, yes or 1; false, no or 0
//	times                       RFC 3339, a day, or milliseconds for a member that counts these
//	attributes                  of JSON keep their types; of CSV are texts
//	other members               JSON, with the names of encoding/json
//	rounded numbers, 4.81E+10   an error
//	spreadsheet errors, #NAME?  an error
//
// # Keys
//
// key is required. The request's IdempotencyKey is the job's name, a slash, and one of these:
//
//   - for a whole number of at most 20 digits, with or without a minus: the number as it is, as in
//     spring/7. "7" and "007" are two keys.
//   - for a UUID of 36 characters: the UUID in lower case
//   - for any other value: "sha256:" and, in hex, the SHA-256 of the job's name, a NUL byte and the
//     value
//
// So an e-mail address can be a key, and the ledger has only its hash. Someone who has the ledger
// can still test whether an address is in it. Numbers are readable in the ledger: do not use
// telephone numbers or national identity numbers as keys.
//
// White space around the value is left out. Upper and lower case are different, except in a UUID.
// The form of keys never changes, so that a job can continue after an upgrade.
//
// # Check
//
//	report, err := bulk.Check(ctx, provisioner, job, source)
//	fmt.Print(report)
//
// Check sends nothing. It finds:
//
//   - rows and values that cannot be read
//   - what provision.Provisioner.Plan refuses at each target
//   - two rows with the same key, or with the same value of a field that is unique at a target. The
//     vendors' packages say which fields are unique, and how they are compared.
//
// Each [Fault] has its line, column, field, target and code, and says what is expected. A [Report]
// counts all faults, and has the first [MaxReportFaults]. Job.OnFault gets all of them.
//
//	code        meaning
//	unreadable  the row itself is at fault: see Errors of rows
//	duplicate   an earlier row has the key, or the value, which is unique at the target
//	required    the field must be set, or the row does not have a column of a template
//	invalid     the value does not fit the field
//	others      those of userapi.FieldError
//
// Values are compared by 96 bits of a SHA-256 with a random key for each run. The chance that two
// different values of 10,000,000 count as the same is below 1 in 10^15.
//
// # Run
//
// Run creates the users of each row. You can stop or kill it and call it again: the Provisioner's
// ledger records what is done. Job.OnResult gets the result of each row, and the Report counts the
// rows in each state at each target:
//
//	state       meaning                                             what to do
//	created     the user was created                                nothing
//	recovered   an earlier create had made the user                 nothing
//	existing    the user existed before                             nothing
//	kept        the user is older than the row's last change        change it at the vendor, if needed
//	unfinished  the user exists, but its second step is not done    run again, or finish it at the vendor
//	rejected    no user: see the result's error                     correct the row, or run again
//	not_sent    no user; nothing was sent: see the result's error   correct the row, or run again
//	open        the target was left for later                       run again
//	different   the key was used before with another request        give another person another key
//	undone      provision.Provisioner.Undo has undone it            nothing
//	unknown     it is unknown whether the user exists               run again; then a person decides
//
// A row that cannot be made into a request is reported as a fault, and nothing of it is sent.
//
// Correct a refused row under the same key, and run again: it goes to the targets that refused it.
// provision.Provisioner says more under another request with the same key. Within one run:
//
//   - A second row with the key of a refused one is different. Nothing of it is sent.
//   - Two rows with one key count as one if they differ only in passwords, and in columns of
//     Mapping.Targets. Both get the result of the first. Check reports them as duplicates. The same
//     holds for a row in which only these were changed after its user was created.
//
// # Lanes
//
// Each target has a [Lane]. It limits the calls in progress and the requests a second. An adaptive
// lane slows down when the vendor refuses requests because they are too many, and recovers.
//
// Lanes do not slow each other down, until a slow lane has all rows in progress: then the reading
// waits for it. If a Creator is a userapi.BatchCreator, creates that come at the same time are one
// request.
//
// # Files
//
// Job.Results gets a line for each row and target. Job.Rejects gets the rows that are at fault or
// that a target refused. The rows are in the order in which they end. A run that is repeated writes
// all of them again.
//
//	results    key,target,state,user_id,proof,line
//	rejects    the input's own columns, and then:
//	  _row       the line of the input
//	  _target    the targets where the row has no finished user
//	  _outcome   for each: whether the user exists, as a userapi.Outcome
//	  _kind      for each: the userapi.Kind
//	  _code      for each: the codes of its error, or of the faults; no_place if the lane had no
//	             place for the row in time
//	  _field     for each: the fields at fault
//	  _retry     "yes" if the row can be used as it is after another cause is corrected
//
// In results:
//
//   - key is the row's own value.
//   - state is one of the list above, or "fault" for a row that cannot be made into a request.
//   - user_id of an unknown user is the id that it would have.
//
// In rejects:
//
//   - They are CSV if the source is a [ColumnSource], and else JSON Lines.
//   - Columns that begin with an underscore are ignored when rejects are read.
//   - A secret is [REDACTED]. Read again, [REDACTED] is a fault. [Only] takes the secrets from the
//     original.
//   - A row with too few or too many cells has [REDACTED] for what was not read. If the file has
//     secrets, that is the whole row, because a secret may be under another name.
//
// # Undo
//
// Undo deletes the users that a Run of the same job has created, and closes the keys of the rows.
// It does not delete users that existed before, and users that are not proven to be the row's.
package bulk
