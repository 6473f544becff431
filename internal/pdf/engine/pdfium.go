// Package engine does the work of internal/pdf inside the sandboxed child. It
// must not be used in a process that holds anything worth stealing.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/paraph/paraph/internal/pdf"
)

// wasmPages bounds pdfium's own memory: 8192 pages of 64 KiB are 512 MiB.
const wasmPages = 8192

// Engine holds pdfium, compiled once in the life of a child and started fresh
// for every document.
type Engine struct {
	cacheDir string

	mu   sync.Mutex
	pool pdfium.Pool
}

// New makes an engine. cacheDir holds compiled code, which makes the first
// document 3 s faster; without it, or when it cannot be used, everything works
// all the same.
func New(cacheDir string) *Engine { return &Engine{cacheDir: cacheDir} }

// Warm compiles pdfium, writing the cache where that is allowed.
func (e *Engine) Warm() error {
	_, err := e.pdfium()
	return err
}

func (e *Engine) pdfium() (pdfium.Pool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool != nil {
		return e.pool, nil
	}
	if e.cacheDir != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(e.cacheDir); err == nil {
			if pool, err := start(cache); err == nil {
				e.pool = pool
				return pool, nil
			}
		}
		// A cache that is missing or may not be written: compile in memory.
	}
	pool, err := start(nil)
	if err != nil {
		return nil, fmt.Errorf("start pdfium: %w", err)
	}
	e.pool = pool
	return pool, nil
}

func start(cache wazero.CompilationCache) (pdfium.Pool, error) {
	// CloseOnContextDone stays off: it costs 3.5 to 9 times the time. The
	// parent kills the whole process instead.
	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(wasmPages)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	return webassembly.Init(webassembly.Config{
		Context:       context.Background(),
		MaxTotal:      1,
		FSConfig:      wazero.NewFSConfig(), // the default would mount the host's root
		RuntimeConfig: config,
		Stdout:        io.Discard,
		Stderr:        io.Discard,
	})
}

// document is an open document and the instance of pdfium it lives in.
type document struct {
	pdfium pdfium.Pdfium
	ref    references.FPDF_DOCUMENT
	pages  int
	strict *strictView // nil when the strict reader refuses the file
	reason error       // why it does
}

// open opens a PDF in a fresh instance. The caller calls close.
func (e *Engine) open(file *os.File, limits pdf.Limits) (*document, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the file: %w", err)
	}
	if info.Size() == 0 {
		return nil, pdf.ErrEmpty
	}
	pool, err := e.pdfium()
	if err != nil {
		return nil, err
	}
	instance, err := pool.GetInstance(30 * time.Second)
	if err != nil {
		return nil, fmt.Errorf("start an instance of pdfium: %w", err)
	}
	d := &document{pdfium: instance}
	if err := d.load(file, info.Size(), limits); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *document) load(file *os.File, size int64, limits pdf.Limits) error {
	opened, err := d.pdfium.OpenDocument(&requests.OpenDocument{
		FileReader: io.NewSectionReader(file, 0, size), FileReaderSize: size,
	})
	if err != nil {
		return openFault(err)
	}
	d.ref = opened.Document
	count, err := d.pdfium.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: d.ref})
	if err != nil {
		return pdf.ErrDamaged.With("the pages cannot be counted: %v", err)
	}
	d.pages = count.PageCount
	if limit := limits.WithDefaults().Pages; d.pages > limit {
		return pdf.ErrTooManyPages.With("the document has %d pages; up to %d are taken", d.pages, limit)
	}
	if d.pages <= 0 {
		return pdf.ErrDamaged.With("the document has no readable page")
	}
	d.strict, d.reason = openStrict(file, size)
	return nil
}

func openFault(err error) error {
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword):
		return pdf.ErrEncrypted
	case errors.Is(err, pdfiumerrors.ErrSecurity):
		return pdf.ErrUnsupported.With("the file is encrypted in a way that cannot be read")
	}
	return pdf.ErrDamaged.With("the file cannot be opened as a PDF")
}

func (d *document) close() {
	// The instance and all its memory go with it; the document needs no
	// closing of its own, and a broken one might not survive that.
	_ = d.pdfium.Close()
}

// page names a page by its number, from 1.
func (d *document) page(number int) (requests.Page, error) {
	if number < 1 || number > d.pages {
		return requests.Page{}, pdf.ErrNoSuchPage.With("the document has %d pages, not a page %d", d.pages, number)
	}
	return requests.Page{ByIndex: &requests.PageByIndex{Document: d.ref, Index: number - 1}}, nil
}

// geometry is how a page's own space lies on the displayed page.
type geometry struct {
	left, bottom, right, top float64 // the visible box, in the page's own units
	rotate                   int     // 0, 90, 180, 270 clockwise
	unit                     float64 // points per unit
}

func (d *document) geometry(number int) (geometry, error) {
	page, err := d.page(number)
	if err != nil {
		return geometry{}, err
	}
	box, err := d.pdfium.FPDF_GetPageBoundingBox(&requests.FPDF_GetPageBoundingBox{Page: page})
	if err != nil {
		return geometry{}, pdf.ErrDamaged.With("page %d cannot be read: %v", number, err)
	}
	turn, err := d.pdfium.FPDFPage_GetRotation(&requests.FPDFPage_GetRotation{Page: page})
	if err != nil {
		return geometry{}, pdf.ErrDamaged.With("page %d cannot be read: %v", number, err)
	}
	g := geometry{
		left: float64(box.Rect.Left), bottom: float64(box.Rect.Bottom),
		right: float64(box.Rect.Right), top: float64(box.Rect.Top),
		rotate: int(turn.PageRotation) * 90, unit: 1,
	}
	if d.strict != nil {
		g.unit = d.strict.userUnit(number)
	}
	if !(g.right-g.left > 0) || !(g.top-g.bottom > 0) {
		return geometry{}, pdf.ErrDamaged.With("page %d has no area", number)
	}
	return g, nil
}

// size gives the displayed page in points.
func (g geometry) size() (width, height float64) {
	width, height = (g.right-g.left)*g.unit, (g.top-g.bottom)*g.unit
	if g.rotate == 90 || g.rotate == 270 {
		return height, width
	}
	return width, height
}

// display takes a rectangle of the page's own space to the displayed page.
func (g geometry) display(left, bottom, right, top float64) pdf.Box {
	x0, y0 := g.point(left, bottom)
	x1, y1 := g.point(right, top)
	return pdf.Box{X0: min(x0, x1), Y0: min(y0, y1), X1: max(x0, x1), Y1: max(y0, y1)}
}

func (g geometry) point(x, y float64) (float64, float64) {
	switch g.rotate {
	case 90:
		return (y - g.bottom) * g.unit, (x - g.left) * g.unit
	case 180:
		return (g.right - x) * g.unit, (y - g.bottom) * g.unit
	case 270:
		return (g.top - y) * g.unit, (g.right - x) * g.unit
	}
	return (x - g.left) * g.unit, (g.top - y) * g.unit
}
