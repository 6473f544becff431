package work

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fair"
	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
)

const (
	// pagesPerTurn is Capturer.PagesPerTurn where it says nothing: long enough that
	// opening the file anew for the next turn is cheap beside it.
	pagesPerTurn = 64
	// pageTime is what drawing and recognising one page may take, readings of other
	// directions and sizes included, from the moment it has its place.
	pageTime = 10 * time.Minute
	// stepTime and stepTimePerPage are what everything else may take that is done to a document as a whole.
	stepTime        = 10 * time.Minute
	stepTimePerPage = 2 * time.Second
	// A page needs memory for the engines, and for each of its pixels: as drawn in
	// the child, as prepared in both, and as the recogniser works on it.
	pageMemory  = 160 << 20
	pixelMemory = 16
	// scanDPI is taken for a page that is a picture until its real size is known.
	scanDPI = 300
)

// within gives a step over so many pages its time.
func within(ctx context.Context, pages int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, stepTime+time.Duration(pages)*stepTimePerPage)
}

// readPage is what was read of one page.
type readPage struct {
	page  document.Page
	words []document.Word
	layer *pdf.PageWords // recognised text to be laid under the page
}

// read reads every page that no earlier attempt has read, several at once, and
// keeps each as soon as it is there. A long document is divided among the worker
// processes where there are more than this one: errDivided. Else, after so many
// pages, it makes room for others that wait: ErrTurnOver.
func (c *capture) read(ctx context.Context) error {
	pages := make([]readPage, len(c.found.Pages))
	c.shelf = newShelf(c.Service, &c.job, c.found.Pages)
	kept, err := c.shelf.load(ctx)
	if err != nil {
		return err
	}
	var missing []int
	for i := range c.found.Pages {
		if page, ok := kept[i+1]; ok {
			pages[i] = page
		} else {
			missing = append(missing, i)
		}
	}
	if err := c.divide(ctx, missing); err != nil {
		return err
	}
	if err := c.readAll(ctx, missing, pages); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.CaptureRecognised); err != nil {
		return err
	}
	return c.keepPages(ctx, pages)
}

// readAll reads pages, each into its place and onto the shelf.
func (c *capture) readAll(ctx context.Context, missing []int, pages []readPage) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(c.Tools.Children())
	over, err := false, error(nil)
	for fresh, i := range missing {
		if over, err = c.turnOver(groupCtx, fresh); err != nil || over {
			break
		}
		group.Go(func() error {
			page, err := c.readPage(groupCtx, &c.found.Pages[i])
			if err != nil {
				return fmt.Errorf("page %d: %w", i+1, err)
			}
			pages[i] = page
			return c.shelf.put(groupCtx, &page)
		})
	}
	if waited := group.Wait(); waited != nil {
		return waited
	}
	if err == nil && over {
		err = ErrTurnOver
	}
	return err
}

// perTurn is how many pages make a turn.
func (c *Capturer) perTurn() int {
	if c.PagesPerTurn > 0 {
		return c.PagesPerTurn
	}
	return pagesPerTurn
}

// turnOver tells whether this document has had its turn and others wait. A part is
// a turn as a whole.
func (c *capture) turnOver(ctx context.Context, fresh int) (bool, error) {
	if fresh == 0 || fresh%c.perTurn() != 0 || c.job.Row.Parent != "" {
		return false, nil
	}
	return c.Service.OthersWait(ctx, c.job.Operation.Kind)
}

func (c *capture) readPage(ctx context.Context, info *pdf.PageInfo) (readPage, error) {
	out := readPage{page: document.Page{No: info.Number, Width: info.Width, Height: info.Height, Blank: info.Blank, Source: sourceNone}}
	if info.Blank {
		return out, nil
	}
	slot, err := c.place(ctx, info)
	if err != nil {
		return out, err
	}
	defer slot.Free()
	limited, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	if info.HasGoodText() {
		return out, c.ownText(limited, &out)
	}
	err = c.recognise(limited, info, slot, &out)
	slow := err != nil && limited.Err() != nil && ctx.Err() == nil
	if slow || errors.Is(err, ocr.ErrTimeout) || errors.Is(err, ocr.ErrMemory) || errors.Is(err, ocr.ErrCrashed) {
		c.Log.Warn("a page could not be recognised; the document goes on without its text", "document", c.job.Document.ID, "page", info.Number, "error", err)
		out.page.Source, out.page.Engine = sourceFailed, err.Error()
		return out, nil
	}
	return out, err
}

// place waits for a place for the page.
func (c *capture) place(ctx context.Context, info *pdf.PageInfo) (*Slot, error) {
	dpi := float64(drawDPI)
	if info.ImageOnly {
		dpi = scanDPI
	}
	pixels := info.Width / 72 * dpi * info.Height / 72 * dpi
	d := &c.job.Document
	path := fair.Path{{Name: d.Org, Weight: 1}, {Name: d.Unit, Weight: c.job.Weight}, {Name: d.ID, Weight: 1}}
	return c.Slots.Take(ctx, path, memoryOf(pixels))
}

// memoryOf gives about how many bytes a page of so many pixels needs in all processes.
func memoryOf(pixels float64) int64 {
	return pageMemory + pixelMemory*int64(min(pixels, childmain.MaxPagePixels))
}

func (c *capture) recognise(ctx context.Context, info *pdf.PageInfo, slot *Slot, out *readPage) error {
	started := time.Now()
	prepared, rendered, err := childmain.PreparePage(ctx, c.Tools, c.current, info.Number, drawDPI)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.CaptureRendered); err != nil {
		return err
	}
	slot.Needs(memoryOf(float64(rendered.Width) * float64(rendered.Height)))
	result, err := c.Reader.Read(ctx, prepared, ocr.ReadOptions{Languages: c.Languages})
	if err != nil {
		return err
	}
	c.Meter.Step("recognise", c.job.Document.Type, time.Since(started))
	out.take(result, rendered)
	return nil
}
