package signpage

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

// Want says which picture of a page is wanted.
type Want struct {
	Page  int  // 1, 2, 3 …
	Width int  // pixels
	Scan  bool // the page is a scan: lossy compression suits it
}

// Picture is a rendered page.
type Picture struct {
	MediaType string // image/png or image/jpeg
	Data      []byte
}

// Renderer makes pictures of pages. PDFRenderer is the real one.
type Renderer interface {
	// RenderPage gives a picture of one page of a PDF. Any error counts as
	// passing trouble: the page says so and offers the download instead.
	RenderPage(ctx context.Context, content service.Content, want Want) (Picture, error)
}

// PDFRenderer renders in the sandboxed child, which gets a private unnamed copy
// of the document that vanishes afterwards.
type PDFRenderer struct{ Tools *pdf.Tools }

// RenderPage implements Renderer.
func (p PDFRenderer) RenderPage(ctx context.Context, content service.Content, want Want) (Picture, error) {
	file, err := p.Tools.Spool()
	if err != nil {
		return Picture{}, err
	}
	defer file.Close()
	if _, err := io.Copy(file, io.NewSectionReader(content, 0, content.Size())); err != nil {
		return Picture{}, fmt.Errorf("copy the document for rendering: %w", err)
	}
	options := pdf.RenderOptions{Page: want.Page, Width: want.Width, Format: pdf.FormatPNG}
	kind := pdf.KindPNG
	if want.Scan {
		options.Format, options.Quality, kind = pdf.FormatJPEG, 80, pdf.KindJPEG
	}
	made, err := p.Tools.Render(ctx, file, options)
	if err != nil {
		return Picture{}, err
	}
	return Picture{kind.MediaType(), made.Data}, nil
}

// widths are the only widths that are rendered, in pixels, so that nobody can
// fill the cache or the machine with sizes of their own.
var widths = []int{480, 800, 1200, 1800}

// allowedWidth gives the smallest width that is rendered and not below w.
func allowedWidth(w int) int {
	i, _ := slices.BinarySearch(widths, w)
	return widths[min(i, len(widths)-1)]
}

// pictures keeps rendered pages in memory, least recently used out first. A
// version never changes, so its digest with page and width names a picture for
// good. Callers have checked the right to see it.
type pictures struct {
	renderer Renderer
	limit    int64
	flight   singleflight.Group

	mu    sync.Mutex
	bytes int64
	order *list.List // of *kept, newest first
	byKey map[string]*list.Element
}

type kept struct {
	key     string
	picture Picture
}

func newPictures(r Renderer, limit int64) *pictures {
	return &pictures{renderer: r, limit: limit, order: list.New(), byKey: map[string]*list.Element{}}
}

// get gives a picture, rendering it at most once at a time. open is called only
// where the picture is not kept.
func (p *pictures) get(ctx context.Context, sha256 string, want Want, open func(context.Context) (service.Content, error)) (Picture, error) {
	key := fmt.Sprintf("%s %d %d", sha256, want.Page, want.Width)
	if pic, ok := p.lookup(key); ok {
		return pic, nil
	}
	// The work is shared, so one caller who leaves must not end it for the others.
	shared := context.WithoutCancel(ctx)
	done := p.flight.DoChan(key, func() (any, error) {
		if pic, ok := p.lookup(key); ok {
			return pic, nil
		}
		content, err := open(shared)
		if err != nil {
			return Picture{}, err
		}
		defer content.Close()
		pic, err := p.renderer.RenderPage(shared, content, want)
		if err == nil {
			p.keep(key, pic)
		}
		return pic, err
	})
	select {
	case <-ctx.Done():
		return Picture{}, ctx.Err()
	case res := <-done:
		return res.Val.(Picture), res.Err
	}
}

func (p *pictures) lookup(key string) (Picture, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	el, ok := p.byKey[key]
	if !ok {
		return Picture{}, false
	}
	p.order.MoveToFront(el)
	return el.Value.(*kept).picture, true
}

func (p *pictures) keep(key string, pic Picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.byKey[key]; ok || int64(len(pic.Data)) > p.limit {
		return
	}
	p.byKey[key] = p.order.PushFront(&kept{key, pic})
	p.bytes += int64(len(pic.Data))
	for p.bytes > p.limit {
		last := p.order.Back()
		old := p.order.Remove(last).(*kept)
		delete(p.byKey, old.key)
		p.bytes -= int64(len(old.picture.Data))
	}
}
