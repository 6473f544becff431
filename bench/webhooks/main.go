// Command webhooks measures how fast events reach endpoints, with everything on:
// authentication, filter with a condition, signature, guard, attempt records, durable.
// Load generator and receiver run in the same process, on the same cores.
//
//	go run ./bench/webhooks [-rounds 5] [-time 5s] [-database postgres://…] [-dir DIR]
//	go run ./bench/webhooks growth -big DIR -small DIR [-dead 1000000]
//
// growth compares two stores on SQLite that `bench/scale load` has filled, one with ten
// million events, one with few: listing, redrive and delivery, with so many dead deliveries.
//
// In each round every trial is made once, one after another; so what the machine does
// meanwhile hits all of them. It prints medians, with the least and the most.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"slices"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "growth" {
		check(growth(os.Args[2:]))
		return
	}
	rounds := flag.Int("rounds", 5, "rounds")
	span := flag.Duration("time", 5*time.Second, "how long each trial makes events happen")
	database := flag.String("database", "", "address of an empty PostgreSQL database; empty: SQLite")
	dir := flag.String("dir", "", "folder for the data; empty: the system's for temporary files")
	profile := flag.String("profile", "", "file for a CPU profile")
	only := flag.Int("endpoints", 0, "only the trials with so many endpoints")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		check(err)
		check(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	base := trial{time: *span, database: *database, dir: *dir}
	full, half := map[int][]result{}, map[int][]result{}
	var ratios []float64
	for round := range *rounds {
		for _, n := range []int{10, 100, 1000} {
			if *only != 0 && n != *only {
				continue
			}
			t := base
			t.endpoints = n
			f := t.must()
			full[n] = append(full[n], f)
			t.rate = f.accepted / 2
			h := t.must()
			half[n] = append(half[n], h)
			fmt.Printf("round %d, %4d endpoints: %.0f events/s, %.0f deliveries/s; at half of it p50 %s, p99 %s; %d µs of processor a delivery\n", round+1, n, f.accepted, f.delivered, ms(h.p50), ms(h.p99), f.cpu.Microseconds())
		}
		if *only == 0 {
			well, sick := base, base
			well.endpoints, sick.endpoints, sick.hanging = 10, 10, 1
			a, b := well.must(), sick.must()
			// To each healthy endpoint, a second: nine of them beside the one that hangs.
			ratio := (b.delivered / 9) / (a.delivered / 10)
			ratios = append(ratios, ratio)
			fmt.Printf("round %d, 1 of 10 hangs: %.0f deliveries/s to the other 9, %.0f to 10 without it: each healthy one keeps %.2f\n", round+1, b.delivered, a.delivered, ratio)
		}
	}
	fmt.Println()
	for _, n := range []int{10, 100, 1000} {
		if len(full[n]) == 0 {
			continue
		}
		fmt.Printf("%4d endpoints: %s events/s, %s deliveries/s; at half load p50 %s ms, p99 %s ms; %s µs of processor a delivery\n", n,
			spread(full[n], 0, func(r result) float64 { return r.accepted }), spread(full[n], 0, func(r result) float64 { return r.delivered }),
			spread(half[n], 1, func(r result) float64 { return r.p50.Seconds() * 1000 }), spread(half[n], 1, func(r result) float64 { return r.p99.Seconds() * 1000 }),
			spread(full[n], 0, func(r result) float64 { return float64(r.cpu.Microseconds()) }))
	}
	if len(ratios) > 0 {
		fmt.Printf("with 1 of 10 hanging, healthy endpoints keep %s of their speed\n", spread(ratios, 2, func(v float64) float64 { return v }))
	}
}

func (t trial) must() result {
	r, err := t.run(context.Background())
	check(err)
	return r
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
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
