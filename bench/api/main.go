// Command api measures what callers wait for while a store grows: requests a second
// and their times, of reading one document, of lists by every filter, of searching the
// full text, and of documents made in batches.
//
//	go run ./bench/api                                   # 1 thousand, 100 thousand and a million documents, on both stores
//	go run ./bench/api -store sqlite -sizes 1000,100000 -keep DIR
//
// The servers are the program as it is shipped, with authentication on, one for each
// size at once; they take turns, so that what else the machine does meets all of
// them. It prints figures and never fails because of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

type options struct {
	stores  []string
	sizes   []int
	keep    string
	only    string
	callers int
	rounds  int
	length  time.Duration
	out     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/api:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("api", flag.ExitOnError)
	stores := fs.String("store", "sqlite,postgres", "which stores")
	sizes := fs.String("sizes", "1000,100000,1000000", "documents, from small to large")
	fs.StringVar(&o.keep, "keep", "", "a folder in which filled stores are kept and found again; empty: a new one beside here, for once")
	fs.StringVar(&o.only, "only", "", "only what has this in its name")
	fs.IntVar(&o.callers, "callers", 4, "callers at once")
	fs.IntVar(&o.rounds, "rounds", 5, "turns of each size")
	fs.DurationVar(&o.length, "length", time.Second, "of each turn")
	fs.StringVar(&o.out, "out", "", "write the results into this file, too")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.stores = strings.Split(*stores, ",")
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			return fmt.Errorf("%q documents", s)
		}
		o.sizes = append(o.sizes, n)
	}
	slices.Sort(o.sizes)
	bin, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	filler := filepath.Join(filepath.Dir(bin), "scale")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", filler, "./bench/scale").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	r := &report{}
	r.head(o)
	for _, name := range o.stores {
		if err := measureStore(ctx, o, name, bin, filler, r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.out != "" {
		return os.WriteFile(o.out, []byte(r.text.String()), 0o644)
	}
	return nil
}

// measureStore fills a store of every size, and lets them take turns.
func measureStore(ctx context.Context, o options, name, bin, filler string, r *report) error {
	dir := o.keep
	if dir == "" {
		made, err := os.MkdirTemp(".", ".api-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made)
		dir = made
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := rig.OnDisk(dir); err != nil {
		return err
	}
	var pg *rig.Postgres
	if name == "postgres" {
		if pg, err = rig.StartPostgres(ctx, dir); err != nil {
			return err
		}
		defer pg.Stop()
		dir = filepath.Join(dir, name)
	}
	var all []*sized
	for _, n := range o.sizes {
		s := &sized{documents: n, data: filepath.Join(dir, fmt.Sprint("documents-", n)), pg: pg}
		if pg != nil {
			if s.database, err = pg.Create(ctx, s.name()); err != nil {
				return err
			}
		}
		if err := s.open(ctx, bin, filler); err != nil {
			return fmt.Errorf("%d documents: %w", n, err)
		}
		defer s.process.Stop()
		all = append(all, s)
	}
	r.table(name, o.sizes)
	for _, q := range questions {
		if !strings.Contains(q.name, o.only) {
			continue
		}
		turns := make([][]turn, len(all))
		for range o.rounds {
			for i, s := range all {
				t, err := s.turn(ctx, q, o.callers, o.length)
				if err != nil {
					return fmt.Errorf("%s, %d documents: %w", q.name, s.documents, err)
				}
				turns[i] = append(turns[i], t)
			}
		}
		r.row(q.name, turns)
	}
	return nil
}
