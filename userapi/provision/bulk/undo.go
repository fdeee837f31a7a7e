package bulk

import (
	"context"
	"errors"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// undoing is what texts of errors call an Undo.
const undoing = "undoing"

// Undo deletes the users that a Run of the job has created, with provision.Provisioner.Undo for
// each row, and closes the rows' keys. It uses only the key of a row. A user that it leaves, such
// as one that existed before, is in the results and in the Report with its state. A row that the
// ledger does not have counts as StateUnknownKey, at no target.
//
// Undo may end at any moment and be called again. When the context ends it reads no more, and
// completes the rows in progress. Errors are those of Run. It does not use Job.Rejects and
// Job.Wait.
func Undo(ctx context.Context, p *provision.Provisioner, job Job, src Source) (Report, error) {
	job.Rejects, job.Wait = nil, 0
	r := newRunning(undoing, job)
	if p == nil || src == nil {
		return r.done(errors.New("bulk: Undo needs a Provisioner and a Source"))
	}
	whole, err := job.Mapping.Compile(job.Name)
	if err != nil {
		return r.done(err)
	}
	if r.Processor, err = inLanes(p, job, whole.keyAlone()); err != nil {
		return r.done(err)
	}
	r.act = func(ctx context.Context, req userapi.CreateUserRequest) []provision.Result {
		results, err := r.p.Undo(ctx, req.IdempotencyKey)
		switch {
		case results != nil:
			return results
		case errors.Is(err, userapi.ErrNotFound):
			return []provision.Result{{Disposition: provision.DispositionUndone, IdempotencyKey: req.IdempotencyKey}}
		}
		for _, name := range r.names {
			results = append(results, provision.Result{Target: name, IdempotencyKey: req.IdempotencyKey, Err: err})
		}
		return results
	}
	report, err := r.run(ctx, src)
	report.Unused = nil
	return report, err
}
