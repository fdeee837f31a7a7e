package crashtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/mixin"
	"github.com/enlist-go/enlist/userapi/provision"
	"github.com/enlist-go/enlist/userapi/provision/fileledger"
)

// A verdict is what is wrong, and how much of what there was.
type verdict struct {
	faults               []string
	doubled, lost, wrong int
	unknown, undone      int
	decided              int
	// keyFiles counts what the key directory says of the unknown.
	keyFiles map[mixin.KeyFileState]int
	ledger   []byte

	users   map[string]map[string][]user // by target and key
	history map[string]map[string]past   // by target and id
}

func (v *verdict) fault(count *int, format string, args ...any) {
	*count++
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// stable is the total that is the same in every run.
func (v *verdict) stable(r *run) string {
	return fmt.Sprintf("%d kills, %d sign-ups at %d vendors: %d doubled, %d lost, %d false claims",
		r.kills, r.count, len(r.vendors), v.doubled, v.lost, v.wrong)
}

// varying is the total of what differs.
func (v *verdict) varying(r *run) string {
	requests := int64(0)
	for _, vendor := range r.vendors {
		requests += vendor.requests.Load()
	}
	return fmt.Sprintf("unknown: %d, at Mixin %v; %d requests, %d faults, %d undone, %d decided, %d claims, %d kills in the middle of work",
		v.unknown, v.keyFiles, requests, r.faults(), v.undone, v.decided, len(r.claims), r.inWork)
}

// now judges a claim when it is heard: of an undone sign-up no user is there, nor ever
// will be.
func (r *run) now(c claim) string {
	if c.Disposition != provision.DispositionUndone.String() {
		return ""
	}
	if ids := r.vendor(c.Target).has(c.Key); len(ids) > 0 {
		return fmt.Sprintf("FALSE: %s is said to be undone at %s, and is there as %v", c.Key, c.Target, ids)
	}
	return ""
}

// judge compares the ledger and all claims with the vendors.
func (r *run) judge(t *testing.T) *verdict {
	t.Helper()
	v := &verdict{keyFiles: map[mixin.KeyFileState]int{}, users: map[string]map[string][]user{}, history: map[string]map[string]past{}}
	for _, vendor := range r.vendors {
		v.history[vendor.Name], v.users[vendor.Name] = vendor.history(), map[string][]user{}
		for _, u := range vendor.users() {
			if !vendor.strangers[u.id] {
				v.users[vendor.Name][u.key] = append(v.users[vendor.Name][u.key], u)
			}
		}
	}
	var err error
	v.ledger, err = os.ReadFile(r.job.Ledger)
	require.NoError(t, err)
	ledger, err := fileledger.Open(r.job.Ledger)
	require.NoError(t, err)
	defer ledger.Close()

	records := map[[2]string]provision.Record{}
	for n := range signUp(r.count) {
		of, err := ledger.Load(t.Context(), n.key())
		require.NoError(t, err)
		for _, rec := range of {
			records[[2]string{rec.Key, rec.Target}] = rec
		}
		for _, vendor := range targetVendors {
			if rec, ok := recordOf(of, vendor.Name); ok {
				v.record(r, n, rec)
			} else {
				v.fault(&v.lost, "LOST: the ledger has nothing of %s at %s", n.key(), vendor.Name)
			}
		}
		if rec, _ := recordOf(of, idp); rec.State == provision.StateUndone {
			v.undone++
		}
	}
	for name, was := range r.told {
		if !was.holds(records[name]) {
			v.fault(&v.lost, "LOST: the ledger had %+v, and has %s at revision %d", was, records[name].State, records[name].Revision)
		}
	}
	for _, vendor := range r.vendors {
		if n := vendor.late.Load(); n > 0 {
			v.fault(&v.wrong, "FALSE: %d creates at %s of what was undone", n, vendor.Name)
		}
		for _, text := range vendor.unproven {
			v.fault(&v.wrong, "FALSE: a create was sent again without proof: %s", text)
		}
		v.strangers(vendor)
	}
	v.secondSteps(r, records)
	v.sessionKeys(r)
	for _, c := range r.claims {
		v.claim(c, records[[2]string{c.Key, c.Target}], r.vendor(c.Target).evidence)
	}
	for _, text := range r.broken {
		v.fault(&v.wrong, "%s", text)
	}
	return v
}

// record compares a record with the users that the vendor has.
func (v *verdict) record(r *run, n signUp, rec provision.Record) {
	var ids []string
	for _, u := range v.users[rec.Target][rec.Key] {
		ids = append(ids, u.id)
	}
	is := fmt.Sprintf("%s at %s is %s (%s, decided by %s), and there are %v", rec.Key, rec.Target, rec.State, rec.UserID, rec.Proof, ids)
	if len(ids) > 1 {
		v.fault(&v.doubled, "DOUBLED: %s", is)
		return
	}
	if rec.Decided {
		v.decided++
	}
	if !n.settledAt(rec) {
		v.fault(&v.wrong, "NOT SETTLED: %s", is)
	}
	switch {
	case rec.State.HasUser():
		if len(ids) == 0 || ids[0] != rec.UserID {
			v.fault(&v.wrong, "FALSE: %s", is)
		}
		if rec.State == provision.StateExisting {
			v.fault(&v.wrong, "FALSE: %s", is)
		}
	case rec.State == provision.StateUnknown:
		v.unknown++
		if rec.Target != wallet {
			return
		}
		f, err := mixin.KeyDir(r.job.KeyDir).Load(rec.Key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			v.fault(&v.wrong, "the key file of %s: %v", rec.Key, err)
		}
		v.keyFiles[f.State]++
		// A kill in Discard leaves the mark that a key was sent, and no file.
		_, markErr := os.Stat(strings.TrimSuffix(mixin.KeyDir(r.job.KeyDir).Path(rec.Key), ".json") + ".sent")
		if f.State != mixin.KeyFileSent && (f.State != "" || markErr != nil) {
			v.fault(&v.lost, "LOST: %s, and the key file says %q", is, f.State)
		}
	case len(ids) > 0:
		v.fault(&v.lost, "LOST: %s", is)
	}
}

// claim compares what a caller was told with what the vendor had.
func (v *verdict) claim(c claim, rec provision.Record, evidence map[string]*evidence) {
	history := v.history[c.Target]
	switch {
	case c.ID != "":
		u, known := history[c.ID]
		switch {
		case !known || u.key != c.Key:
			v.fault(&v.wrong, "FALSE: the user did not exist: %+v", c)
		case !u.gone.IsZero() && u.gone.Before(c.Begun):
			v.fault(&v.wrong, "FALSE: it was gone: %+v", c)
		case !u.gone.IsZero() && (rec.State != provision.StateUndone || rec.UserID != c.ID):
			v.fault(&v.wrong, "FALSE: it is gone, and not undone: %+v", c)
		case c.Disposition == provision.DispositionExisting.String():
			v.fault(&v.wrong, "FALSE: it was not there before: %+v", c)
		}
	case c.Disposition == "created", c.Disposition == "recovered", c.Outcome == "created":
		v.fault(&v.wrong, "FALSE: a user without an id: %+v", c)
	case c.Disposition == "rejected", c.Disposition == "not_sent":
		at := c.Begun
		if c.Alone && vendorOf(c.Target).Looks == 0 {
			at = c.Ended
		}
		for id, u := range history {
			if u.key == c.Key && u.seen.Before(at) && (u.gone.IsZero() || u.gone.After(at)) {
				v.fault(&v.wrong, "FALSE: %s was there: %+v", id, c)
			}
		}
		// That the stranger stands in the way is known without either.
		if e := evidence[c.Key]; e != nil && c.Alone && e.open(c.Ended) > 0 && (c.Target != chat || !numbered(c.Key).barred()) {
			v.fault(&v.wrong, "FALSE: without proof (%v): %+v", e, c)
		}
	}
}

// strangers looks for users whom nobody has asked for, and for those that were there
// before and no longer are.
func (v *verdict) strangers(vendor *vendor) {
	left := 0
	for _, u := range vendor.users() {
		switch {
		case vendor.strangers[u.id]:
			left++
		case u.key == "":
			v.fault(&v.lost, "LOST: %s at %s is nobody's", u.id, vendor.Name)
		}
	}
	if left != len(vendor.strangers) {
		v.fault(&v.lost, "LOST: of %d strangers at %s %d are left", len(vendor.strangers), vendor.Name, left)
	}
}

// secondSteps looks for the crm's users without what the second step sets, or with
// another owner than the person at the idp.
func (v *verdict) secondSteps(r *run, records map[[2]string]provision.Record) {
	for _, u := range r.vendor(crm).users() {
		n := numbered(u.key)
		if want, _ := json.Marshal(n.request().Attributes[attribute]); !n.undone() && u.attribute != string(want) {
			v.fault(&v.wrong, "FALSE: %s at %s has no second step, and %+v", u.key, crm, records[[2]string{u.key, crm}])
		}
		if owner := records[[2]string{u.key, idp}].UserID; u.owner != owner {
			v.fault(&v.wrong, "FALSE: %s at %s is %s's, and not %s's", u.key, crm, u.owner, owner)
		}
	}
}

// sessionKeys looks for the wallet's users whose session key is not kept.
func (v *verdict) sessionKeys(r *run) {
	for _, u := range r.vendor(wallet).users() {
		f, err := mixin.KeyDir(r.job.KeyDir).Load(u.key)
		if err != nil || f.SessionSecret != u.session {
			v.fault(&v.lost, "LOST: the session key of %s: %v", u.key, err)
		}
	}
}

// checkSecrets looks for personal data, and for secrets, where there must be none.
func (v *verdict) checkSecrets(t *testing.T, r *run) {
	t.Helper()
	names, err := os.ReadDir(r.job.KeyDir)
	require.NoError(t, err)
	var listing strings.Builder
	var secrets []string
	for _, name := range names {
		listing.WriteString(name.Name() + "\n")
		if filepath.Ext(name.Name()) != ".json" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(r.job.KeyDir, name.Name()))
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members), "a key file is broken")
		for member, value := range members {
			if s, ok := value.(string); ok && strings.Contains(member, "private") && s != "" {
				secrets = append(secrets, s)
			}
		}
	}
	require.NotEmpty(t, secrets)
	var keystore map[string]any
	require.NoError(t, json.Unmarshal(r.job.Keystore, &keystore))
	for member, value := range keystore {
		if s, ok := value.(string); ok && strings.Contains(member, "private") && s != "" {
			secrets = append(secrets, s)
		}
	}
	secrets = append(secrets, planted, strings.ToLower(planted), plantedPhone, strings.Replace(plantedPhone, "+", "%2B", 1))
	for where, text := range map[string][]byte{"the ledger": v.ledger, "the output": r.output.Bytes(), "the key directory": []byte(listing.String())} {
		require.NotEmpty(t, text, where)
		for i, secret := range secrets {
			at := bytes.Index(text, []byte(secret))
			assert.Negative(t, at, "%s holds secret %d of %d", where, i, len(secrets))
		}
	}
}
