// Package bulk reads many people from a file or a database, makes a request of each, checks them
// all before anything is sent, and creates the users.
//
//	source := bulk.CSV(file, bulk.CSVOptions{})
//	mapper, err := bulk.Mapping{
//		Columns:    map[string]string{"key": "id", "email": "E-mail", "full_name": "{{ .first }} {{ .last }}"},
//		Extensions: []userapi.Extension{fusionauth.Extra{}}, // for fusionauth.birth_date and the like
//	}.Compile("spring")
//	for row, err := range source.Rows(ctx) {
//		…
//		req, err := mapper.Request(row)
//
// A source takes constant memory: one row is held at a time. All texts of errors name lines,
// columns and fields, and hold no value of a row. Row and Mapper are redacted however they are
// printed, logged or encoded.
//
// # Errors of rows
//
// Every error of Source.Rows is a *[RowError]. It is one of two kinds:
//
//   - Fatal is false: this row is at fault, and the next one is read. The Row beside the error
//     has its Line, and in Values what could be read of a row with too few or too many cells, for
//     a list of rejects. Create nothing of it.
//   - Fatal is true: the rest of the input was not read, and the loop ends. Unwrap is the error
//     of the reader, of the database or of the context, if there is one. [ErrNoRows] says that
//     there was nothing to read.
//
// So an input was read to its end if no error was fatal. Reading goes on where the next row can
// be told for certain. A row begins on its Line: the line of the file, as an editor counts it.
//
// # CSV
//
// An input that begins as gzip does is decompressed; one that is cut off is a fatal error.
// Texts are UTF-8, or UTF-16 with its byte order mark. The delimiter is the one of comma,
// semicolon, tab and bar that stands in the header, and as often in most of the first rows; a
// first line sep=; names it too. Lines end in LF, CRLF or CR.
//
//	what is in the file                  what becomes of it
//	a byte order mark, "sep=;"           left out
//	an empty line, a row of empty cells  left out
//	blanks around a name in the header   left out
//	blanks around a quoted cell          left out; those of other cells stay
//	a column without a name              called "column 3"
//	line breaks in quotes                kept as they are
//	\N without quotes, as of MySQL       nil; CSVOptions.Null has a further word
//	NULL without quotes                  an error of the row, unless CSVOptions.Null is "NULL"
//	NULL of PostgreSQL's COPY            "", as its empty text
//	empty cells beyond the header        left out
//	other cells beyond it, or too few    an error of the row
//	the header again, a mark inside      an error of the row: files were joined
//	text that is not UTF-8, NUL          an error of the row
//	a row over MaxRowBytes, or over      an error of the row
//	16,384 cells
//	a quote inside of an unquoted cell   an error of the row
//	text behind a closing quote          an error of the row; fatal where a quote may be open
//	                                     at the end of the line
//	a line end of another kind           an error of the row
//	a quote that is not closed           fatal
//	two columns of one name              fatal
//	an address, UUID or first number     fatal: the file has no header. CSVOptions.Header
//	in the header                        has the names
//	nothing, or a header alone           fatal, ErrNoRows
//	UTF-32, a spreadsheet's own file     fatal
//
// MySQL's SELECT INTO OUTFILE writes a quote in a value as \", which is an error of the row
// here. Export with OPTIONALLY ENCLOSED BY '"' ESCAPED BY '"', and turn NULL into an empty text by
// COALESCE. The output of mysql --batch has the word NULL, and backslashes in values.
//
// # JSON Lines
//
// Each line that is not empty is one object, in the encodings of CSV and by gzip too. Numbers are
// json.Number. A line that is not an object, a member that stands twice at any depth, half of a
// surrogate pair, NUL, text that is not UTF-8, more than 100 levels and a line over
// [DefaultMaxRowBytes] are errors of the row. It is fatal if the first line is not a whole object:
// the file is then a list, or its objects have several lines.
//
// # Mapping
//
// The fields are key, external_id, username, email, phone, password, full_name, given_name,
// family_name, timezone, language, tags and attributes.NAME. A member of a vendor's Extension
// has the vendor's name before its own in snake case, also in the structs in it:
// fusionauth.birth_date, quickblox.age_over16, fusionauth.password_hash.salt.
//
// A field comes from a column, or from a text/template over the columns. In a template all
// values are texts: {{ .first }}, and {{ index . "First name" }} for a name that is not a word.
// A column that the row does not have is an error. Beside the functions of text/template
// there are trim, lower, upper and replace, as in {{ replace " " "" .phone }}.
// {{ slice .hash 7 29 }} is the salt of a bcrypt hash, for fusionauth.password_hash.salt.
// Mapping.Targets has columns for one target alone. Their templates may use the users of the
// targets that it comes after: {{ .users.identity.ID }} and {{ .users.identity.Provider }}. A
// column named users is not seen by a template.
//
// White space around values is left out, and what is then empty is not set, as NULL and a missing
// member of JSON are not. Passwords, and members of the type userapi.Secret, are taken to the
// byte. Lists are texts with commas or semicolons between them, or JSON. Truths are true, yes or
// 1, and false, no or 0. Times are RFC 3339, a day, or the milliseconds of a member that counts
// these. Other members of an Extension take JSON, by the names that encoding/json knows.
// Attributes keep the types of JSON; those of CSV are texts. Two things that spreadsheets do to
// values are errors: a number that was rounded, such as 4.81E+10, and an error such as #NAME?.
//
// # Keys
//
// key is required. A request's IdempotencyKey is the job's name, a slash, and
//
//   - the value of key as it is, if it is a whole number of at most 20 digits, with or without a
//     minus: spring/7. "7" and "007" are two keys;
//   - the value in lower case, if it is a UUID of 36 characters;
//   - else "sha256:" and, in hex, the SHA-256 of the job's name, a NUL byte and the value. An
//     e-mail address is a key too, and is not in the ledger. It is not secret there: who has the
//     ledger and guesses an address can tell that it is the right one.
//
// White space around the value is left out, upper and lower case are told apart. A number is
// readable in the ledger: do not take a telephone number or a national identity number for a key.
// This form does not change, so that a job can be gone on with after an upgrade.
//
// # Check
//
//	report, err := bulk.Check(ctx, provisioner, bulk.Job{Name: "spring", Mapping: mapping}, source)
//	fmt.Print(report)
//
// [Check] sends nothing. It finds what a row has wrong, what a value has wrong, what
// provision.Provisioner.Plan finds at each target, and which rows have the same key, or the same
// value of what is unique at a target: the vendors' packages say what is, and how it is compared.
// Each [Fault] has its line, the column and field, the target, a code and what is expected. A
// [Report] has the numbers of all faults, and the first [MaxReportFaults] of them; Job.OnFault is
// given all. Neither holds a value of a row.
//
//	code         what it means
//	unreadable   the row itself: see Errors of rows
//	duplicate    an earlier row has the key, or a value that is unique at the target
//	required     the field must be set, or a template's column is not in the row
//	invalid      the value does not fit the field
//	the others   as those of userapi.FieldError
//
// Two values are compared by 96 bits of a SHA-256 whose key is random in each run. Of 10,000,000
// values two different ones count as the same with a chance below 1 in 10^15.
//
// # Run
//
//	report, err := bulk.Run(ctx, provisioner, bulk.Job{Name: "spring", Mapping: mapping}, source)
//
// [Run] creates the users of each row. It may be stopped, or killed, and called again: the
// Provisioner's ledger knows what is done. A row of which no request can be made is told and not
// sent. The [Report] has the number of rows in each state at each target, and Job.OnResult is given
// what became of each row.
//
//	state       what it means                                   what to do
//	created     the user was created                            nothing
//	recovered   a create before had made the user               nothing
//	existing    the user was there before                       nothing
//	kept        the user is of the row before it was mended     change it at the vendor, if that matters
//	unfinished  the user exists, its second step is left        run again, or finish the user at the vendor
//	rejected    there is no user: see the result's error        mend the row, under the same key, or run again
//	not_sent    nothing was sent: see the result's error        mend the row, or run again
//	open        the target was left for later                   run again
//	different   the key was used before with another request    if it is another person's, give it a key of its own
//	undone      provision.Provisioner.Undo has undone it        nothing
//	unknown     nobody knows whether there is a user            run again; then a person decides
//
// A row that was refused may be mended and run again under the same key. It then goes to the
// targets that refused it, as provision.Provisioner says of another request. That takes a run of its own:
// a second row with the key of one that this run has seen refused is different, and nothing of it is
// sent. Two rows of one key that are alike but for passwords, and for what Mapping.Targets takes, are one
// row to Run, and are both told what the first one got: [Check] finds them. So is a row of which, once
// its user was there, nothing but that was changed.
//
// # Lanes
//
// Each target has a lane: how many calls are under way at once, and how many requests are
// sent a second. An adaptive lane slows down when the vendor refuses requests because they are too
// many, and finds its way back. Lanes do not slow each other, until a slow one has all the
// rows that are at work: then the reading waits for it. Where a Creator is a
// userapi.BatchCreator, creates that come at once are one request.
//
// # Files
//
// Job.Results has a line for each row and target, and Job.Rejects the rows that a target refused, or
// that are at fault. Rows stand in the order in which they end, and a run that is repeated
// writes all of them again.
//
//	results    key,target,state,user_id,proof,line
//	rejects    the input's own columns, and behind them
//	  _row       the line of the input
//	  _target    the targets where the row has no finished user
//	  _outcome   of each: whether there is a user, as userapi.Outcome has it
//	  _kind      of each: userapi.Kind
//	  _code      of each: the codes of its error, or those of the faults; no_place is a lane's that
//	             had no place for the row in time
//	  _field     of each: the fields at fault
//	  _retry     "yes" if the row may be taken as it is, once something else is mended
//
// In results, key is the row's own value, and state is one of the list above, or "fault" for a row
// of which no request can be made. user_id of what is unknown is the id that the user would have.
//
// Rejects are CSV where the source is a [ColumnSource], and JSON Lines else. They can be mended and
// run: the columns that begin with an underscore are ignored. A secret in them is [REDACTED]. So is
// what was not read of a row whose cells are too few or too many: all of it, where the file has
// secrets, since these may stand under another name. What is [REDACTED] when it is read is a fault
// of the row. [Only] fills the secrets in from the original.
//
// # Undo
//
// [Undo] deletes what a Run of the same job has created, and closes the keys of the rows. It leaves
// users that were there before, and those that are not proven to be the row's.
package bulk
