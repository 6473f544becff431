package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

type cell struct{ input, level, who string }

type results struct {
	who     []contender
	missing []string
	times   map[cell][]float64
	errors  map[cell]string
	peaks   map[string]float64
	wrong   []string
	disk    []string
}

func newResults(who []contender, missing []string) *results {
	return &results{who: who, missing: missing, times: map[cell][]float64{}, errors: map[cell]string{}, peaks: map[string]float64{}}
}

const theFloor = "floor"

func (r *results) floor(ctx context.Context, w *world, in input, level string, o options) {
	if level != levels[0] {
		return
	}
	got := floor(w, orderFor(in, level, o, ""))
	r.times[cell{in.name, level, theFloor}] = append(r.times[cell{in.name, level, theFloor}], got.Times...)
}

// add takes a result and verifies the file that was made last.
func (r *results) add(ctx context.Context, w *world, in input, level string, c contender, got result, made string) {
	at := cell{in.name, level, c.name()}
	r.peaks[c.name()] = max(r.peaks[c.name()], got.Peak)
	if got.Error != "" {
		r.errors[at] = got.Error
		return
	}
	if err := verified(ctx, w, made); err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("what %s made of %s at %s is not whole: %v", c.name(), in.name, level, err))
		return
	}
	r.times[at] = append(r.times[at], got.Times...)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// shown writes microseconds so that they can be read.
func shown(us float64) string {
	switch {
	case us == 0:
		return "–"
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 100_000:
		return fmt.Sprintf("%.2f ms", us/1000)
	case us < 1_000_000:
		return fmt.Sprintf("%.0f ms", us/1000)
	}
	return fmt.Sprintf("%.2f s", us/1e6)
}

// memory signs a large file in a process of its own.
func (r *results) memory(ctx context.Context, in input) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, self, "-memory", in.path).Output()
	if err != nil {
		return fmt.Errorf("measure the memory for %s: %w", in.name, err)
	}
	var hashing, signing, peak float64
	if _, err := fmt.Sscan(string(out), &hashing, &signing, &peak); err != nil {
		return err
	}
	r.disk = append(r.disk, fmt.Sprintf("| %s | %s | %s | %.0f %% | %.1f MB |", in.name, shown(hashing), shown(signing), 100*hashing/signing, peak))
	return nil
}

func (r *results) text(list []input, now time.Time) string {
	var b strings.Builder
	b.WriteString("# Signing beside other libraries\n\n")
	load, _ := os.ReadFile("/proc/loadavg") // only there on Linux
	fmt.Fprintf(&b, "%s, %d cores, load %s.\n\n", now.UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " "))
	for _, c := range r.who {
		fmt.Fprintf(&b, "- %s\n", c.about())
	}
	for _, m := range r.missing {
		fmt.Fprintf(&b, "- not measured: %s\n", m)
	}
	b.WriteString("\nMedians of all rounds, from memory to memory, P-256, one process each, warm. *Floor* is SHA-256 over the file and one P-256\nsignature, without any PDF. *Ahead* is the fastest peer's time over ours.\n\n| file | level | floor | ")
	for _, c := range r.who {
		b.WriteString(c.name() + " | ")
	}
	b.WriteString("ahead |\n|---|---|---|" + strings.Repeat("---|", len(r.who)+1) + "\n")
	for _, in := range list {
		for _, level := range levels {
			fmt.Fprintf(&b, "| %s | %s | %s |", in.name, level, shown(median(r.times[cell{in.name, level, theFloor}])))
			own, best := 0.0, 0.0
			for i, c := range r.who {
				at := cell{in.name, level, c.name()}
				v := median(r.times[at])
				switch {
				case i == 0:
					own = v
				case v > 0 && (best == 0 || v < best):
					best = v
				}
				text := shown(v)
				if e := r.errors[at]; v == 0 && e != "" {
					if text = "fails"; strings.HasSuffix(e, "n/a") {
						text = "n/a"
					}
				}
				fmt.Fprintf(&b, " %s |", text)
			}
			ahead := "–"
			if own > 0 && best > 0 {
				ahead = fmt.Sprintf("%.1f×", best/own)
			}
			fmt.Fprintf(&b, " %s |\n", ahead)
		}
	}
	r.notes(&b)
	return b.String()
}

func (r *results) notes(b *strings.Builder) {
	if len(r.disk) > 0 {
		b.WriteString("\nFrom a file on disk (in the page cache) to nowhere, B-B, in a process of its own: SHA-256 alone beside signing, and the most\nmemory the process took, program and all.\n\n| file | SHA-256 | pades | speed of SHA-256 | memory |\n|---|---|---|---|---|\n")
		b.WriteString(strings.Join(r.disk, "\n") + "\n")
	}
	b.WriteString("\nMost memory of the peers' processes:")
	for _, c := range r.who[1:] {
		fmt.Fprintf(b, " %s %.0f MB;", c.name(), r.peaks[c.name()])
	}
	b.WriteString("\n")
	var failed []string
	for at, e := range r.errors {
		if !strings.HasSuffix(e, "n/a") {
			failed = append(failed, fmt.Sprintf("- %s, %s, %s: %s\n", at.input, at.level, at.who, e))
		}
	}
	slices.Sort(failed)
	if len(failed) > 0 {
		b.WriteString("\nWhat failed:\n\n" + strings.Join(failed, ""))
	}
	for _, w := range r.wrong {
		b.WriteString("\n- " + w + "\n")
	}
}
