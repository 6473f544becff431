package work

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"io"
	"sync"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
)

// shelf keeps the pages of a capture that are read, so that an attempt that is
// cut off, or has had its turn, is gone on with at the page where it stood. The
// service throws them away when the operation ends.
type shelf struct {
	service *service.Service
	job     *Job
	total   int
	bare    int // pages on which nothing is drawn, which are not kept

	mu sync.Mutex // one page is put at a time: each is a step of the same operation
}

// shelved is a page as it is kept.
type shelved struct {
	Page  document.Page   `json:"page"`
	Words []document.Word `json:"words,omitempty"`
	Layer *pdf.PageWords  `json:"layer,omitempty"`
}

func newShelf(s *service.Service, job *Job, pages []pdf.PageInfo) *shelf {
	out := &shelf{service: s, job: job, total: len(pages)}
	for i := range pages {
		if pages[i].Blank {
			out.bare++
		}
	}
	return out
}

// load gives the pages that earlier attempts have read, by number. One that
// cannot be opened any more is read again.
func (s *shelf) load(ctx context.Context) (map[int]readPage, error) {
	kept, err := s.service.KeptPages(ctx, s.job.Operation.Org, s.job.Operation.ID)
	if err != nil {
		return nil, err
	}
	out := map[int]readPage{}
	for no, data := range kept {
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(data)))
		var p shelved
		if err != nil || json.Unmarshal(raw, &p) != nil || p.Page.No != no || no > s.total {
			continue
		}
		out[no] = readPage{page: p.Page, words: p.Words, layer: p.Layer}
	}
	return out, nil
}

// put keeps a page and notes how far the operation has come. A page on which
// nothing is drawn is as quickly looked at again.
func (s *shelf) put(ctx context.Context, p *readPage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.page.Blank && p.page.Source == sourceNone && p.page.Engine == "" {
		return nil
	}
	raw, err := json.Marshal(shelved{Page: p.page, Words: p.words, Layer: p.layer})
	if err != nil {
		return err
	}
	var data bytes.Buffer
	w, err := flate.NewWriter(&data, flate.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.service.KeepPage(ctx, s.job.Call, s.job.Operation.ID, service.PageKept{No: p.page.No, Data: data.Bytes()}, s.bare, s.total)
}
