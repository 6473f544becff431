package childmain

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/engine"
	"github.com/paraph/paraph/internal/sandbox"
)

// opPrepare draws or lifts a page and makes it ready for recognition, in one
// go, so that only the finished gray page leaves the child.
const opPrepare = "ocr.prepare"

type prepareArgs struct {
	Options pdf.RenderOptions  `json:"options"`
	Limits  pdf.Limits         `json:"limits"`
	Prepare ocr.PrepareOptions `json:"prepare"`
}

type preparedPage struct {
	Rendered *pdf.Rendered `json:"rendered"`
	Prepared *ocr.Prepared `json:"prepared"`
}

// MaxPagePixels is the most pixels at which a page is drawn to be recognised.
const MaxPagePixels = 60_000_000

// PreparePage makes one page of a PDF ready for an ocr.Reader: its own scan
// where the page is one, else a rendering at the given resolution. Rendered
// says how large that picture is and how large the page, so that boxes in
// pixels can be put on the page: points = pixels / Rendered.Scale().
//
// Faults are those of pdf.Tools.Render.
func PreparePage(ctx context.Context, tools *pdf.Tools, file *os.File, page int, dpi float64) (*ocr.Prepared, *pdf.Rendered, error) {
	out, err := tools.Spool()
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	args := prepareArgs{
		Options: pdf.RenderOptions{Page: page, DPI: dpi, Gray: true, Native: true, Format: pdf.FormatGray, MaxPixels: MaxPagePixels},
		Limits:  tools.Limits(),
	}
	var made preparedPage
	if err := tools.Do(ctx, sandbox.Job{Op: opPrepare, Args: args, Files: []*os.File{file, out}}, &made); err != nil {
		return nil, nil, err
	}
	if made.Prepared == nil || made.Rendered == nil {
		return nil, nil, fmt.Errorf("%w: no page came back", sandbox.ErrCrashed)
	}
	info, err := out.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read the prepared page: %w", err)
	}
	pixels := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(out, 0, info.Size()), pixels); err != nil {
		return nil, nil, fmt.Errorf("read the prepared page: %w", err)
	}
	if err := made.Prepared.SetPixels(pixels); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", sandbox.ErrCrashed, err)
	}
	return made.Prepared, made.Rendered, nil
}

// PageWords puts what was recognised on a prepared page into points of the
// page, as pdf.Tools.AddTextLayer wants it. Lines are numbered as read.
func PageWords(number int, result *ocr.PageResult, rendered *pdf.Rendered) pdf.PageWords {
	across, down := rendered.Scale()
	page := pdf.PageWords{Number: number, Angle: result.Angle()}
	for i := range result.Lines {
		for j := range result.Lines[i].Words {
			word := &result.Lines[i].Words[j]
			b := result.Straight(word)
			page.Words = append(page.Words, pdf.Word{Text: word.Text, Line: i,
				Box: pdf.Box{X0: b.X0 / across, Y0: b.Y0 / down, X1: b.X1 / across, Y1: b.Y1 / down}})
		}
	}
	return page
}

func prepare(documents *engine.Engine) sandbox.Op {
	return sandbox.Handle(func(task *sandbox.Task, args prepareArgs) (*preparedPage, error) {
		if len(task.Files) != 2 {
			return nil, fmt.Errorf("the job needs 2 files, not %d", len(task.Files))
		}
		picture, made, err := documents.Raster(task.Files[0], args.Options, args.Limits)
		if err != nil {
			return nil, err
		}
		across, _ := made.Scale()
		args.Prepare.DPI = int(math.Round(across * 72))
		ready := ocr.Prepare(picture, args.Prepare)
		out := bufio.NewWriterSize(task.Files[1], 256<<10)
		if _, err := out.Write(ready.Pixels()); err != nil {
			return nil, fmt.Errorf("write the page: %w", err)
		}
		if err := out.Flush(); err != nil {
			return nil, fmt.Errorf("write the page: %w", err)
		}
		return &preparedPage{made, ready}, nil
	})
}
