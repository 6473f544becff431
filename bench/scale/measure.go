package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/demodata"
)

// storeOptions name a store and how often it is measured.
type storeOptions struct {
	data, database string
	rounds         int
	size           int64
	wait           time.Duration
}

// spread is the lowest, the middle and the highest of some figures.
func spread[T int64 | float64 | time.Duration](all []T) (low, mid, high T) {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
}

// starts times the start of a server on a store, from exec to ready.
func starts(ctx context.Context, o storeOptions, say io.Writer) error {
	bin, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	var took []time.Duration
	for range o.rounds {
		p, err := serve(ctx, bin, o)
		if err != nil {
			return err
		}
		took = append(took, p.ready)
		if err := p.Stop(); err != nil {
			return err
		}
	}
	low, mid, high := spread(took)
	fmt.Fprintf(say, "start to ready: median %d ms (%d to %d, %d starts)\n", mid.Milliseconds(), low.Milliseconds(), high.Milliseconds(), len(took))
	return nil
}

// idle tells the memory of all processes some time after one document.
func idle(ctx context.Context, o storeOptions, say io.Writer) error {
	bin, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	p, err := serve(ctx, bin, o)
	if err != nil {
		return err
	}
	defer p.Stop()
	token, err := p.Token(ctx)
	if err != nil {
		return err
	}
	scan := demodata.PurchaseOrder()
	if err := p.upload(ctx, token, "idle", int64(len(scan)), strings.NewReader(string(scan)), "Prefer", "wait=120"); err != nil {
		return err
	}
	select {
	case <-time.After(o.wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	pss, n, err := memory(p.PID())
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "memory %s after one document: %d MB in %d processes; the server's peak %d MB\n", o.wait, pss>>20, n, peak(p.PID())>>20)
	return nil
}

// stream is size bytes that start like a PDF and say nothing; the same seed
// gives the same.
func stream(size int64, seed byte) io.Reader {
	head := "%PDF-1.7\n"
	return io.LimitReader(io.MultiReader(strings.NewReader(head), rand.NewChaCha8([32]byte{seed})), size)
}

// uploads sends a big file in rounds, each beside hashing and encrypting the
// same bytes alone, in memory.
func uploads(ctx context.Context, o storeOptions, say io.Writer) error {
	bin, err := rig.Build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(bin))
	p, err := serve(ctx, bin, o, "--max-upload", fmt.Sprint(2*o.size))
	if err != nil {
		return err
	}
	defer p.Stop()
	token, err := p.Token(ctx)
	if err != nil {
		return err
	}
	before := peak(p.PID())
	// The bytes are made beforehand: making them must not slow the sender.
	name := filepath.Join(o.data, "upload.bin")
	if err := keep(name, stream(o.size, 1)); err != nil {
		return err
	}
	defer os.Remove(name)
	var ratios, speeds, alone []float64
	for n := range o.rounds {
		floor, err := hashAndEncrypt(name)
		if err != nil {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		// What the start and the file before have left to do is not this file's.
		if err := p.quiet(ctx); err != nil {
			return err
		}
		started := time.Now()
		err = p.upload(ctx, token, fmt.Sprintf("upload-%d", n), o.size, f)
		took := time.Since(started)
		f.Close()
		if err != nil {
			return err
		}
		mb := float64(o.size) / (1 << 20)
		speeds, alone = append(speeds, mb/took.Seconds()), append(alone, mb/floor.Seconds())
		ratios = append(ratios, floor.Seconds()/took.Seconds())
	}
	low, mid, high := spread(ratios)
	_, speed, _ := spread(speeds)
	_, floor, _ := spread(alone)
	fmt.Fprintf(say, "upload of %d MB: %.0f MB/s, hashing and encrypting alone %.0f MB/s: ratio %.2f (%.2f to %.2f, %d pairs); the server's peak memory %d MB, %d MB before\n",
		o.size>>20, speed, floor, mid, low, high, len(ratios), peak(p.PID())>>20, before>>20)
	return nil
}

func keep(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}

// hashAndEncrypt is the least an upload has to do with its bytes.
func hashAndEncrypt(name string) (time.Duration, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	started := time.Now()
	w, err := crypt.NewWriter(io.Discard, "blob_bench", crypt.NewKey())
	if err != nil {
		return 0, err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(sha256.New(), w)}, struct{ io.Reader }{f}, make([]byte, 256<<10)); err != nil {
		return 0, err
	}
	return time.Since(started), w.Close()
}
