package work

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"os"
	"path"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/service"
)

// Where a page's text came from, and why there is none.
const (
	sourceLayer  = "text_layer"
	sourceOCR    = "ocr"
	sourceNone   = "none"
	sourceFailed = "failed"
)

// drawDPI is the resolution at which pages that are not scans are drawn for
// recognition.
const drawDPI = 250

// Capturer reads uploaded files: it finds out what they are, makes a sound PDF
// where they are none, reads every page, and lays the recognised text under it.
// The original's bytes are never touched, and a PDF that carries a signature is
// never rewritten.
type Capturer struct {
	Service   *service.Service
	Vault     service.Vault
	Tools     *pdf.Tools
	Reader    *ocr.Reader
	Languages []string
	Scanner   Scanner // nil: files are not looked through for malware
	Slots     *Slots  // what the pages of all documents wait for
	// PagesPerTurn is how many pages of a document are read before others that
	// wait get its place; 0: 64.
	PagesPerTurn int
	Meter        Meter
	Log          *slog.Logger
}

// capture is one attempt at one file.
type capture struct {
	*Capturer
	job      Job
	files    *Files
	original document.Version
	shelf    *shelf
	found    *pdf.Inspection
	current  *os.File // what pages are read from
	layers   []pdf.PageWords
	out      service.Captured
}

// newCapture begins an attempt.
func (c *Capturer) newCapture(job Job) *capture {
	return &capture{Capturer: c, job: job, files: newFiles(c.Vault, c.Tools, c.Log, &job.Document)}
}

// Handle implements Handler for operations of kind capture.
func (c *Capturer) Handle(ctx context.Context, job Job) (err error) {
	run := c.newCapture(job)
	defer func() { run.files.done(ctx, err) }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"inspect", run.inspect}, {"normalise", run.normalise}, {"read", run.read}, {"layer", run.layer}} {
		if err := c.Service.Progress(ctx, job.Call, job.Operation.ID, step.name, 0, 0); err != nil {
			return err
		}
		started := time.Now()
		if err := run.timed(ctx, step.name, step.do); err != nil {
			if errors.Is(err, ErrTurnOver) || errors.Is(err, errDivided) {
				return err
			}
			return fileFault(err, job.Failures+1)
		}
		c.Meter.Step(step.name, job.Document.Type, time.Since(started))
	}
	if err := failpoint.Hit(failpoint.CaptureStored); err != nil {
		return err
	}
	run.files.naming()
	if err := c.Service.FinishCapture(ctx, job.Call, job.Operation.ID, run.original.No, run.out); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.CaptureFinished)
}

// timed does a step within its time. Reading has a time for each page instead.
func (c *capture) timed(ctx context.Context, step string, do func(context.Context) error) error {
	if step == "read" {
		return do(ctx)
	}
	pages := 0
	if c.found != nil {
		pages = len(c.found.Pages)
	}
	ctx, cancel := within(ctx, pages)
	defer cancel()
	return do(ctx)
}

// inspect fetches the newest original and finds out what it is.
func (c *capture) inspect(ctx context.Context) error {
	original, blob, err := c.Service.CaptureInput(ctx, c.job.Operation.Org, c.job.Document.ID)
	if err != nil {
		return err
	}
	c.original = original
	if c.current, err = c.files.fetch(ctx, blob); err != nil {
		return err
	}
	if err := harmless(ctx, c.Scanner, io.NewSectionReader(c.current, 0, blob.Size)); err != nil {
		return err
	}
	if c.found, err = c.Tools.Inspect(ctx, c.current, declared(c.original)); err != nil {
		return err
	}
	if c.found.Misnamed {
		return fault.New(fault.Invalid, "misnamed_file", "The file says it is %s, but it is %s. Send it under its right name and type.", declared(c.original), c.found.Kind.MediaType())
	}
	c.out.MediaType, c.out.Signatures = c.found.Kind.MediaType(), c.found.Signatures
	return failpoint.Hit(failpoint.CaptureRead)
}

// declared is what the file says of itself: its media type where that means
// something, or else its name where it has an ending.
func declared(v document.Version) string {
	kind, _, err := mime.ParseMediaType(v.MediaType)
	if err == nil && kind != "application/octet-stream" && !strings.HasPrefix(kind, "multipart/") && kind != "application/x-www-form-urlencoded" {
		return kind
	}
	if path.Ext(v.FileName) != "" {
		return v.FileName
	}
	return ""
}

// normalise makes a sound PDF of pictures and of damaged or encrypted PDFs.
func (c *capture) normalise(ctx context.Context) error {
	picture := c.found.Kind != pdf.KindPDF
	if !picture && !c.found.NeedsNormalising() {
		return nil
	}
	if c.found.Signatures > 0 {
		return fault.New(fault.Invalid, "signed_and_damaged", "The PDF carries a signature and is damaged (%s). Mending it would break the signature. Send a sound copy.", c.found.StrictReason)
	}
	clean, err := c.files.spool()
	if err != nil {
		return err
	}
	if picture {
		_, err = c.Tools.ImagesToPDF(ctx, []*os.File{c.current}, clean)
	} else {
		err = c.Tools.Normalise(ctx, c.current, clean)
	}
	if err != nil {
		return err
	}
	if c.found, err = c.Tools.Inspect(ctx, clean, ""); err != nil {
		return err
	}
	if c.found.NeedsNormalising() {
		return fault.New(fault.Invalid, "damaged_file", "The file is damaged and could not be mended: %s. Send a sound copy.", c.found.StrictReason)
	}
	c.current = clean
	if c.job.Row.Parent != "" {
		return nil // whoever ends the operation stores it
	}
	return c.derive(ctx, document.Normalised, clean)
}

func (c *capture) derive(ctx context.Context, kind document.VersionKind, file *os.File) error {
	blob, err := c.files.keepFile(ctx, file)
	if err != nil {
		return err
	}
	c.out.Derived = append(c.out.Derived, service.Derived{Kind: kind, Blob: blob, Pages: len(c.found.Pages), Signatures: c.found.Signatures})
	return nil
}

// ownText takes the text that the page itself holds.
func (c *capture) ownText(ctx context.Context, out *readPage) error {
	text, err := c.Tools.Text(ctx, c.current, out.page.No)
	if err != nil {
		return err
	}
	for _, w := range text.Words {
		out.words = append(out.words, document.Word{Text: w.Text, X: w.Box.X0, Y: w.Box.Y0, Width: w.Box.X1 - w.Box.X0, Height: w.Box.Y1 - w.Box.Y0, Confidence: 100, Line: w.Line})
	}
	out.page.Source, out.page.Confidence = sourceLayer, 100
	return nil
}

// take turns what was recognised, in pixels of the page's picture, into points.
func (p *readPage) take(result *ocr.PageResult, rendered *pdf.Rendered) {
	sx, sy := rendered.Scale()
	p.page.Blank, p.page.Turned, p.page.Confidence = result.Blank, result.Upright, round1(result.Confidence)
	p.page.Engine = strings.TrimSpace(result.Engine + " " + result.Version + " " + strings.Join(result.Languages, "+") + " " + strings.Join(result.Steps, ", "))
	if result.Blank {
		return
	}
	p.page.Source = sourceOCR
	layer := childmain.PageWords(p.page.No, result, rendered)
	p.layer = &layer
	for n := range result.Lines {
		for i := range result.Lines[n].Words {
			w := &result.Lines[n].Words[i]
			p.words = append(p.words, document.Word{
				Text: w.Text, X: round1(float64(w.Box.Min.X) / sx), Y: round1(float64(w.Box.Min.Y) / sy),
				Width: round1(float64(w.Box.Dx()) / sx), Height: round1(float64(w.Box.Dy()) / sy), Confidence: round1(w.Confidence), Line: n,
			})
		}
	}
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// keepPages stores the words of each page and gathers what the layer needs.
func (c *capture) keepPages(ctx context.Context, pages []readPage) error {
	for _, p := range pages {
		if p.page.Words = len(p.words); len(p.words) > 0 {
			raw, err := json.Marshal(p.words)
			if err != nil {
				return err
			}
			blob, err := c.files.keep(ctx, bytes.NewReader(raw))
			if err != nil {
				return err
			}
			p.page.Blob, p.page.Text = blob.ID, plainText(p.words)
			c.out.Blobs = append(c.out.Blobs, blob)
		}
		c.out.Pages = append(c.out.Pages, p.page)
		if p.layer != nil {
			c.layers = append(c.layers, *p.layer)
		}
	}
	return nil
}

// plainText joins words by single spaces, as search compares them.
func plainText(words []document.Word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}

// layer lays the recognised text under the pages; a signed PDF stays as it is.
func (c *capture) layer(ctx context.Context) error {
	if len(c.layers) == 0 || c.found.Signatures > 0 {
		return nil
	}
	searchable, err := c.files.spool()
	if err != nil {
		return err
	}
	if err := c.Tools.AddTextLayer(ctx, c.current, searchable, c.layers); err != nil {
		return err
	}
	return c.derive(ctx, document.Searchable, searchable)
}

// fileFaults are the faults of the tools that are the file's own, by their code,
// with what its sender can do.
var fileFaults = map[string]struct {
	kind       fault.Kind
	code, mend string
}{
	pdf.ErrEmpty.Code:        {fault.Invalid, "file_empty", "Send the document's bytes."},
	pdf.ErrDamaged.Code:      {fault.Invalid, "file_damaged", "Send a sound copy."},
	pdf.ErrEncrypted.Code:    {fault.Invalid, "file_encrypted", "Paraph never asks for passwords."},
	pdf.ErrSigned.Code:       {fault.Invalid, "file_signed", "Send a copy without the damage."},
	pdf.ErrUnsupported.Code:  {fault.Unsupported, "file_unsupported", "Send a PDF, PNG, JPEG, TIFF or WebP."},
	pdf.ErrTooManyPages.Code: {fault.TooLarge, "file_too_many_pages", "Send it in parts, or have the limit max-pages raised."},
	pdf.ErrTooLarge.Code:     {fault.TooLarge, "file_too_many_pixels", "Scan it at a lower resolution, or have the limit max-pixels raised."},
}

// fileFault says of a fault of the tools whose it is: the file's, which puts it
// into quarantine, or the moment's, which is worth another attempt. A file that
// broke, choked or outran the tools twice is at fault itself.
func fileFault(err error, attempts int) error {
	var own *fault.Fault
	if errors.As(err, &own) {
		return err
	}
	var said *sandbox.Error
	if errors.As(err, &said) {
		if f, ok := fileFaults[said.Code]; ok {
			return fault.Wrap(err, f.kind, f.code, "%s. %s", sentence(said.Error()), f.mend)
		}
	}
	for _, known := range []error{sandbox.ErrTimeout, sandbox.ErrMemory, sandbox.ErrCrashed} {
		if errors.Is(err, known) && attempts >= 2 {
			return fault.Wrap(err, fault.Invalid, codeUnprocessable, "The file cannot be processed: %s. It may be made to do harm; send another copy.", known)
		}
	}
	switch {
	case errors.Is(err, ocr.ErrMissingEngine):
		return fault.Wrap(err, fault.Unavailable, "ocr_missing", "The text recognition program is not installed. Run: apt-get install tesseract-ocr")
	case errors.Is(err, ocr.ErrMissingLanguage):
		return fault.Wrap(err, fault.Unavailable, "ocr_language_missing", "A language of the text recognition is not installed. Run: paraph doctor")
	}
	return fault.Wrap(err, fault.Unavailable, "processing_interrupted", "The processing was interrupted: %s.", err)
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimRight(s[1:], ".")
}
