package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// row is what became of one contender on one set.
type row struct {
	name          string
	walls, cpus   []float64 // seconds, a run
	all           score
	classes       map[string]*score
	totals, dates [2]int // right, by half
	pages         [2]int
	failed        error
}

func measure(ctx context.Context, o options, s *set, progress func([]*row) error) ([]*row, error) {
	list := contenders(o)
	rows := make([]*row, len(list))
	for round := range o.rounds {
		for i, c := range list {
			if round > 0 && (!c.fast || s.receipts || rows[i].failed != nil) {
				continue
			}
			fmt.Printf("%s: %s, run %d\n", s.name, c.name, round+1)
			dir, err := os.MkdirTemp(o.work, "run")
			if err != nil {
				return nil, err
			}
			cpu, start := cpuSeconds(), time.Now()
			texts, err := c.run(ctx, s, dir)
			wall := time.Since(start).Seconds()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			cpu = cpuSeconds() - cpu
			if removed := os.RemoveAll(dir); removed != nil {
				return nil, removed
			}
			if rows[i] == nil {
				rows[i] = &row{name: c.name, failed: err}
				if err == nil {
					rows[i].judge(o, s, texts)
				} else {
					fmt.Println("  failed:", err)
				}
			}
			rows[i].walls, rows[i].cpus = append(rows[i].walls, wall), append(rows[i].cpus, cpu)
			fmt.Printf("  wall %.1f s, CPU %.1f s, CER %.2f %%, missed %.2f %%\n", wall, cpu, rows[i].all.cer(), rows[i].all.lost())
			if err := progress(rows); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// cpuSeconds is the processor time of this process and of all it waited for.
func cpuSeconds() float64 {
	sum := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if syscall.Getrusage(who, &usage) == nil {
			sum += float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
		}
	}
	return sum
}

func (r *row) judge(o options, s *set, texts []string) {
	r.classes = map[string]*score{}
	for i, page := range s.pages {
		if r.classes[page.class] == nil {
			r.classes[page.class] = &score{}
		}
		var own score
		own.add(page.truth, texts[i], s.receipts)
		r.all.sum(own)
		r.classes[page.class].sum(own)
		half := 0
		if page.second {
			half = 1
		}
		r.pages[half]++
		total, date := hasTotal(texts[i], page.total), hasDate(texts[i], page.date)
		if total {
			r.totals[half]++
		}
		if date {
			r.dates[half]++
		}
		if o.texts != "" {
			if err := os.WriteFile(filepath.Join(o.texts, fmt.Sprintf("%s-%s.txt", page.name, strings.Fields(strings.ReplaceAll(r.name, ",", ""))[0])), []byte(texts[i]), 0o644); err != nil {
				fmt.Println("  not written:", err)
			}
		}
		if o.details {
			fmt.Printf("  %s %s: CER %.2f missed %.2f total %q %v date %q %v\n", page.name, page.class, own.cer(), own.lost(), page.total, total, page.date, date)
		}
	}
}

func (s *score) sum(other score) {
	s.edits, s.letters = s.edits+other.edits, s.letters+other.letters
	s.missed, s.words = s.missed+other.missed, s.words+other.words
}

func decode(path string) (image.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jpeg.Decode(bufio.NewReader(file))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func heading(ctx context.Context, o options) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Recognition: Paraph beside Tesseract and OCRmyPDF\n\n")
	fmt.Fprintf(&out, "Written by `go run ./bench/ocr`: medians of interleaved runs on %d cores, spread in brackets, load at the start %s.\n", runtime.NumCPU(), load())
	fmt.Fprintf(&out, "Versions: %s; Tesseract %s; OCRmyPDF %s (Debian), %s (PyPI); Ghostscript %s.\n\n", runtime.Version(),
		strings.TrimPrefix(version(ctx, "tesseract"), "tesseract "), version(ctx, "ocrmypdf"), version(ctx, o.pypi), version(ctx, "gs"))
	return out.String()
}

func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:2], " and ") + " (1 and 5 minutes)"
}

func version(ctx context.Context, command string) string {
	out, err := exec.CommandContext(ctx, command, "--version").CombinedOutput()
	if err != nil {
		return "not installed"
	}
	first, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(first))
}

// table shows a set's rows and how they compare with Paraph's.
func table(s *set, rows []*row) string {
	var out strings.Builder
	fmt.Fprintf(&out, "## %s\n\n", strings.ToUpper(s.name[:1])+s.name[1:])
	if s.receipts {
		out.WriteString(receiptRule)
		out.WriteString("| contender | pages/min | wall s | CPU s | total readable % (first / second half) | date readable % (first / second half) | CER % | missed words % | Paraph is faster by, wall (CPU) |\n|---|---|---|---|---|---|---|---|---|\n")
	} else {
		out.WriteString("| contender | pages/min | wall s | CPU s | CER % | missed words % | Paraph is faster by, wall (CPU) |\n|---|---|---|---|---|---|---|\n")
	}
	ours, oursCPU := 0.0, 0.0
	rows = slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return r == nil }) // not run yet
	for _, r := range rows {
		if r.failed == nil && ours == 0 && strings.HasPrefix(r.name, "Paraph, PDF") {
			ours, oursCPU = median(r.walls), median(r.cpus)
		}
	}
	for _, r := range rows {
		if r.failed != nil {
			fmt.Fprintf(&out, "| %s | failed: %s |\n", r.name, strings.ReplaceAll(strings.TrimSpace(r.failed.Error()), "\n", " "))
			continue
		}
		wall := median(r.walls)
		faster := "-"
		if ours > 0 {
			faster = fmt.Sprintf("%.2f (%.2f)", wall/ours, median(r.cpus)/oursCPU)
		}
		fmt.Fprintf(&out, "| %s | %.0f | %s | %.1f ", r.name, 60*float64(len(s.pages))/wall, spread(r.walls), median(r.cpus))
		if s.receipts {
			fmt.Fprintf(&out, "| %s | %s ", shares(r.totals, r.pages), shares(r.dates, r.pages))
		}
		fmt.Fprintf(&out, "| %.2f | %.2f | %s |\n", r.all.cer(), r.all.lost(), faster)
	}
	out.WriteByte('\n')
	if !s.receipts {
		out.WriteString(byClass(rows))
	}
	return out.String()
}

const receiptRule = "A total counts as readable when its digits with their decimal point stand in the text as a number of their own; currency and thousands separators do not matter. " +
	"A date counts when its printed form stands in the text with no further digit joined to it; case and spaces do not matter. " +
	"Truth is in capitals, so both sides are compared in capitals; the order of boxes is noise in the error rate. Rules were tuned on the first half (even places in the list) only.\n\n"

func spread(values []float64) string {
	if len(values) < 2 {
		return fmt.Sprintf("%.1f", median(values))
	}
	return fmt.Sprintf("%.1f (%.1f-%.1f)", median(values), slices.Min(values), slices.Max(values))
}

func shares(right, pages [2]int) string {
	share := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	return fmt.Sprintf("%.1f (%.1f / %.1f)", share(right[0]+right[1], pages[0]+pages[1]), share(right[0], pages[0]), share(right[1], pages[1]))
}

func byClass(rows []*row) string {
	var out strings.Builder
	classes := []string{"dense", "contract", "letter", "invoice"}
	out.WriteString("CER % by kind of page; extra letters on blank and near-blank pages:\n\n| contender | " + strings.Join(classes, " | ") + " | invented letters |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.failed != nil {
			continue
		}
		fmt.Fprintf(&out, "| %s ", r.name)
		for _, class := range classes {
			if s := r.classes[class]; s != nil {
				fmt.Fprintf(&out, "| %.2f ", s.cer())
			} else {
				out.WriteString("| - ")
			}
		}
		invented := 0
		for _, class := range []string{"blank", "near-blank"} {
			if s := r.classes[class]; s != nil {
				invented += s.edits
			}
		}
		fmt.Fprintf(&out, "| %d |\n", invented)
	}
	out.WriteByte('\n')
	return out.String()
}
