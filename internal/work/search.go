package work

import (
	"context"
	"log/slog"
	"time"

	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/service"
)

// searchBytes is about how much text is cut into words before it is written, and
// searchDocuments of how many documents.
const (
	searchBytes     = 1 << 20
	searchDocuments = 100
	searchBatch     = 1000 // entries looked through at once
)

// searchGather is how long documents wait for others to be indexed with. Commands
// write beside the index, and each of its transactions takes their turn.
const searchGather = 250 * time.Millisecond

// SearchIndexer keeps the full-text index: it reads the journal with a cursor of
// its own, and indexes each document anew of which an entry says that its words may
// have changed. The cursor moves in the transaction that writes the index, so a
// process that dies leaves nothing out.
type SearchIndexer struct {
	store service.Store
	lead  *leader
	seen  int64 // no entry before it changes the index
}

// NewSearchIndexer makes a SearchIndexer.
func NewSearchIndexer(store service.Store, by Holder, log *slog.Logger) *SearchIndexer {
	lead := by.leader("dispatcher/search", store, log)
	lead.gather = searchGather
	return &SearchIndexer{store: store, lead: lead}
}

// Run indexes, or waits for its turn to, until ctx ends.
func (x *SearchIndexer) Run(ctx context.Context) error {
	return x.lead.run(ctx, service.TopicJournal, x.unhurried)
}

// unhurried does a step, and where there is more rests as long as that took: who commands
// writes beside the index, and a long journal may be before it.
func (x *SearchIndexer) unhurried(ctx context.Context) (more bool, err error) {
	began := time.Now()
	if more, err = x.step(ctx); !more || err != nil {
		return more, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Since(began)):
	}
	return more, nil
}

// CatchUp indexes what the journal holds by now. It does nothing where another
// process keeps the index.
func (x *SearchIndexer) CatchUp(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = x.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reading is a part of the journal with the words of the documents it tells of.
type reading struct {
	cursor, to int64
	more       bool
	documents  []service.DocumentWords
}

// step indexes the documents of one part of the journal and tells whether there may be more.
func (x *SearchIndexer) step(ctx context.Context) (more bool, err error) {
	var part reading
	err = x.store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		part, err = x.look(ctx, tx)
		return err
	})
	if err != nil {
		return false, err
	}
	begun := part.cursor > 0 || part.to == 0
	if len(part.documents) == 0 && begun && part.to-part.cursor < dispatcherRest && !x.lead.due() {
		x.seen = part.to
		return part.more, nil
	}
	wrote := false
	err = x.store.Write(ctx, func(ctx context.Context, tx service.Tx) error {
		wrote = false
		_, leads, err := x.lead.hold(ctx, tx)
		if err != nil || !leads {
			return err
		}
		now, err := tx.SearchCursor(ctx)
		if err != nil || now != part.cursor {
			return err // begun anew, or by another process: look again
		}
		wrote = true
		if err := tx.IndexDocuments(ctx, part.documents); err != nil {
			return err
		}
		if part.to == part.cursor {
			return nil
		}
		return tx.SetSearchCursor(ctx, part.cursor, part.to)
	})
	if err != nil || !wrote {
		x.seen = 0
		return false, err
	}
	x.seen = part.to
	return part.more, failpoint.Hit(failpoint.DispatchDone)
}

// look reads the next part of the journal, and the words of its documents as they are now.
// What changes them after that has an entry behind this part.
func (x *SearchIndexer) look(ctx context.Context, tx service.Reader) (p reading, err error) {
	if p.cursor, err = tx.SearchCursor(ctx); err != nil {
		return p, err
	}
	head, err := tx.LogHead(ctx)
	if err != nil {
		return p, err
	}
	from := max(p.cursor, x.seen)
	if p.cursor == 0 {
		from = 0 // the index was emptied
	}
	p.to = max(from, min(from+searchBatch, head.Size))
	if p.to > from {
		if err := p.read(ctx, tx, from, head.Size); err != nil {
			return p, err
		}
	}
	p.more = p.to < head.Size
	return p, nil
}

// read reads the words of the documents of the part, which ends sooner where they are many.
func (p *reading) read(ctx context.Context, tx service.Reader, from, head int64) error {
	changed, err := tx.ChangedDocuments(ctx, from, p.to, head, searchDocuments+1)
	if err != nil {
		return err
	}
	size := 0
	for i := range changed {
		d := &changed[i]
		if size > searchBytes || i == searchDocuments {
			p.to = d.Index
			return nil
		}
		words, err := service.SearchText(ctx, tx, &d.Document)
		if err != nil {
			return err
		}
		for _, w := range words {
			size += len(w) + 1
		}
		p.documents = append(p.documents, service.DocumentWords{Org: d.Org, ID: d.ID, Words: words})
	}
	return nil
}
