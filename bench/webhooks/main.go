// Command webhooks measures how fast events reach endpoints, with everything on:
// authentication, filter with a condition, signature, guard, attempt records, durable.
// Load generator and receiver run in the same process, on the same cores.
//
//	go run ./bench/webhooks [-rounds 5] [-time 5s] [-part speed|hanging|hooks|processes] [-dir DIR]
//	go run ./bench/webhooks growth -big DIR -small DIR [-dead 1000000]
//
// growth compares two stores on SQLite that `bench/scale load` has filled, one with ten
// million events, one with few: listing, redrive and delivery, with so many dead deliveries.
//
// The part processes runs the program as it is shipped on a PostgreSQL of its own, with
// roles apart, and compares one delivery process with two.
//
// In each round every trial is made once, one after another; so what the machine does
// meanwhile hits all of them. It prints medians, with the least and the most.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

func main() {
	run := measureAll
	if len(os.Args) > 1 && os.Args[1] == "growth" {
		run, os.Args = growth, os.Args[1:]
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench/webhooks:", err)
		os.Exit(1)
	}
}

// options say what is measured.
type options struct {
	rounds    int
	span      time.Duration
	endpoints int
	part      string
}

func measureAll(args []string) error {
	var o options
	fs := flag.NewFlagSet("webhooks", flag.ExitOnError)
	fs.IntVar(&o.rounds, "rounds", 5, "rounds")
	fs.DurationVar(&o.span, "time", 5*time.Second, "how long each trial makes events happen")
	fs.IntVar(&o.endpoints, "endpoints", 0, "only the trials with so many endpoints")
	fs.StringVar(&o.part, "part", "", "only speed, hanging, hooks or processes")
	parent := fs.String("dir", ".", "folder for the data, on a disk")
	profile := fs.String("profile", "", "file for a CPU profile")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(*parent, ".webhooks-")
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
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx := context.Background()
	if o.has("speed") {
		if err := o.speed(ctx, dir); err != nil {
			return err
		}
	}
	if o.has("hanging") {
		if err := o.hanging(ctx, dir); err != nil {
			return err
		}
	}
	if o.has("hooks") {
		if err := o.hooks(ctx, dir); err != nil {
			return err
		}
	}
	if o.has("processes") {
		return processes(ctx, dir, o.rounds, o.span)
	}
	return nil
}

// has tells whether a part is measured.
func (o *options) has(part string) bool {
	return o.part == part || o.part == "" && (o.endpoints == 0 || part == "speed")
}

// speed measures at 10, 100 and 1,000 endpoints, at full load and at half of it.
func (o *options) speed(ctx context.Context, dir string) error {
	full, half := map[int][]result{}, map[int][]result{}
	counts := []int{10, 100, 1000}
	if o.endpoints != 0 {
		counts = []int{o.endpoints}
	}
	for round := range o.rounds {
		for _, n := range counts {
			t := trial{endpoints: n, time: o.span, dir: dir}
			f, err := t.run(ctx)
			if err != nil {
				return err
			}
			t.rate = f.accepted / 2
			h, err := t.run(ctx)
			if err != nil {
				return err
			}
			full[n], half[n] = append(full[n], f), append(half[n], h)
			fmt.Printf("round %d, %4d endpoints: %.0f events/s, %.0f deliveries/s; at half of it p50 %s, p99 %s; %d µs of processor a delivery\n", round+1, n, f.accepted, f.delivered, ms(h.p50), ms(h.p99), f.cpu.Microseconds())
		}
	}
	for _, n := range counts {
		fmt.Printf("%4d endpoints: %s events/s, %s deliveries/s; at half load p50 %s ms, p99 %s ms; %s µs of processor a delivery\n", n,
			spread(full[n], 0, func(r result) float64 { return r.accepted }), spread(full[n], 0, func(r result) float64 { return r.delivered }),
			spread(half[n], 1, func(r result) float64 { return r.p50.Seconds() * 1000 }), spread(half[n], 1, func(r result) float64 { return r.p99.Seconds() * 1000 }),
			spread(full[n], 0, func(r result) float64 { return float64(r.cpu.Microseconds()) }))
	}
	return nil
}

// hanging measures ten endpoints beside ten of which one never answers.
func (o *options) hanging(ctx context.Context, dir string) error {
	var ratios []float64
	for round := range o.rounds {
		well := trial{endpoints: 10, time: o.span, dir: dir}
		sick := well
		sick.hanging = 1
		a, err := well.run(ctx)
		if err != nil {
			return err
		}
		b, err := sick.run(ctx)
		if err != nil {
			return err
		}
		// To each healthy endpoint, a second: nine of them beside the one that hangs.
		ratio := (b.delivered / 9) / (a.delivered / 10)
		ratios = append(ratios, ratio)
		fmt.Printf("round %d, 1 of 10 hangs: %.0f deliveries/s to the other 9, %.0f to 10 without it: each healthy one keeps %.2f\n", round+1, b.delivered, a.delivered, ratio)
	}
	fmt.Printf("with 1 of 10 hanging, healthy endpoints keep %s of their speed\n", spread(ratios, 2, func(v float64) float64 { return v }))
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

// spread gives the median, with the least and the most.
func spread[T any](all []T, digits int, of func(T) float64) string {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = of(v)
	}
	slices.Sort(values)
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, values[len(values)/2], digits, values[0], digits, values[len(values)-1])
}
