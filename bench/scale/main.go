// Command scale measures what grows with a store: it fills one with a million
// documents and ten million journal entries, and tells how long a start takes,
// how much memory an idle server keeps, and how fast a big file is taken in.
//
//	go run ./bench/scale load -data DIR                 # fill a store (SQLite; -database for PostgreSQL)
//	go run ./bench/scale start -data DIR                # time from exec to ready
//	go run ./bench/scale idle                           # memory of all processes, 60 s after one document
//	go run ./bench/scale upload                         # 1 GB, beside hashing and encrypting alone
//	go run ./bench/scale audit -data DIR                # entries a second of `paraph audit verify`
//
// It prints figures and never fails because of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say what: load, start, idle, upload or audit")
	}
	fs := flag.NewFlagSet(args[0], flag.ExitOnError)
	var l loadOptions
	var o storeOptions
	measure := map[string]func(context.Context, storeOptions, io.Writer) error{"start": starts, "idle": idle, "upload": uploads, "audit": audits}[args[0]]
	switch {
	case args[0] == "load":
		fs.IntVar(&l.documents, "documents", 1_000_000, "documents")
		fs.IntVar(&l.entries, "entries", 10, "journal entries of each document, at least 6")
		fs.Uint64Var(&l.seed, "seed", 1, "of everything")
		fs.BoolVar(&l.unindexed, "unindexed", false, "leave the full-text index empty")
	case measure != nil:
		fs.IntVar(&o.rounds, "rounds", 5, "repetitions")
		fs.Int64Var(&o.size, "size", 1<<30, "bytes of the file")
		fs.DurationVar(&o.wait, "wait", time.Minute, "quiet time before memory is read")
	default:
		return fmt.Errorf("there is no %q", args[0])
	}
	fs.StringVar(&o.data, "data", "", "the folder of the store; empty: a new one beside here")
	fs.StringVar(&o.database, "database", "", "postgres://… ; empty: SQLite in the folder")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if o.data == "" {
		dir, err := os.MkdirTemp(".", ".scale-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.data = dir
	}
	if err := rig.OnDisk(o.data); err != nil {
		return err
	}
	if measure != nil {
		return measure(ctx, o, os.Stdout)
	}
	l.data, l.database = o.data, o.database
	return load(ctx, l, os.Stdout)
}
