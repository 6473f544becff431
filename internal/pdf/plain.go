package pdf

import (
	"context"

	"github.com/paraph/paraph/internal/sandbox"
)

// DoPlain is Do for an operation that does not need pdfium, which is not made ready
// for it then.
func (t *Tools) DoPlain(ctx context.Context, job sandbox.Job, result any) error {
	return t.pool.Do(ctx, job, result)
}
