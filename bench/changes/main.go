// Command changes measures state changes: how many a second a server takes over
// HTTP, how long each takes, what it costs in CPU time, and how that stands
// beside writing the same rows in groups without a server.
//
//	go run ./bench/changes                      # SQLite and PostgreSQL, each in a new folder
//	go run ./bench/changes -store sqlite -data DIR -callers 64
//
// The server is the program as it is shipped, in a process of its own, with
// authentication on. The mix is 40 % create (a body of 4 KB), 20 % submit, 30 %
// decide, 10 % void, over distinct documents. It prints figures and never fails
// because of one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/paraph/paraph/bench/rig"
)

type options struct {
	stores   []string
	data     string // folder of an existing store, for one store only
	database string
	bin      string // a built program; empty: it is built
	callers  []int
	rounds   int
	length   time.Duration
	warm     time.Duration
	floor    bool
	out      string
	profile  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/changes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("changes", flag.ExitOnError)
	stores := fs.String("store", "sqlite,postgres", "which stores")
	callers := fs.String("callers", "1,8,64", "how many callers at once")
	fs.StringVar(&o.data, "data", "", "folder of a store filled by bench/scale; empty: a new one beside here")
	fs.StringVar(&o.database, "database", "", "postgres://… of that store; empty: a server of its own")
	fs.StringVar(&o.bin, "bin", "", "the program; empty: it is built")
	fs.IntVar(&o.rounds, "rounds", 3, "pairs of server and floor")
	fs.DurationVar(&o.length, "length", 5*time.Second, "of each measurement")
	fs.DurationVar(&o.warm, "warm", 3*time.Second, "load before the first measurement")
	fs.BoolVar(&o.floor, "floor", true, "measure the floor beside it")
	fs.StringVar(&o.profile, "profile", "", "run the server in this process and write its CPU profile there; the figures are then of both")
	fs.StringVar(&o.out, "out", "", "write the results into this file, too")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o.stores = strings.Split(*stores, ",")
	for c := range strings.SplitSeq(*callers, ",") {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return fmt.Errorf("%q callers", c)
		}
		o.callers = append(o.callers, n)
	}
	if o.bin == "" {
		bin, err := rig.Build(ctx)
		if err != nil {
			return err
		}
		defer os.RemoveAll(filepath.Dir(bin))
		o.bin = bin
	}
	r := &report{}
	r.head(o)
	for _, name := range o.stores {
		if err := measureStore(ctx, o, name, r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.out != "" {
		return os.WriteFile(o.out, []byte(r.text.String()), 0o644)
	}
	return nil
}

// measureStore starts a server on a store and measures it with every number of callers.
func measureStore(ctx context.Context, o options, name string, r *report) error {
	dir, err := os.MkdirTemp(".", ".changes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := rig.OnDisk(dir); err != nil {
		return err
	}
	place := storePlace{data: filepath.Join(dir, "data"), floor: filepath.Join(dir, "floor.db")}
	if o.data != "" {
		place.data = o.data
		if err := rig.OnDisk(o.data); err != nil {
			return err
		}
	}
	if name == "postgres" {
		if o.database != "" {
			place.database = o.database
		} else {
			pg, err := rig.StartPostgres(ctx, dir)
			if err != nil {
				return err
			}
			defer pg.Stop()
			place.cluster = pg
			for name, url := range map[string]*string{"paraph": &place.database, "floor": &place.under} {
				if *url, err = pg.Create(ctx, name); err != nil {
					return err
				}
			}
		}
	}
	p, err := start(ctx, o, place)
	if err != nil {
		return err
	}
	defer p.stop()
	var bottom *floor
	if o.floor {
		if bottom, err = newFloor(ctx, name, place); err != nil {
			return err
		}
		defer bottom.close()
	}
	if _, err := load(ctx, p, place, max(o.callers[len(o.callers)-1], 8), o.warm); err != nil {
		return err
	}
	if err := settle(ctx, p, place); err != nil {
		return err
	}
	for _, callers := range o.callers {
		var pairs []pair
		for range o.rounds {
			got, err := load(ctx, p, place, callers, o.length)
			if err != nil {
				return err
			}
			if o.floor {
				if got.floor, err = bottom.run(ctx, callers, o.length); err != nil {
					return err
				}
			}
			pairs = append(pairs, got)
		}
		r.row(name, callers, pairs)
	}
	return nil
}

// settle waits for what a server does only once in its life: preparing the PDF
// engine, and the database's first look at tables that were empty when it planned.
func settle(ctx context.Context, s *server, at storePlace) error {
	if at.database != "" {
		c, err := pgx.Connect(ctx, at.database)
		if err != nil {
			return err
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, "VACUUM ANALYZE"); err != nil {
			return err
		}
	}
	for range 60 {
		before := s.cpu() + at.cluster.CPU()
		time.Sleep(time.Second)
		if s.cpu()+at.cluster.CPU()-before < 100*time.Millisecond {
			return nil
		}
	}
	return nil
}

func start(ctx context.Context, o options, at storePlace) (*server, error) {
	if o.profile != "" {
		return serveHere(ctx, o.bin, at, o.profile)
	}
	return serve(ctx, o.bin, at)
}

// storePlace is where a store rests.
type storePlace struct {
	data, database string
	floor          string // the floor's file on SQLite
	under          string // its database on PostgreSQL
	cluster        *rig.Postgres
}

// report gathers what is printed.
type report struct{ text strings.Builder }

func (r *report) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	fmt.Print(line)
	r.text.WriteString(line)
}

func (r *report) head(o options) {
	r.say("# State changes\n")
	r.say("Measured by `go run ./bench/changes` on a machine with %d cores and %d GB of memory, which server, database and load generator share. Load of the machine at the start: %s. %d pairs of %s each: the median, with lowest and highest. Synced to a real disk; authentication on; a body of 4 KB for each new document.\n",
		runtime.NumCPU(), memoryGB(), loadAverage(), o.rounds, o.length)
	r.say("| store | callers | changes/s | p50 ms | p95 ms | p99 ms | CPU µs per change: server / database / client | floor /s | ratio to floor | commit to checkpoint p50 / p99 ms | load |")
	r.say("|---|---|---|---|---|---|---|---|---|---|---|")
}

func (r *report) row(name string, callers int, pairs []pair) {
	col := func(f func(pair) float64) []float64 {
		var out []float64
		for _, p := range pairs {
			out = append(out, f(p))
		}
		return out
	}
	mid := func(f func(pair) float64) float64 { _, m, _ := spread(col(f)); return m }
	low, rate, high := spread(col(func(p pair) float64 { return p.rate }))
	rlow, ratio, rhigh := spread(col(func(p pair) float64 {
		if p.floor == 0 {
			return 0
		}
		return p.rate / p.floor
	}))
	var lags []time.Duration
	for _, p := range pairs {
		lags = append(lags, p.lags...)
	}
	r.say("| %s | %d | %.0f (%.0f–%.0f) | %.2f | %.2f | %.2f | %.0f / %.0f / %.0f | %.0f | %.2f (%.2f–%.2f) | %.1f / %.1f | %s |", name, callers, rate, low, high,
		mid(func(p pair) float64 { return p.p50 }), mid(func(p pair) float64 { return p.p95 }), mid(func(p pair) float64 { return p.p99 }),
		mid(func(p pair) float64 { return p.server }), mid(func(p pair) float64 { return p.database }), mid(func(p pair) float64 { return p.client }),
		mid(func(p pair) float64 { return p.floor }), ratio, rlow, rhigh, ms(quantile(lags, 0.5)), ms(quantile(lags, 0.99)), loadAverage())
}

// spread is the lowest, the middle and the highest of some figures.
func spread(all []float64) (low, mid, high float64) {
	s := slices.Sorted(slices.Values(all))
	return s[0], s[len(s)/2], s[len(s)-1]
}

// quantile gives the value below which the part q of all values lies.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(raw), " ")
	return first
}

func memoryGB() int {
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kb int
	fmt.Sscanf(string(raw), "MemTotal: %d kB", &kb)
	return (kb + 1<<19) >> 20
}
