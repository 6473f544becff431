package pades_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/revocation"
)

// FuzzProtected verifies files with a store, evidence and time stamps, which whoever
// fuzzes changes, under trust, so that all of the judgement is reached.
func FuzzProtected(f *testing.F) {
	w := newWorld(f)
	id := w.signer(f, "p256")
	for _, level := range []pades.Level{pades.BT, pades.BLT, pades.BLTA} {
		o := options(id)
		o.Protect = w.protect(f, level)
		out, _ := w.sign(f, testpdf.Make(testpdf.Options{}), id, o)
		f.Add(out)
	}
	trusted := w.Trust()
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := pades.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), pades.VerifyOptions{Trust: trusted, Time: w.now()})
		if err != nil {
			t.Fatalf("a file gives a fault instead of a report: %v", err)
		}
		if r.Verdict == pades.Valid && len(r.Failures())+len(r.NotRun()) > 0 {
			for _, s := range r.Signatures {
				if s.Kind == pades.KindSignature && s.Verdict != pades.Valid {
					t.Errorf("valid, although %s", explain(r))
				}
			}
		}
	})
}

// FuzzStore changes one object of the store of a signed file, where its evidence is
// read: what is not understood must be passed over, never panic, never help.
func FuzzStore(f *testing.F) {
	w := newWorld(f)
	id := w.signer(f, "p256")
	c, err := revocation.New(revocation.Config{HTTP: w.Client(), Now: w.now})
	if err != nil {
		f.Fatal(err)
	}
	e, err := c.Collect(context.Background(), id.Chain[0], id.Chain[1:], w.now())
	if err != nil {
		f.Fatal(err)
	}
	for _, list := range [][][]byte{e.Certs, e.OCSPs, e.CRLs} {
		for _, der := range list {
			f.Add(der)
		}
	}
	signed, _ := w.sign(f, testpdf.Make(testpdf.Options{}), id, options(id))
	trusted := w.Trust()
	genuine := [][]byte{}
	genuine = append(append(genuine, e.OCSPs...), e.CRLs...)
	f.Fuzz(func(t *testing.T, der []byte) {
		given := &revocation.Evidence{Certs: [][]byte{der}, OCSPs: [][]byte{der}, CRLs: [][]byte{der}}
		r, err := pades.Verify(context.Background(), bytes.NewReader(signed), int64(len(signed)), pades.VerifyOptions{Trust: trusted, Time: w.now(), Evidence: given})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict == pades.Valid { // one answer alone is never enough for two certificates
			t.Errorf("one piece of evidence makes the file valid: %x (%d are genuine)", der, len(genuine))
		}
	})
}
