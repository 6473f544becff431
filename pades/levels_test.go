package pades_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
	"github.com/paraph/paraph/pades/validation"
)

// world is an authority with its responders and a timestamp authority, which can fail.
type world struct {
	*testca.Served
	tsa   *tsp.Authority
	chain tsp.ChainVerifier

	mu    sync.Mutex
	at    time.Time
	fail  error
	asked int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAt(t, testca.Now)
}

func newWorldAt(t testing.TB, at time.Time) *world {
	t.Helper()
	s, err := testca.ServeAt(func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w := &world{Served: s, chain: tsp.Roots(s.Roots()), at: at}
	s.Now = w.now
	w.newAuthority(t)
	return w
}

func (w *world) newAuthority(t testing.TB) {
	t.Helper()
	id, err := w.Issue("Test TSA", "p256", tsptest.Usage(true, []int{1, 3, 6, 1, 5, 5, 7, 3, 8}))
	if err != nil {
		t.Fatal(err)
	}
	w.tsa, err = tsp.NewAuthority(tsp.AuthorityConfig{Key: id.Key, Chain: id.Chain, Policies: []string{"1.2.3.4"}, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// Stamp implements pades.Stamper.
func (w *world) Stamp(_ context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error) {
	w.mu.Lock()
	w.asked++
	fail := w.fail
	w.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	_, der, err := w.tsa.Issue(&tsp.Request{Hash: h, Digest: digest, Certificates: true})
	if err != nil {
		return nil, err
	}
	token, err := tsp.Parse(der)
	if err != nil {
		return nil, err
	}
	v, err := token.Verify(digest, tsp.VerifyOptions{Chain: w.chain})
	return &tsp.Stamp{Verification: v}, err
}

func (w *world) protect(t testing.TB, level pades.Level) pades.Protect {
	t.Helper()
	c, err := revocation.New(revocation.Config{HTTP: w.Client(), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	return pades.Protect{Level: level, Timestamps: w, Evidence: c}
}

func (w *world) signer(t testing.TB, kind string) testca.Identity {
	t.Helper()
	id, err := w.Issue("Ada Signer", kind)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) sign(t testing.TB, in []byte, id testca.Identity, o pades.Options) ([]byte, pades.Result) {
	t.Helper()
	var out bytes.Buffer
	r, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, o)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, in, out.Bytes(), r)
	return out.Bytes(), r
}

func whole(t testing.TB, in, out []byte, r pades.Result) {
	t.Helper()
	h := crypto.SHA256.New()
	h.Write(out)
	if !bytes.HasPrefix(out, in) || r.Size != int64(len(out)) || !bytes.Equal(h.Sum(nil), r.SHA256[:]) {
		t.Errorf("the result is not what it says, or not behind the original")
	}
}

func standing(t testing.TB, b []byte, password string) *pades.Standing {
	t.Helper()
	s, err := pades.StandingOf(context.Background(), bytes.NewReader(b), int64(len(b)), password)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verify judges by this authority, which it can ask.
func (w *world) verify(t testing.TB, b []byte, o pades.VerifyOptions) *pades.Report {
	t.Helper()
	if o.Trust == nil {
		o.Trust = w.Trust()
	}
	if o.Time.IsZero() {
		o.Time = w.now()
	}
	if o.Fetch == nil {
		c, err := revocation.New(revocation.Config{HTTP: w.Client(), Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		o.Fetch = c
	}
	return verify(t, b, o)
}

func (w *world) valid(t testing.TB, b []byte) {
	t.Helper()
	r := w.verify(t, b, pades.VerifyOptions{Policy: pades.Sealed})
	if r.Verdict != pades.Valid {
		t.Error(explain(r))
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for kind, in := range inputs() {
		for level := pades.BB; level <= pades.BLTA; level++ {
			t.Run(fmt.Sprintf("%s/%v", kind, level), func(t *testing.T) {
				t.Parallel()
				id := w.signer(t, "p256")
				o := options(id)
				o.Protect = w.protect(t, level)
				out, r := w.sign(t, in, id, o)
				if r.Level != level || r.Delayed != nil {
					t.Errorf("level %v was reached: %v", r.Level, r.Delayed)
				}
				s := standing(t, out, "")
				if s.Level != level || s.Signatures != 1 || (level > pades.BB) != s.Stamped.Equal(testca.Now) {
					t.Errorf("the file stands at %+v", s)
				}
				w.valid(t, out)
				checkQPDF(t, out)
				keep(t, fmt.Sprintf("level-%s-%v", kind, level), out)
			})
		}
	}
	if dir := os.Getenv("PARAPH_KEEP"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "world.pem"), w.Root.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTimestampFails: the signature is made all the same, and says what is missing.
func TestTimestampFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	in := testpdf.Make(testpdf.Options{})
	o := options(id)
	o.Protect = w.protect(t, pades.BLTA)
	w.fail = errors.New("out of order")
	out, r := w.sign(t, in, id, o)
	if r.Level != pades.BB || !errors.Is(r.Delayed, w.fail) || standing(t, out, "").Level != pades.BB {
		t.Errorf("%+v", r)
	}
	w.valid(t, out)

	w.fail = nil
	o.Protect.TokenSize = 100
	out, r = w.sign(t, in, id, o)
	large, ok := errors.AsType[*pades.TokenSizeError](r.Delayed)
	if !ok || r.Level != pades.BB || large.Size < 500 || large.Room != 100 {
		t.Errorf("%+v", r)
	}
	w.valid(t, out)
	// The room that the error asks for is enough, to the byte or nearly so.
	o.Protect.TokenSize = large.Size + 16
	if out, r = w.sign(t, in, id, o); r.Level != pades.BLTA || r.TokenSize > large.Size+16 {
		t.Errorf("%+v", r)
	}
	w.valid(t, out)
}

// TestEvidenceFails: a responder that is down leaves the file at B-T, a revoked
// certificate too; later the file is raised.
func TestEvidenceFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	o := options(id)
	o.Protect = w.protect(t, pades.BLTA)
	for _, path := range []string{"/ocsp", "/ocsp2", "/issuer.crl"} {
		w.Down[path] = true
	}
	out, r := w.sign(t, testpdf.Make(testpdf.Options{}), id, o)
	if e, ok := errors.AsType[*revocation.Error](r.Delayed); !ok || r.Level != pades.BT || len(e.Attempts) != 3 {
		t.Errorf("%+v", r)
	}
	if v := w.verify(t, out, pades.VerifyOptions{}); v.Verdict != pades.Indeterminate || v.Signatures[0].Sub != validation.TryLater || v.Signatures[0].Level != "B-T" {
		t.Errorf("while nobody tells of revocations: %s", explain(v))
	}
	clear(w.Down)
	out, r = w.upgrade(t, out, pades.BLTA, false)
	if r.Level != pades.BLTA || r.Delayed != nil || standing(t, out, "").Level != pades.BLTA {
		t.Errorf("%+v", r)
	}
	w.valid(t, out)

	w.Revoke(id.Chain[0], testca.Now.Add(-time.Minute))
	_, r = w.sign(t, testpdf.Make(testpdf.Options{}), id, o)
	if e, ok := errors.AsType[*revocation.Error](r.Delayed); !ok || r.Level != pades.BT || e.Reason != revocation.Revoked {
		t.Errorf("%+v", r)
	}
}

func (w *world) upgrade(t testing.TB, in []byte, level pades.Level, renew bool) ([]byte, pades.Result) {
	t.Helper()
	var out bytes.Buffer
	r, err := pades.Upgrade(context.Background(), bytes.NewReader(in), int64(len(in)), &out, pades.UpgradeOptions{Protect: w.protect(t, level), Renew: renew})
	if err != nil {
		t.Fatal(err)
	}
	whole(t, in, out.Bytes(), r)
	return out.Bytes(), r
}

// TestUpgrade raises a file with two signatures step by step; what is there is not added again.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range testpdf.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a, b := w.signer(t, "p256"), w.signer(t, "rsa")
			o := options(a)
			o.Certify = 2
			file, _ := w.sign(t, testpdf.Make(testpdf.Options{Kind: kind, Form: true}), a, o)
			file, _ = w.sign(t, file, b, options(b))
			for level := pades.BB; level <= pades.BLTA; level++ {
				var r pades.Result
				file, r = w.upgrade(t, file, level, false)
				if s := standing(t, file, ""); r.Level != level || s.Level != level || s.Signatures != 2 {
					t.Errorf("raised to %v: %+v, %+v", level, r, s)
				}
				again, r := w.upgrade(t, file, level, false)
				if !bytes.Equal(again, file) || r.Level != level {
					t.Errorf("raised to %v once more: %d bytes more", level, len(again)-len(file))
				}
				w.valid(t, file)
			}
			lower, r := w.upgrade(t, file, pades.BT, true)
			if !bytes.Equal(lower, file) || r.Level != pades.BLTA {
				t.Error("a file that has more was changed")
			}
			renewed, r := w.upgrade(t, file, pades.BLTA, true)
			if s := standing(t, renewed, ""); r.Level != pades.BLTA || s.Timestamps != standing(t, file, "").Timestamps+1 {
				t.Errorf("renewed: %+v, %+v", r, s)
			}
			w.valid(t, renewed)
			checkQPDF(t, renewed)
		})
	}
}

// TestRenewal: protection ends with the certificate of the newest timestamp, and
// a timestamp by a later authority prolongs it.
func TestRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	o := options(id)
	file, _ := w.sign(t, testpdf.Make(testpdf.Options{}), id, o)
	if s := standing(t, file, ""); !s.Until.Equal(id.Chain[0].NotAfter) || s.Because == "" {
		t.Errorf("without a timestamp: %+v", s)
	}
	o.Protect = w.protect(t, pades.BLTA)
	file, _ = w.sign(t, testpdf.Make(testpdf.Options{}), id, o)
	s := standing(t, file, "")
	if end := w.tsa.Certificate().NotAfter; !s.Until.Equal(end) || s.Due(testca.Now, 24*time.Hour) || !s.Due(end.Add(-time.Hour), 24*time.Hour) {
		t.Errorf("%+v", s)
	}
	w.pass(24 * time.Hour)
	file, r := w.upgrade(t, file, pades.BLTA, true)
	if after := standing(t, file, ""); r.Delayed != nil || !after.Stamped.Equal(testca.Now.Add(24*time.Hour)) {
		t.Errorf("%+v, %+v", r, after)
	}
	w.fail = errors.New("out of order")
	same, r := w.upgrade(t, file, pades.BLTA, true)
	if !errors.Is(r.Delayed, w.fail) || r.Level != pades.BLTA || len(same) > len(file)+20_000 {
		t.Errorf("%+v", r)
	}
	w.valid(t, same)
	plain := testpdf.Make(testpdf.Options{})
	if _, err := pades.StandingOf(context.Background(), bytes.NewReader(plain), int64(len(plain)), ""); !errors.Is(err, pades.ErrUnsigned) {
		t.Errorf("an unsigned file gives %v", err)
	}
	rsa := w.signer(t, "rsa")
	if end := pades.Sunset(rsa.Key.Public(), crypto.SHA256); end.Year() != 2029 {
		t.Errorf("RSA with 2048 bits ends in %s", end)
	}
}

// TestCompleteLater reaches B-LTA with the signature made elsewhere.
func TestCompleteLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "rsa")
	in := testpdf.Make(testpdf.Options{Kind: testpdf.Hybrid})
	o := options(id)
	o.Protect = w.protect(t, pades.BLTA)
	p, err := pades.Prepare(context.Background(), bytes.NewReader(in), int64(len(in)), o)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(p)
	if err != nil || w.asked != 0 {
		t.Fatal("the authority was asked too early", err)
	}
	var later pades.Prepared
	if err := json.Unmarshal(kept, &later); err != nil {
		t.Fatal(err)
	}
	value, err := id.Key.Sign(rand.Reader, later.Digest(), later.Hash)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := later.Complete(context.Background(), bytes.NewReader(in), &out, value, o.Protect, "")
	if err != nil || r.Level != pades.BLTA {
		t.Fatalf("%+v, %v", r, err)
	}
	whole(t, in, out.Bytes(), r)
	w.valid(t, out.Bytes())
	o.Protect = pades.Protect{TokenSize: 2000} // all that a process without the network can know
	if p, err = pades.Prepare(context.Background(), bytes.NewReader(in), int64(len(in)), o); err != nil || p.TokenSize != 2000 {
		t.Fatal(err)
	}
	if value, err = id.Key.Sign(rand.Reader, p.Digest(), p.Hash); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if r, err = p.Complete(context.Background(), bytes.NewReader(in), &out, value, w.protect(t, pades.BT), ""); err != nil || r.Level != pades.BT {
		t.Errorf("prepared with room only: %+v, %v", r, err)
	}
	w.valid(t, out.Bytes())
	o.Protect = pades.Protect{}
	if p, err = pades.Prepare(context.Background(), bytes.NewReader(in), int64(len(in)), o); err != nil {
		t.Fatal(err)
	}
	if value, err = id.Key.Sign(rand.Reader, p.Digest(), p.Hash); err != nil {
		t.Fatal(err)
	}
	r, err = p.Complete(context.Background(), bytes.NewReader(in), &out, value, w.protect(t, pades.BT), "")
	if err != nil || r.Level != pades.BB || r.Delayed == nil || !strings.Contains(r.Delayed.Error(), "room") {
		t.Errorf("prepared without room: %+v, %v", r, err)
	}
}

// TestLevelOptions: what a level needs has to be given.
func TestLevelOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	in := testpdf.Make(testpdf.Options{})
	for _, p := range []pades.Protect{
		{Level: pades.BT}, {Level: pades.BLT, Timestamps: w}, {Level: 7}, {Level: -1}, {Level: pades.BT, Timestamps: w, TokenSize: -1},
	} {
		o := options(id)
		o.Protect = p
		if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), discard{}, id.Key, o); !errors.Is(err, pades.ErrOptions) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// TestStops: when nobody waits any more, or the result cannot be written, there
// is an error, and no file that looks signed.
func TestStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.signer(t, "p256")
	in := testpdf.Make(testpdf.Options{})
	o := options(id)
	o.Protect = w.protect(t, pades.BLTA)
	for _, wait := range []int{1, 2} { // during the first and the second timestamp
		ctx, cancel := context.WithCancel(context.Background())
		o.Protect.Timestamps = stopping{w, &wait, cancel}
		var out bytes.Buffer
		if _, err := pades.Sign(ctx, bytes.NewReader(in), int64(len(in)), &out, id.Key, o); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped during timestamp: %v", err)
		}
	}
	o.Protect.Timestamps = w
	whole, _ := w.sign(t, in, id, o)
	for room := 0; room < len(whole); room += len(whole)/7 + 1 {
		if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &full{room: room}, id.Key, o); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
		if _, err := pades.Upgrade(context.Background(), bytes.NewReader(whole), int64(len(whole)), &full{room: room}, pades.UpgradeOptions{Protect: o.Protect, Renew: true}); !errors.Is(err, errFull) {
			t.Errorf("upgrading with room for %d bytes: %v", room, err)
		}
	}
}

// stopping cancels a context while a timestamp is awaited.
type stopping struct {
	w      *world
	wait   *int
	cancel func()
}

func (s stopping) Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error) {
	if *s.wait--; *s.wait == 0 {
		s.cancel()
		return nil, ctx.Err()
	}
	return s.w.Stamp(ctx, h, digest)
}

var errFull = errors.New("no space left")

// full is a disk with little room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.room)
	if f.room -= n; n < len(b) {
		return n, errFull
	}
	return n, nil
}

func FuzzUpgrade(f *testing.F) {
	w := newWorld(f)
	id := w.signer(f, "p256")
	for level := pades.BB; level <= pades.BLTA; level += 3 {
		o := options(id)
		o.Protect = w.protect(f, level)
		out, _ := w.sign(f, testpdf.Make(testpdf.Options{Form: true}), id, o)
		f.Add(out)
	}
	protect := w.protect(f, pades.BLTA)
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		r, err := pades.Upgrade(context.Background(), bytes.NewReader(b), int64(len(b)), &out, pades.UpgradeOptions{Protect: protect})
		if err == nil && (!bytes.HasPrefix(out.Bytes(), b) || r.Size != int64(out.Len())) {
			t.Error("the original is no prefix of the result")
		}
		if err == nil && r.Level > pades.BB && r.Delayed == nil {
			if _, err := pades.StandingOf(context.Background(), bytes.NewReader(out.Bytes()), int64(out.Len()), ""); err != nil {
				t.Errorf("the raised file cannot be read: %v", err)
			}
		}
	})
}
