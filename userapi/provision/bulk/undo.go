package bulk

import (
	"context"
	"errors"

	"github.com/enlist-go/enlist/userapi"
	"github.com/enlist-go/enlist/userapi/provision"
)

// undoing is what texts of errors call an Undo.
const undoing = "undoing"

// Undo has provision.Provisioner.Undo delete the users that a Run of the job has created, row by
// row, and closes the rows' keys. It needs of a row its key alone. What it leaves, such as a user
// that was there before, is in the results and in the Report, with the state that
// it has. A row that the ledger does not have counts as StateUnknownKey, at no target.
//
// It may end at any moment and be called again. When the context ends it reads no more, and
// the rows at work are undone to the end. Errors are those of Run. Job.Rejects and Job.Wait are
// not for Undo.
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
