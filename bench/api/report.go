package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report gathers what is printed.
type report struct{ text strings.Builder }

func (r *report) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	fmt.Print(line)
	r.text.WriteString(line)
}

func (r *report) head(o options) {
	load := "unknown"
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(raw), " ")
	}
	r.say("# The API over stores of %s documents\n", strings.Join(thousands(o.sizes), ", "))
	r.say("Measured by `make bench-api` on a machine with %d cores, which servers, database and %d callers share. Load of the machine at the start: %s. The servers of all sizes run at once and take turns: %d turns of %s each, medians with the lowest and the highest. A page has 20 documents. Times are milliseconds at half and at 99 of a hundred requests. The last column is how many times as fast the smallest store is as the largest.",
		runtime.NumCPU(), o.callers, load, o.rounds, o.length)
}

func thousands(sizes []int) (out []string) {
	for _, n := range sizes {
		s := fmt.Sprint(n)
		for at := len(s) - 3; at > 0; at -= 3 {
			s = s[:at] + "," + s[at:]
		}
		out = append(out, s)
	}
	return out
}

func (r *report) table(store string, sizes []int) {
	r.say("\n## %s\n", store)
	line := "| |"
	for _, n := range thousands(sizes) {
		line += fmt.Sprintf(" %s: requests/s | p50 / p99 ms | items |", n)
	}
	r.say("%s times |", line)
	r.say("|%s", strings.Repeat("---|", 3*len(sizes)+2))
}

func (r *report) row(name string, turns [][]turn) {
	line := "| " + name + " |"
	for _, all := range turns {
		low, mid, high := spread(all, func(t turn) float64 { return t.rate })
		_, p50, _ := spread(all, func(t turn) float64 { return t.p50 })
		_, p99, _ := spread(all, func(t turn) float64 { return t.p99 })
		_, rows, _ := spread(all, func(t turn) float64 { return t.rows })
		line += fmt.Sprintf(" %.0f (%.0f–%.0f) | %.1f / %.1f | %.0f |", mid, low, high, p50, p99, rows)
	}
	first, last := turns[0], turns[len(turns)-1]
	var ratios []turn
	for i := range first {
		ratios = append(ratios, turn{rate: first[i].rate / last[i].rate})
	}
	low, mid, high := spread(ratios, func(t turn) float64 { return t.rate })
	r.say("%s %.2f (%.2f–%.2f) |", line, mid, low, high)
}

// spread is the lowest, the middle and the highest of some figures.
func spread(all []turn, of func(turn) float64) (low, mid, high float64) {
	var s []float64
	for _, t := range all {
		s = append(s, of(t))
	}
	slices.Sort(s)
	return s[0], s[len(s)/2], s[len(s)-1]
}

// quantile gives the value below which the part q of all values lies.
func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
