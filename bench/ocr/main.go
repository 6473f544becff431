// Command ocr measures recognition: Paraph's whole job, from a scanned PDF to
// a searchable one with word boxes, beside plain Tesseract and OCRmyPDF, in one
// run, interleaved, on generated A4 scans and on real receipts.
//
//	go run ./bench/ocr -quick            # 4 scans, Paraph and Tesseract only
//	go run ./bench/ocr -out RESULTS.md   # everything
//
// It prints and writes figures and never fails because of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/paraph/paraph/internal/sandbox/childmain"
)

type options struct {
	pages, rounds, workers int
	seed                   uint64
	receipts, half, out    string
	only, work, pypi       string
	texts                  string
	quick, details         bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/ocr:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	flag.IntVar(&o.pages, "pages", 20, "generated scans; 0 leaves them out")
	flag.IntVar(&o.rounds, "rounds", 3, "interleaved runs of the fast contenders; the slow ones run once")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "processes at once, for every contender")
	flag.Uint64Var(&o.seed, "seed", 1, "of the generated scans")
	flag.StringVar(&o.receipts, "receipts", defaultReceipts(), "folder with img, box and key; empty leaves them out")
	flag.StringVar(&o.half, "half", "", "receipts: even or odd, by place in the list; empty: all")
	flag.StringVar(&o.out, "out", "", "write the tables to this Markdown file, too")
	flag.StringVar(&o.only, "only", "", "run only contenders whose name contains one of these, parted by semicolons")
	flag.StringVar(&o.work, "work", filepath.Join(cacheDir(), "ocr"), "folder for inputs and outputs")
	flag.StringVar(&o.pypi, "pypi", filepath.Join(cacheDir(), "ocrmypdf", "bin", "ocrmypdf"), "OCRmyPDF from PyPI; see bench/ocr/setup.sh")
	flag.BoolVar(&o.quick, "quick", false, "4 scans, one round, Paraph and Tesseract only")
	flag.StringVar(&o.texts, "texts", "", "write what was read to this folder")
	flag.BoolVar(&o.details, "details", false, "print every page's score")
	flag.Parse()
	if o.quick {
		o.pages, o.rounds, o.receipts = 4, 1, ""
		if o.only == "" {
			o.only = "Paraph;Tesseract"
		}
	}
	return o
}

func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "paraph-bench")
}

// defaultReceipts is the folder of samples that may lie beside the repository.
func defaultReceipts() string {
	dir := filepath.Join("..", "shared", "data", "receipts")
	if info, err := os.Stat(filepath.Join(dir, "img")); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

func (o *options) wanted(name string) bool {
	if o.only == "" {
		return true
	}
	for _, part := range strings.Split(o.only, ";") {
		if strings.Contains(strings.ToLower(name), strings.ToLower(strings.TrimSpace(part))) {
			return true
		}
	}
	return false
}

func run(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.work, 0o700); err != nil {
		return err
	}
	var sets []*set
	if o.pages > 0 {
		made, err := scanSet(o)
		if err != nil {
			return err
		}
		sets = append(sets, made)
	}
	if o.receipts != "" {
		made, err := receiptSet(o)
		if err != nil {
			return err
		}
		sets = append(sets, made)
	} else if !o.quick {
		fmt.Println("The receipts are not there; that part is left out.")
	}
	if err := warm(o); err != nil {
		return err
	}
	report := heading(ctx, o)
	save := func(text string) error { // after every run: the whole takes long
		if o.out == "" {
			return nil
		}
		return os.WriteFile(o.out, []byte(text), 0o644)
	}
	for _, s := range sets {
		rows, err := measure(ctx, o, s, func(rows []*row) error { return save(report + table(s, rows)) })
		if err != nil {
			return err
		}
		report += table(s, rows)
	}
	fmt.Println(report)
	return save(report)
}
