package store

import (
	"database/sql"
	"time"
)

const (
	checkpointAfter = 400         // requests that have been committed
	checkpointEvery = time.Second // at the latest, where there were any
	// checkpointLimit is how long the log may grow, in pages of 4 KB, while it is
	// brought in beside the writer. Beyond, the writer brings in the rest.
	checkpointLimit = 16_000
)

// checkpointer brings SQLite's write-ahead log into the database file, on a
// connection of its own and beside the writer, who would otherwise stand still
// meanwhile. The writer begins the log anew once all of it is brought in; under
// load, when its end runs away, it helps to that itself.
type checkpointer struct {
	w    *writer
	db   *sql.DB
	sick bool // the last one failed, and the log says so
}

func newCheckpointer(w *writer, path string) (*checkpointer, error) {
	db, err := sql.Open("sqlite", sqliteURL(path, "rw", "wal_autocheckpoint(0)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &checkpointer{w: w, db: db}, nil
}

// run works until the writer has ended.
func (c *checkpointer) run() {
	defer c.db.Close()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.w.ended:
			return
		case <-c.w.enough:
		case <-tick.C:
			if c.w.committed.Load() == 0 {
				continue
			}
		}
		c.w.committed.Store(0)
		c.step()
	}
}

func (c *checkpointer) step() {
	pages, err := passive(c.db)
	if err == nil && pages > checkpointLimit {
		c.w.catchUp.Store(true)
	}
	if err != nil && !c.sick {
		c.w.log.Warn("SQLite's write-ahead log could not be brought into the database file; it grows until it can", "error", err)
	}
	c.sick = err != nil
}

// passive brings in what it can without waiting for anybody, and gives the pages
// that the log holds.
func passive(db *sql.DB) (pages int64, err error) {
	var busy, done int64
	err = db.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done)
	return pages, err
}
