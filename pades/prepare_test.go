package pades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/pdffile"
)

func errorsIs(err, want error) bool { return errors.Is(err, want) }

// TestPrepareElsewhere signs in two halves, with the state kept as JSON between them.
func TestPrepareElsewhere(t *testing.T) {
	t.Parallel()
	in := testpdf.Make(testpdf.Options{Kind: testpdf.ObjectStreams})
	id := identity(t, "Ada Remote", "p256")
	prepared, err := pades.Prepare(context.Background(), bytes.NewReader(in), int64(len(in)), options(id))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(prepared)
	if err != nil {
		t.Fatal(err)
	}
	var later pades.Prepared
	if err := json.Unmarshal(kept, &later); err != nil {
		t.Fatal(err)
	}
	value, err := id.Key.Sign(rand.Reader, later.Digest(), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := later.Complete(context.Background(), bytes.NewReader(in), &out, value, pades.Protect{}, ""); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, out.Bytes(), pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Valid {
		t.Error(explain(r))
	}
	value[len(value)-1] ^= 1
	if _, err := later.Complete(context.Background(), bytes.NewReader(in), &out, value, pades.Protect{}, ""); !errors.Is(err, pades.ErrSignature) {
		t.Errorf("a broken value gives %v", err)
	}
	value[len(value)-1] ^= 1
	in[len(in)/2] ^= 1
	if _, err := later.Complete(context.Background(), bytes.NewReader(in), &out, value, pades.Protect{}, ""); !errors.Is(err, pades.ErrSignature) {
		t.Errorf("another document gives %v", err)
	}
}

// TestOddFiles signs files that broke readers once: each is refused with a
// reason, or its signature is valid.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(testneed.SharedData(t, "odd-pdfs"), "*.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	id := identity(t, "Ada Signer", "p256")
	signed := 0
	for _, name := range files {
		in, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, err = pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, options(id))
		if err != nil {
			if !pdffile.IsRefusal(err) {
				t.Errorf("%s: %v is no refusal", filepath.Base(name), err)
			}
			continue
		}
		signed++
		keep(t, "odd-"+filepath.Base(name), out.Bytes())
		if r := verify(t, out.Bytes(), pades.VerifyOptions{Policy: pades.Sealed}); r.Verdict != pades.Valid {
			t.Errorf("%s: %s", filepath.Base(name), explain(r))
		}
	}
	t.Logf("%d of %d files signed, the others refused", signed, len(files))
}

// TestMemory: signing needs no more memory for a large file than for a small one.
func TestMemory(t *testing.T) {
	id := identity(t, "Ada Signer", "p256")
	small, large := testpdf.Make(testpdf.Options{}), testpdf.Make(testpdf.Options{Padding: 32 << 20})
	bytesFor := func(in []byte) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, options(id)); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	bytesFor(small) // the first time sets up what is kept
	if most := bytesFor(large); most > 2<<20 {
		t.Errorf("signing a file of 32 MB takes %d bytes of memory", most)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
