package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi/userapitest"
)

// TestChangedRow: a row that was changed when its users were made changes nothing, and is told so.
func TestChangedRow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, officeConfig)
	file := o.people(t, 2)
	require.Equal(t, exitDone, o.run(t, "", "import", file).code)
	o.write(t, "people.csv", strings.Replace(o.desk.read(t, "people.csv"), "Lovelace", "Byron", 1))
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "different, 1 at chat and 1 at crm and 1 at identity: the key was used before with another row. Nothing was changed at the vendor. If the row was changed, restore it")
	assert.NotContains(t, r.stderr, "no user there")
	assert.Equal(t, [4]int{0, 2, 2, 2}, o.counts())
}

// TestMendedRow: a target that has a user of the row before it was mended keeps it, and that is told.
func TestMendedRow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "job: spring\ntargets:\n  identity: {vendor: fusionauth}\n  chat: {vendor: quickblox}\ncolumns: {key: id, email: \"E-mail\", username: login, full_name: first}\n")
	file := o.people(t, 1)
	o.quickblox.Inject(userapitest.Fault{Status: 422, Body: []byte(`{"errors":{"login":["has already been taken"]}}`)})
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitRefused, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "1 row was refused. Correct a copy of ")
	s := o.run(t, "", "status")
	assert.Equal(t, r.code, s.code)
	assert.Contains(t, s.stdout, "       1  conflict      chat\n")
	o.write(t, "mended.csv", strings.Replace(o.desk.read(t, "spring.rejects.csv"), "row.1", "row.one", 1))
	r = o.run(t, "", "import", file, "--only", o.at("mended.csv"))
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Contains(t, r.stdout, "1  kept         identity")
	assert.Contains(t, flat(r.stderr), "kept, 1 at identity: these users were created before the rows were changed")
	assert.Equal(t, exitDone, o.run(t, "", "status").code)
}

// TestUnfinished: a user whose second step was refused exists, and a further run finishes it.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "job: spring\ntargets:\n  crm: {vendor: usercom}\ncolumns: {key: id, email: \"E-mail\", attributes.plan: first}\n")
	file := o.people(t, 1)
	o.usercom.Inject(userapitest.Fault{On: userapitest.Attributes, Status: 400, Body: []byte(`{"plan":["is wrong"]}`), Times: 2})
	r := o.run(t, "", "import", file)
	assert.Equal(t, exitOpen, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "unfinished, 1 at crm: the users exist, but a second step, such as their attributes, is not done.")
	assert.NotContains(t, flat(r.stderr), "Correct a copy")
	assert.NotContains(t, r.stderr, "refused.")
	assert.Contains(t, o.desk.read(t, "spring.rejects.csv"), `"1"`)
	s := o.run(t, "", "status")
	assert.Equal(t, r.code, s.code, s.stdout)
	assert.Contains(t, s.stdout, "       1  unfinished   crm\n")
	assert.Contains(t, flat(s.stdout), "the user exists, but a second step is not done: run the import again; if the vendor always refuses the step, finish the user there")
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitDone, r.code, r.stderr)
	assert.Equal(t, 1, o.usercom.UserCount())
	assert.NotContains(t, o.names(t), "spring.rejects.csv")
}

// TestDeleting: of what an undo has begun to delete the import, status and decide say what is so.
func TestDeleting(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "job: spring\ntargets:\n  identity: {vendor: fusionauth}\ncolumns: {key: id, email: \"E-mail\"}\n")
	file := o.people(t, 1)
	require.Equal(t, exitDone, o.run(t, "", "import", file).code)
	o.fusionauth.Inject(userapitest.Fault{On: userapitest.Delete, Status: 403})
	r := o.run(t, "", "undo", file, "--yes")
	require.NotEqual(t, exitDone, r.code)
	r = o.run(t, "", "import", file)
	assert.Equal(t, exitUnknown, r.code, r.stderr)
	assert.Contains(t, flat(r.stderr), "an undo is deleting the users of 1 row, or was killed. Run enlist undo again.")
	assert.NotContains(t, r.stderr, "unknown")
	s := o.run(t, "", "status")
	assert.Equal(t, r.code, s.code, s.stdout)
	assert.Contains(t, s.stdout, "job spring: 0 refused, 0 open, 0 unknown, 1 being deleted, of rows at a target\n")
	assert.Contains(t, flat(s.stdout), "run enlist undo again:")
	d := o.run(t, "", "decide", "1", "--target", "identity", "--absent")
	assert.Equal(t, exitDone, d.code, d.stderr)
	assert.Contains(t, flat(d.stdout), "decided: the user does not exist. The row was undone: no import creates the user.")
	assert.Equal(t, exitDone, o.run(t, "", "status").code)
	assert.Equal(t, exitRefused, o.run(t, "", "import", file).code)
}
