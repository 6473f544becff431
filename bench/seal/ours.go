package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/paraph/paraph/pades"
)

// ours is pades in this process.
type ours struct {
	ctx context.Context
	w   *world
	buf bytes.Buffer
}

func (*ours) name() string  { return "pades" }
func (*ours) about() string { return "pades, " + runtime.Version() }
func (*ours) close()        {}

func (c *ours) measure(o order) result {
	in, err := os.ReadFile(o.Path)
	if err != nil {
		return result{Error: err.Error()}
	}
	var r result
	// The buffer for the result is there, as a server's that signs again and again.
	if c.buf.Cap() < len(in)+200_000 {
		c.buf = *bytes.NewBuffer(make([]byte, 0, len(in)+200_000))
	}
	started := time.Now()
	for i := 0; o.more(i, len(r.Times), started); i++ {
		c.buf.Reset()
		opts := pades.Options{Chain: c.w.id.Chain, Time: time.Now(), Reason: "bench", Protect: c.w.protect(o.Level)}
		t := time.Now()
		made, err := pades.Sign(c.ctx, bytes.NewReader(in), int64(len(in)), &c.buf, c.w.id.Key, opts)
		took := time.Since(t)
		if err == nil {
			err = made.Delayed
		}
		if err != nil {
			return result{Error: err.Error()}
		}
		if i >= o.Warm {
			r.Times = append(r.Times, micro(took))
		}
	}
	r.Size = int64(c.buf.Len())
	if o.Keep != "" {
		if err := os.WriteFile(o.Keep, c.buf.Bytes(), 0o600); err != nil {
			return result{Error: err.Error()}
		}
	}
	return r
}

// more tells whether the loop goes on; all contenders count alike.
func (o order) more(i, measured int, started time.Time) bool {
	return i < o.Warm || measured < o.Least || time.Since(started).Seconds() < o.Seconds && measured < o.Most
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// floor is what nobody can do without: the digest of the file and the signatures.
func floor(w *world, o order) result {
	in, err := os.ReadFile(o.Path)
	if err != nil {
		return result{Error: err.Error()}
	}
	var r result
	started := time.Now()
	for i := 0; o.more(i, len(r.Times), started); i++ {
		t := time.Now()
		sum := sha256.Sum256(in)
		if _, err := w.id.Key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
			return result{Error: err.Error()}
		}
		if i >= o.Warm {
			r.Times = append(r.Times, micro(time.Since(t)))
		}
	}
	return r
}

// verified tells whether the last result carries a whole signature.
func verified(ctx context.Context, w *world, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := pades.Verify(ctx, f, info.Size(), pades.VerifyOptions{Trust: w.Trust()})
	if err != nil {
		return err
	}
	for _, s := range r.Signatures {
		for _, c := range s.Checks {
			if c.Status == pades.Failed && (c.Code == pades.CheckDigest || c.Code == pades.CheckSignature || c.Code == pades.CheckByteRange) {
				return fmt.Errorf("%s", c.Message)
			}
		}
	}
	if len(r.Signatures) == 0 {
		return fmt.Errorf("there is no signature in it: %v", r.Failures())
	}
	return nil
}

// memoryChild signs a file from disk to nowhere, in a process of its own, and
// prints the times of hashing and of signing and the most memory it took.
func memoryChild(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp("", "bench-seal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(ctx, dir)
	if err != nil {
		return err
	}
	defer w.close()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var hashing, signing []float64
	for range 9 {
		t := time.Now()
		h := sha256.New()
		if _, err := io.CopyBuffer(struct{ io.Writer }{h}, io.NewSectionReader(f, 0, info.Size()), make([]byte, 256<<10)); err != nil {
			return err
		}
		hashing = append(hashing, micro(time.Since(t)))
		t = time.Now()
		if _, err := pades.Sign(ctx, f, info.Size(), io.Discard, w.id.Key, pades.Options{Chain: w.id.Chain, Time: time.Now()}); err != nil {
			return err
		}
		signing = append(signing, micro(time.Since(t)))
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	var peak float64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if _, err := fmt.Sscan(rest, &peak); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%f %f %f\n", median(hashing), median(signing), peak/1024)
	return nil
}
