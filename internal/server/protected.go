package server

import (
	"context"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// endingPage is how many documents are read at once.
const endingPage = 200

// Ending is a signed file whose protection runs out, or lacks something.
type Ending struct {
	Org      string    `json:"organisation"`
	Document string    `json:"document_id"`
	Title    string    `json:"title"`
	Version  int       `json:"version"`
	Level    string    `json:"level,omitempty"` // "": not measured yet
	Wanted   string    `json:"wanted_level"`
	Until    time.Time `json:"protected_until,omitzero"`
	Because  string    `json:"because,omitempty"`
	Lacking  string    `json:"lacking,omitempty"` // the code
	Reason   string    `json:"reason,omitempty"`
	NextAt   time.Time `json:"next_at,omitzero"`
}

// LookEnding hands to each, organisation by organisation, the signed files whose
// protection runs out before a time, or lacks something for the level that is
// wanted, and gives how many signed files there are. It changes nothing.
func LookEnding(ctx context.Context, c *config.Config, before time.Time, each func(Ending)) (files int64, err error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "doctor"})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var orgs []string
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		counts, err := tx.ProtectionReport(ctx, "", nil, clock.System{}.Now())
		if err != nil {
			return err
		}
		files, orgs = 0, nil
		for _, n := range counts {
			files += n.Files
		}
		all, err := tx.Organisations(ctx)
		for _, o := range all {
			orgs = append(orgs, o.ID)
		}
		return err
	})
	for _, org := range orgs {
		for _, f := range []service.DocumentFilter{{Org: org, ProtectedUntil: before}, {Org: org, ProtectionDelayed: true}} {
			if err == nil {
				err = lookEnding(ctx, db, f, before, each)
			}
		}
	}
	return files, err
}

// lookEnding goes through the documents of a filter, page by page.
func lookEnding(ctx context.Context, db *store.Store, f service.DocumentFilter, before time.Time, each func(Ending)) error {
	f.Limit = endingPage
	for {
		var page []Ending
		var last string
		var more bool
		err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
			page = nil
			found, err := tx.Documents(ctx, f)
			if err != nil {
				return err
			}
			more = len(found) == f.Limit
			for _, d := range found {
				last = d.ID
				lines, err := tx.Protections(ctx, d.Org, d.ID)
				if err != nil {
					return err
				}
				for _, l := range lines {
					ends := !l.Until.IsZero() && l.Until.Before(before)
					if f.ProtectionDelayed && (ends || l.Code == "") || !f.ProtectionDelayed && !ends {
						continue // told by the other filter, or not of interest
					}
					page = append(page, endingOf(&d, &l))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, one := range page {
			each(one)
		}
		if !more {
			return nil
		}
		f.Before = last
	}
}

func endingOf(d *document.Document, l *document.Protection) Ending {
	return Ending{Org: d.Org, Document: d.ID, Title: d.Title, Version: l.Version, Level: string(l.Level), Wanted: string(l.Wanted),
		Until: l.Until, Because: l.Because, Lacking: l.Code, Reason: l.Reason, NextAt: l.DueAt}
}
