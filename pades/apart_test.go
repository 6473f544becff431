package pades_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/revocation"
)

// carried gives what comes out of JSON.
func carried[T any](t testing.TB, v T) (out T) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) examined(t testing.TB, file []byte) *pades.Examination {
	t.Helper()
	x, err := pades.Examine(context.Background(), bytes.NewReader(file), int64(len(file)), "")
	if err != nil {
		t.Fatal(err)
	}
	return carried(t, x)
}

// preserved puts evidence into a file as two processes would.
func (w *world) preserved(t testing.TB, file []byte) []byte {
	t.Helper()
	c, err := w.examined(t, file).Collect(context.Background(), w.protect(t, pades.BLT).Evidence)
	if err != nil {
		t.Fatal(err)
	}
	update, err := pades.Preserve(context.Background(), bytes.NewReader(file), int64(len(file)), "", carried(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), update...)
}

func (w *world) prepared(t testing.TB, file []byte, room int) *pades.Prepared {
	t.Helper()
	p, err := pades.PrepareTimestamp(context.Background(), bytes.NewReader(file), int64(len(file)), "", room)
	if err != nil {
		t.Fatal(err)
	}
	return carried(t, p)
}

// TestApart raises files where what reads them has no network and what has it
// does not read them: the result is that of Upgrade.
func TestApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range testpdf.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a, b := w.signer(t, "p256"), w.signer(t, "rsa")
			file, _ := w.sign(t, testpdf.Make(testpdf.Options{Kind: kind}), a, options(a))
			file, _ = w.sign(t, file, b, options(b))
			for round, want := range []pades.Level{pades.BT, pades.BLT, pades.BLTA, pades.BLT, pades.BLTA} {
				before := file
				if want == pades.BLT {
					w.pass(1)
					file = w.preserved(t, file)
				} else {
					var out bytes.Buffer
					r, err := w.prepared(t, file, 0).Stamp(context.Background(), bytes.NewReader(file), &out, w)
					if err != nil {
						t.Fatal(err)
					}
					whole(t, file, out.Bytes(), r)
					file = out.Bytes()
				}
				x := w.examined(t, file)
				if round == 3 && len(file) == len(before) {
					want = pades.BLTA // nothing that is newer was to be had
				}
				if x.Level != want || x.Signatures != 2 || !bytes.HasPrefix(file, before) {
					t.Errorf("round %d: %+v", round, x.Standing)
				}
				w.valid(t, file)
				checkQPDF(t, file)
			}
			if again := w.preserved(t, file); len(again) < len(file) {
				t.Error("the file shrank")
			}
		})
	}
}

// TestApartRefuses: whatever goes wrong in between leaves nothing written.
func TestApartRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	file, _ := w.sign(t, testpdf.Make(testpdf.Options{}), id, options(id))
	stamp := func(p *pades.Prepared, in []byte) error {
		var out bytes.Buffer
		_, err := p.Stamp(context.Background(), bytes.NewReader(in), &out, w)
		return err
	}
	large, ok := errors.AsType[*pades.TokenSizeError](stamp(w.prepared(t, file, 100), file))
	if !ok || large.Room != 100 {
		t.Errorf("a token without room: %v", large)
	}
	other := bytes.Clone(file)
	other[len(other)/2] ^= 1
	if err := stamp(w.prepared(t, file, 0), other); !errors.Is(err, pades.ErrSignature) {
		t.Errorf("another document: %v", err)
	}
	w.fail = errors.New("out of order")
	if err := stamp(w.prepared(t, file, 0), file); !errors.Is(err, w.fail) {
		t.Errorf("no authority: %v", err)
	}
	signing, err := pades.Prepare(context.Background(), bytes.NewReader(file), int64(len(file)), options(id))
	if err != nil {
		t.Fatal(err)
	}
	if err := stamp(signing, file); !errors.Is(err, pades.ErrOptions) {
		t.Errorf("a signature's placeholder: %v", err)
	}
	for _, path := range []string{"/ocsp", "/ocsp2", "/issuer.crl"} {
		w.Down[path] = true
	}
	_, err = w.examined(t, file).Collect(context.Background(), w.protect(t, pades.BLT).Evidence)
	if e, ok := errors.AsType[*revocation.Error](err); !ok || len(e.Attempts) != 3 {
		t.Errorf("responders that are down: %v", err)
	}
	plain := testpdf.Make(testpdf.Options{})
	if _, err := pades.Examine(context.Background(), bytes.NewReader(plain), int64(len(plain)), ""); !errors.Is(err, pades.ErrUnsigned) {
		t.Errorf("an unsigned file: %v", err)
	}
}
