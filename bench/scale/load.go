package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
)

// loader writes rows past the product's own commands: a million documents
// through them would take an hour. What it writes is checked afterwards by
// `paraph audit verify`, like any store.
type loader interface {
	write(ctx context.Context, t table) error
	// finish moves the log's head and the dispatcher's place to size, makes what triggers
	// would have made and the indexes, and makes everything last.
	finish(ctx context.Context, size int64, root []byte) error
	close() error
}

type loadOptions struct {
	data, database string
	documents      int
	entries        int // of each document
	seed           uint64
	unindexed      bool // whoever loads makes the full-text index
}

// admin is the first administrator's credential, for whoever measures the store.
type admin struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// blockDocuments is how many documents are made at a time.
const blockDocuments = 1000

// load fills an empty store, and lets the product make its full-text index of it.
func load(ctx context.Context, o loadOptions, say io.Writer) error {
	started := time.Now()
	entries, err := fill(ctx, o, say, started)
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "%d documents and %d entries in %.0f s\n", o.documents, entries, time.Since(started).Seconds())
	if o.unindexed {
		return nil
	}
	c := o.config()
	if err := server.Reindex(ctx, &c, slog.New(slog.DiscardHandler)); err != nil {
		return fmt.Errorf("index them: %w", err)
	}
	fmt.Fprintf(say, "indexed after %.0f s\n", time.Since(started).Seconds())
	return nil
}

func (o loadOptions) config() config.Config {
	c := config.Default()
	c.DataDir, c.Database, c.Listen = o.data, config.Secret(o.database), "127.0.0.1:0"
	return c
}

// fill writes the rows, and gives how many entries the log has.
func fill(ctx context.Context, o loadOptions, say io.Writer, started time.Time) (int64, error) {
	signer, tree, at, err := begin(ctx, o)
	if err != nil {
		return 0, err
	}
	db, err := open(ctx, o)
	if err != nil {
		return 0, err
	}
	defer db.close()
	s := newScribe(o.seed, at, o.entries, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	g := &log{signer: signer, tree: tree}
	blocks := make(chan *block, 4)
	work, busy := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(blocks)
		for from := 0; from < o.documents; from += blockDocuments {
			b, err := s.write(busy, g, from, min(from+blockDocuments, o.documents))
			if err != nil {
				return err
			}
			select {
			case blocks <- b:
			case <-busy.Done():
				return busy.Err()
			}
		}
		return nil
	})
	work.Go(func() error {
		entries := 0
		for b := range blocks {
			for _, t := range b.tables {
				if err := db.write(busy, t); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
			if entries += b.entries; entries%1_000_000 < b.entries {
				fmt.Fprintf(say, "%d entries, %.0f s\n", entries, time.Since(started).Seconds())
			}
		}
		return nil
	})
	if err := work.Wait(); err != nil {
		return 0, err
	}
	head := g.tree.Head()
	return head.Size, db.finish(ctx, head.Size, head.Root[:])
}

// begin lets the product make its folder, its keys and its first client, and
// what the documents belong to.
func begin(ctx context.Context, o loadOptions) (*journal.Signer, journal.Tree, places, error) {
	c := o.config()
	srv, err := server.New(ctx, &c, server.Options{Version: "bench", Log: slog.New(slog.DiscardHandler), ChildArgv: []string{"/nowhere"}})
	if err != nil {
		return nil, journal.Tree{}, places{}, err
	}
	defer srv.Stop(context.WithoutCancel(ctx))
	if srv.Admin == nil {
		return nil, journal.Tree{}, places{}, fmt.Errorf("%s is not empty", o.data)
	}
	raw, err := json.Marshal(admin{srv.Admin.Client.ID, srv.Admin.Secret})
	if err != nil {
		return nil, journal.Tree{}, places{}, err
	}
	if err := os.WriteFile(filepath.Join(o.data, "bench-admin.json"), raw, 0o600); err != nil {
		return nil, journal.Tree{}, places{}, err
	}
	// On PostgreSQL the first entries are numbered by the running sequencer.
	if err := srv.Start(ctx); err != nil {
		return nil, journal.Tree{}, places{}, err
	}
	at := places{org: srv.Admin.Client.Org, units: []string{"general"}, types: []string{"document"}}
	for n := range 40 {
		at.people = append(at.people, fmt.Sprintf("person%d@bench.example", n))
	}
	if at.keys, err = keysOf(ctx, srv, at.org, at.units); err != nil {
		return nil, journal.Tree{}, at, err
	}
	var tree journal.Tree
	err = numbered(ctx, srv.Store, func(ctx context.Context, tx service.Reader, head service.LogHead) (err error) {
		tree, err = journal.LoadTree(head.Size, service.HashesOf(ctx, tx))
		return err
	})
	if err != nil {
		return nil, tree, at, err
	}
	signer, err := server.LogSigner(ctx, srv.Store, &c, clock.System{})
	return signer, tree, at, err
}

// numbered waits until no entry waits for its number, and looks then.
func numbered(ctx context.Context, db service.Store, look func(context.Context, service.Reader, service.LogHead) error) error {
	wake, cancel := db.Subscribe(service.TopicJournal)
	defer cancel()
	for {
		waiting := false
		err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			f, err := tx.Figures(ctx)
			if err != nil {
				return err
			}
			if waiting = f.Unnumbered > 0; waiting {
				return nil
			}
			head, err := tx.LogHead(ctx)
			if err != nil {
				return err
			}
			return look(ctx, tx, head)
		})
		if err != nil || !waiting {
			return err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
