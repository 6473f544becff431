package work

import (
	"context"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// divide divides the reading of a long document among the worker processes: its
// missing pages go into the backlog as parts, of which any process takes one when
// it is their turn, and this one lets go of the document. errDivided where it did.
//
// A part is at most a turn long, so that others have theirs between. Opening the
// file anew for each part is cheap beside recognising its pages; pages that need no
// recognition are not worth it.
func (c *capture) divide(ctx context.Context, missing []int) error {
	slow := 0
	for _, i := range missing {
		if c.slow(i) {
			slow++
		}
	}
	row := c.job.Row
	if slow <= c.perTurn() || row.Parts > 0 || row.Alone {
		return nil
	}
	workers, err := c.Service.WorkersAlive(ctx)
	if err != nil || workers < 2 {
		return err
	}
	divided, err := c.Service.Divide(ctx, row, c.parts(missing, slow, workers))
	if err != nil {
		return err
	}
	if !divided {
		return fault.New(fault.Conflict, "operation_ended", "Another process has the operation by now.")
	}
	if err := failpoint.Hit(failpoint.CaptureDivided); err != nil {
		return err
	}
	return errDivided
}

// slow tells whether a page has to be recognised.
func (c *capture) slow(i int) bool {
	p := &c.found.Pages[i]
	return !p.Blank && !p.HasGoodText()
}

// parts cuts the missing pages into ranges of equal work, two for each process.
func (c *capture) parts(missing []int, slow, workers int) (out []service.Part) {
	size := min(c.perTurn(), max(c.perTurn()/4, (slow+2*workers-1)/(2*workers), 1))
	n := 0
	for _, i := range missing {
		if len(out) == 0 || n == size {
			out, n = append(out, service.Part{First: i + 1}), 0
		}
		out[len(out)-1].Last = i + 1
		if c.slow(i) {
			n++
		}
	}
	return out
}

// HandlePart implements Handler for parts of captures: it reads their pages, and
// keeps them for whoever ends the operation.
func (c *Capturer) HandlePart(ctx context.Context, job Job) (err error) {
	run := c.newCapture(job)
	defer func() { run.files.done(ctx, err) }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"inspect", run.inspect}, {"normalise", run.normalise}, {"read", run.readPart}} {
		if err := run.timed(ctx, step.name, step.do); err != nil {
			return fileFault(err, job.Failures+1)
		}
	}
	return nil
}

// readPart reads those pages of the part that nobody has read.
func (c *capture) readPart(ctx context.Context) error {
	c.shelf = newShelf(c.Service, &c.job, c.found.Pages)
	kept, err := c.shelf.load(ctx)
	if err != nil {
		return err
	}
	var missing []int
	for i := c.job.Row.First - 1; i < min(c.job.Row.Last, len(c.found.Pages)); i++ {
		if _, ok := kept[i+1]; !ok && !c.found.Pages[i].Blank {
			missing = append(missing, i)
		}
	}
	if err := c.readAll(ctx, missing, make([]readPage, len(c.found.Pages))); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.CapturePart)
}
