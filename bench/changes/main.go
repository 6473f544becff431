// Command changes measures state changes: callers over HTTP, with access tokens
// and idempotency keys, drive documents through creation, submission, decision
// and withdrawal, on SQLite and on PostgreSQL; beside it, in pairs, the same rows
// are written to the same disk by a bare group commit in one process.
//
//	go run ./bench/changes                       # both stores, 1, 8 and 64 callers
//	go run ./bench/changes -stores sqlite -callers 64 -seconds 5
//
// It prints figures and never fails because of one. It refuses folders in memory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	stores, callers string
	seconds         float64
	rounds          int
	data, database  string // of a store that exists; empty: a new one for each run
	bin, profile    string
	out             string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.StringVar(&o.stores, "stores", "sqlite,postgres", "which stores")
	flag.StringVar(&o.callers, "callers", "1,8,64", "callers at once")
	flag.Float64Var(&o.seconds, "seconds", 8, "length of one run, after a warm-up of a quarter of it")
	flag.IntVar(&o.rounds, "rounds", 3, "pairs of runs")
	flag.StringVar(&o.data, "data", "", "folder of a store filled by bench/scale; its floor is left out")
	flag.StringVar(&o.database, "database", "", "postgres://… of that store")
	flag.StringVar(&o.bin, "program", "", "the program; empty: built from here")
	flag.StringVar(&o.out, "out", "", "write the table to this Markdown file, too")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/changes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp(".", ".changes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := onDisk(dir); err != nil {
		return err
	}
	if o.bin == "" {
		if o.bin, err = build(ctx, dir); err != nil {
			return err
		}
	}
	var table strings.Builder
	say := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		fmt.Print(line)
		table.WriteString(line)
	}
	say("%d cores, %s, %s\n\n", runtime.NumCPU(), memory(), time.Now().UTC().Format("2006-01-02"))
	say("| store | callers | changes/s | low–high | p50 ms | p95 ms | p99 ms | CPU µs: server | database | callers | bare rows/s | ratio | commit → checkpoint p50, p99 ms |\n")
	say("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, store := range strings.Split(o.stores, ",") {
		for _, n := range strings.Split(o.callers, ",") {
			callers, err := strconv.Atoi(n)
			if err != nil {
				return err
			}
			all, err := rounds(ctx, o, dir, store, callers)
			if err != nil {
				return fmt.Errorf("%s with %d callers: %w", store, callers, err)
			}
			say("%s\n", row(store, callers, all))
		}
	}
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte("# State changes\n\n"+table.String()), 0o644)
}

// row is one line of the table: the run in the middle, and the spread.
func row(store string, callers int, all []result) string {
	slices.SortFunc(all, func(a, b result) int { return int(a.rate() - b.rate()) })
	r := all[len(all)/2]
	var ratios []float64
	for _, one := range all {
		if one.floor > 0 {
			ratios = append(ratios, one.rate()/one.floor)
		}
	}
	bare, ratio := "–", "–"
	if len(ratios) > 0 {
		slices.Sort(ratios)
		bare = fmt.Sprintf("%.0f", r.floor)
		ratio = fmt.Sprintf("%.2f (%.2f–%.2f)", ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
	per := func(d time.Duration) string {
		return fmt.Sprintf("%.0f", float64(d.Microseconds())/float64(max(r.changes, 1)))
	}
	return fmt.Sprintf("| %s | %d | %.0f | %.0f–%.0f | %s | %s | %s | %s | %s | %s | %s | %s | %s, %s |", store, callers, r.rate(), all[0].rate(), all[len(all)-1].rate(),
		ms(r.at(0.50)), ms(r.at(0.95)), ms(r.at(0.99)), per(r.server), per(r.database), per(r.callers), bare, ratio, ms(r.lag50), ms(r.lag99))
}

// Magic numbers of file systems that keep nothing (statfs(2)).
const (
	tmpfsMagic = 0x01021994
	ramfsMagic = 0x858458f6
)

// onDisk refuses a folder that rests in memory: what syncs nothing measures nothing.
func onDisk(dir string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err
	}
	if fs.Type == tmpfsMagic || uint32(fs.Type) == ramfsMagic {
		return fmt.Errorf("%s rests in memory, not on a disk", dir)
	}
	return nil
}

func memory() string {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%d GiB", uint64(info.Totalram)*uint64(info.Unit)>>30)
}
