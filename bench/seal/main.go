// Command seal measures signing PDF files beside the libraries that others use
// for it, in one run: every contender is warm and in its own process, gets the
// same file, the same P-256 key and chain, the same timestamp authority on the
// loopback interface, and signs from memory to memory.
//
//	sh bench/seal/setup.sh                      # pyHanko, LibPDF, @signpdf and PDFBox, once
//	go run ./bench/seal -quick                  # small files only
//	go run ./bench/seal -out bench/seal/RESULTS.md
//	go run ./bench/seal -verify bin/paraph      # how long paraph verify takes
//
// What each contender made last is verified. It prints figures and never fails
// because of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

type options struct {
	seconds float64
	rounds  int
	only    string
	quick   bool
	out     string
	tools   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/seal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("seal", flag.ExitOnError)
	fs.Float64Var(&o.seconds, "seconds", 2, "for each contender, file and level, in each round")
	fs.IntVar(&o.rounds, "rounds", 3, "of all contenders, one after the other")
	fs.StringVar(&o.only, "only", "", "peers whose name contains this; \"none\" for none")
	fs.BoolVar(&o.quick, "quick", false, "only the small files, for a short time")
	fs.StringVar(&o.out, "out", "", "file for the results; they are printed too")
	fs.StringVar(&o.tools, "tools", "", "folder that setup.sh filled; empty: the user's cache")
	verify := fs.String("verify", "", "only measure verifying, with this program (paraph), a signed file of 70 scanned pages")
	memory := fs.String("memory", "", "only sign this file from disk to nowhere, and tell the memory it took (used by the bench itself)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *memory != "" {
		return memoryChild(ctx, *memory)
	}
	if o.quick {
		o.seconds, o.rounds = 0.3, 1
	}
	if o.tools == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		o.tools = filepath.Join(cache, "paraph-bench", "seal")
	}
	dir, err := os.MkdirTemp("", "bench-seal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	defer w.close()
	if *verify != "" {
		return measureVerify(ctx, w, *verify, dir)
	}
	list, err := makeInputs(dir, o.quick)
	if err != nil {
		return err
	}
	contenders, missing := contenders(ctx, w, o)
	defer func() {
		for _, c := range contenders {
			c.close()
		}
	}()
	results := newResults(contenders, missing)
	for round := range o.rounds {
		for _, in := range list {
			for _, level := range levels {
				results.floor(ctx, w, in, level, o)
				for _, c := range contenders {
					fmt.Fprintf(os.Stderr, "round %d: %s, %s, %s\n", round+1, in.name, level, c.name())
					order := orderFor(in, level, o, dir)
					results.add(ctx, w, in, level, c, c.measure(order), order.Keep)
				}
			}
		}
	}
	for _, in := range list {
		if in.size > 10<<20 {
			if err := results.memory(ctx, in); err != nil {
				return err
			}
		}
	}
	text := results.text(list, time.Now())
	fmt.Print(text)
	if o.out != "" {
		return os.WriteFile(o.out, []byte(text), 0o644)
	}
	return nil
}

// order is one measurement, as the peers read it.
type order struct {
	Path    string  `json:"path"`
	Level   string  `json:"level"`
	Seconds float64 `json:"seconds"`
	Warm    int     `json:"warm"`
	Least   int     `json:"least"`
	Most    int     `json:"most"`
	Keep    string  `json:"keep,omitempty"` // where the last result is written
}

func orderFor(in input, level string, o options, dir string) order {
	r := order{Path: in.path, Level: level, Seconds: o.seconds, Warm: 30, Least: 5, Most: 5000, Keep: filepath.Join(dir, "made.pdf")}
	switch {
	case in.size > 100<<20:
		r.Warm, r.Least = 0, 1
	case in.size > 10<<20:
		r.Warm, r.Least = 1, 3
	}
	if o.quick {
		r.Warm = min(r.Warm, 10)
	}
	return r
}

// levels are measured; a contender that has one not says so.
var levels = []string{"B-B", "B-T", "B-LTA"}

// contender signs what an order asks for.
type contender interface {
	name() string
	about() string
	measure(order) result
	close()
}

// result is what a contender answers; times are in microseconds.
type result struct {
	Times []float64 `json:"times"`
	Size  int64     `json:"size"`
	Peak  float64   `json:"peak"` // of its process so far, in MB
	Error string    `json:"error"`
}

func contenders(ctx context.Context, w *world, o options) (list []contender, missing []string) {
	list = append(list, &ours{ctx: ctx, w: w})
	for _, p := range peers(o.tools) {
		if o.only == "none" || o.only != "" && !strings.Contains(strings.ToLower(p.label), strings.ToLower(o.only)) {
			continue
		}
		if err := p.start(ctx, w); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", p.label, err))
			continue
		}
		list = append(list, p)
	}
	return list, missing
}
