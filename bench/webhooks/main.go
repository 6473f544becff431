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

// goal is how many events a second are meant to reach their endpoints: 5,000 deliveries.
const goal = 5000 / fan

// loads are what the trials with so many endpoints came to: at full load, at half of
// what that reached, and at half of the goal.
type loads struct{ full, half, halfGoal []result }

// speed measures at 10, 100 and 1,000 endpoints.
func (o *options) speed(ctx context.Context, dir string) error {
	counts := []int{10, 100, 1000}
	if o.endpoints != 0 {
		counts = []int{o.endpoints}
	}
	all := map[int]*loads{}
	for round := range o.rounds {
		for _, n := range counts {
			if all[n] == nil {
				all[n] = &loads{}
			}
			if err := all[n].add(ctx, trial{endpoints: n, time: o.span, dir: dir}, round); err != nil {
				return err
			}
		}
	}
	for _, n := range counts {
		s := all[n]
		fmt.Printf("%4d endpoints: %s events/s, %s deliveries/s; %s µs of processor a delivery; event to receipt at half of that: %s; at half of the goal, %d deliveries/s: %s\n", n,
			spread(s.full, 0, func(r result) float64 { return r.accepted }), spread(s.full, 0, func(r result) float64 { return r.delivered }),
			spread(s.full, 0, func(r result) float64 { return float64(r.cpu.Microseconds()) }), lag(s.half), goal*fan/2, lag(s.halfGoal))
	}
	return nil
}

// add makes one trial of each kind.
func (s *loads) add(ctx context.Context, t trial, round int) error {
	full, err := t.run(ctx)
	if err != nil {
		return err
	}
	t.rate = full.accepted / 2
	half, err := t.run(ctx)
	if err != nil {
		return err
	}
	t.rate = goal / 2
	halfGoal, err := t.run(ctx)
	if err != nil {
		return err
	}
	s.full, s.half, s.halfGoal = append(s.full, full), append(s.half, half), append(s.halfGoal, halfGoal)
	fmt.Printf("round %d, %4d endpoints: %.0f events/s, %.0f deliveries/s, %d µs of processor a delivery; at half of it p50 %s, p99 %s; at %d deliveries/s p50 %s, p99 %s\n", round+1, t.endpoints,
		full.accepted, full.delivered, full.cpu.Microseconds(), ms(half.p50), ms(half.p99), goal*fan/2, ms(halfGoal.p50), ms(halfGoal.p99))
	return nil
}

// lag tells how long events took to their receipt.
func lag(all []result) string {
	return fmt.Sprintf("p50 %s ms, p99 %s ms", spread(all, 1, func(r result) float64 { return r.p50.Seconds() * 1000 }), spread(all, 1, func(r result) float64 { return r.p99.Seconds() * 1000 }))
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
