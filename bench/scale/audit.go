package main

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// spent is the CPU time this process has taken.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// audits re-reads a store as `paraph audit verify` does, in rounds, each beside
// the least it has to do: reading every entry twice (in the order of the log, and
// by document), and hashing what rests in memory already. The figures are CPU
// time of this process: a database server's own comes on top, and is the same.
func audits(ctx context.Context, o storeOptions, say io.Writer) error {
	c := config.Default()
	c.DataDir, c.Database = o.data, config.Secret(o.database)
	var rates, walls, read, hashed []float64
	var entries, peak int64
	for range o.rounds {
		before, started := spent(), time.Now()
		r, err := server.AuditStore(ctx, &c, server.AuditOptions{})
		if err != nil {
			return err
		}
		if !r.Sound {
			return fmt.Errorf("the store is not sound: %+v", r.Faults)
		}
		if entries = r.Entries; peak == 0 {
			peak = peakSelf()
		}
		rates = append(rates, float64(entries)/(spent()-before).Seconds())
		walls = append(walls, float64(entries)/time.Since(started).Seconds())
		readings, hashings, err := least(ctx, &c)
		if err != nil {
			return err
		}
		read, hashed = append(read, readings), append(hashed, hashings)
	}
	low, mid, high := spread(rates)
	_, wall, _ := spread(walls)
	_, reading, _ := spread(read)
	_, hashing, _ := spread(hashed)
	fmt.Fprintf(say, "audit of %d entries: %.0f a second; per second of CPU time %.0f (%.0f to %.0f, %d rounds); reading alone %.0f, hashing in memory alone %.0f, both %.0f: ratio %.2f; peak memory %d MB\n",
		entries, wall, mid, low, high, len(rates), reading, hashing, 1/(1/reading+1/hashing), mid*(1/reading+1/hashing), peak>>20)
	return nil
}

// sample is how many entries the least is measured with.
const sample = 200_000

// least gives entries per second of CPU time, for reading and for hashing alone.
func least(ctx context.Context, c *config.Config) (reading, hashing float64, err error) {
	db, err := store.Open(ctx, store.Options{URL: server.DatabaseURL(c), KeepSchema: true, Across: "bench"})
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	err = db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		var all []journal.Entry
		before := spent()
		for from := int64(0); from < sample; from += 1000 {
			part, err := tx.EntriesFrom(ctx, from, 1000)
			if err != nil {
				return err
			}
			all = append(all, part...)
		}
		var documents []string
		for i := range all {
			if all[i].DocSeq == 1 {
				documents = append(documents, all[i].DocumentID)
			}
		}
		for from := 0; from < len(documents); from += 200 {
			if _, err := tx.Chains(ctx, documents[from:min(from+200, len(documents))]); err != nil {
				return err
			}
		}
		reading = float64(len(all)) / (spent() - before).Seconds()
		before = spent()
		var tree journal.Tree
		for i := range all {
			if err := journal.Check(&all[i]); err != nil {
				return err
			}
		}
		leaves := make([][]byte, len(all))
		for i := range all {
			leaves[i] = all[i].Leaf
		}
		tree.Append(leaves...)
		hashing = float64(len(all)) / (spent() - before).Seconds()
		return nil
	})
	return reading, hashing, err
}

// peakSelf is the most memory this process has had, in bytes.
func peakSelf() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10
}
