package verdict

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/testca"
)

// plainPDF is a page with a line of text.
func plainPDF(text string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	content := "BT /F1 12 Tf 20 100 Td (" + text + ") Tj ET"
	var at []int
	for i, o := range []string{
		"<</Type /Catalog /Pages 2 0 R>>", "<</Type /Pages /Kids [3 0 R] /Count 1>>",
		"<</Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content), "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f\r\n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n\r\n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d /Root 1 0 R /ID [<01> <01>]>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// room is an authority, a log, and what a package of theirs holds.
type room struct {
	t      *testing.T
	ca     *testca.CA
	id     testca.Identity
	signer *journal.Signer
	tree   journal.Tree
	hashes []journal.Hash
	all    []journal.Entry
}

func newRoom(t *testing.T) *room {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("The House", "p256")
	if err != nil {
		t.Fatal(err)
	}
	seed := sha256.Sum256([]byte("log"))
	signer, err := journal.NewSigner("log.example/audit", ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return &room{t: t, ca: ca, id: id, signer: signer}
}

// ReadHashes implements journal.HashReader.
func (r *room) ReadHashes(positions []int64) ([]journal.Hash, error) {
	out := make([]journal.Hash, len(positions))
	for i, p := range positions {
		out[i] = r.hashes[p]
	}
	return out, nil
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// log adds an entry about a file.
func (r *room) log(kind journal.Kind, name string, file []byte) {
	r.t.Helper()
	n := len(r.all)
	e := journal.Entry{ID: fmt.Sprintf("evt_%026d", n), Org: "org_1", Kind: kind, SubjectType: "document", SubjectID: "doc_1", At: testca.Now,
		Actor: journal.Actor{Kind: journal.ActorSystem}, Data: json.RawMessage("{}"), Salt: sha256.Sum256(fmt.Append(nil, n)), Index: int64(n),
		Digests: map[string]string{name: journal.Digest(sha256.Sum256(file))}}
	if err := journal.Seal(&e, journal.Hash{}); err != nil {
		r.t.Fatal(err)
	}
	r.all = append(r.all, e)
	var stored []journal.StoredHash
	r.tree, stored = r.tree.Append(e.Leaf)
	for _, s := range stored {
		r.hashes = append(r.hashes, s.Hash)
	}
}

func (r *room) proof(index int64) []byte {
	r.t.Helper()
	head, err := journal.HeadAt(int64(len(r.all)), r)
	if err != nil {
		r.t.Fatal(err)
	}
	cp, err := r.signer.Sign(head)
	if err != nil {
		r.t.Fatal(err)
	}
	shown, err := journal.Disclose(r.all[index], journal.Fields...)
	if err != nil {
		r.t.Fatal(err)
	}
	extra, err := shown.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := journal.NewProof(cp, index, r, extra)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Encode()
}

func (r *room) sign(in []byte) []byte {
	r.t.Helper()
	var out bytes.Buffer
	_, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, r.id.Key, pades.Options{Chain: r.id.Chain, Time: testca.Now, Name: "The House"})
	if err != nil {
		r.t.Fatal(err)
	}
	return out.Bytes()
}

// files are those of a package around a document, with all proofs.
func (r *room) files(document []byte) map[string][]byte {
	m := map[string][]byte{"data/document.pdf": document}
	for i, e := range r.all {
		m["data/proofs/"+e.ID+".tlog-proof"] = r.proof(int64(i))
	}
	return m
}

// bag packs files with manifests that fit, as an attacker would, too.
func bag(t *testing.T, files map[string][]byte, method uint16) []byte {
	t.Helper()
	files = maps.Clone(files)
	manifest := ""
	for _, name := range slices.Sorted(maps.Keys(files)) {
		manifest += sumOf(files[name]) + "  " + name + "\n"
	}
	files["bagit.txt"] = []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
	files["manifest-sha256.txt"] = []byte(manifest)
	files["tagmanifest-sha256.txt"] = []byte(sumOf(files["bagit.txt"]) + "  bagit.txt\n" + sumOf([]byte(manifest)) + "  manifest-sha256.txt\n")
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: testca.Now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (r *room) judge(b []byte, change ...func(*Judge)) *Verdict {
	r.t.Helper()
	j := &Judge{Log: r.signer.Verifier(), PDF: func(ctx context.Context, in io.ReaderAt, size int64) (*pades.Report, error) {
		return pades.Verify(ctx, in, size, pades.VerifyOptions{Trust: r.ca.Trust(), Policy: pades.Sealed, Time: testca.Now})
	}}
	for _, c := range change {
		c(j)
	}
	v, err := j.File(context.Background(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// TestPackages: a seal vouches for a document, or the log's entry for one that was
// archived without; everything else is refused with its reason.
func TestPackages(t *testing.T) {
	t.Parallel()
	draft := plainPDF("Draft")
	plain := newRoom(t)
	plain.log(journal.DocumentCreated, "original", draft)
	sealed := newRoom(t)
	seal := sealed.sign(draft)
	sealed.log(journal.DocumentCreated, "original", draft)
	sealed.log(journal.DocumentSigned, "sealed", seal)
	noKey := func(j *Judge) { j.Log = nil }
	for _, c := range []struct {
		name   string
		room   *room
		files  map[string][]byte
		judge  []func(*Judge)
		want   pades.Verdict
		reason string // or the fact that is told
	}{
		{"unsigned, and the log knows it", plain, plain.files(draft), nil, pades.Valid, "carries no signature; the log knows it (original of document.created)"},
		{"not even a PDF, and the log knows it", plain, func() map[string][]byte {
			r := newRoom(t)
			r.log(journal.DocumentCreated, "original", []byte("plain text"))
			return r.files([]byte("plain text"))
		}(), nil, pades.Valid, "the log knows it"},
		{"unsigned, and no key of the log", plain, plain.files(draft), []func(*Judge){noKey}, pades.Indeterminate, "no key of the log"},
		{"unsigned, and unknown to the log", plain, plain.files(plainPDF("Other")), nil, pades.Invalid, "no entry of the log tells its digest"},
		{"unsigned, and no proofs", plain, map[string][]byte{"data/document.pdf": draft}, nil, pades.Invalid, "no entry of the log tells its digest"},
		{"sealed", sealed, sealed.files(seal), nil, pades.Valid, "by The House"},
		{"sealed, and no key of the log", sealed, sealed.files(seal), []func(*Judge){noKey}, pades.Indeterminate, "2 entries"},
		{"sealed, and the seal taken away", sealed, sealed.files(draft), nil, pades.Invalid, "the log says that it was sealed"},
		{"sealed, and changed", sealed, sealed.files(bytes.Replace(seal, []byte("(Draft)"), []byte("(Drift)"), 1)), nil, pades.Invalid, "were changed"},
		{"without a document", plain, map[string][]byte{"data/README.txt": []byte("hello")}, nil, pades.Invalid, "holds no document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []uint16{zip.Store, zip.Deflate} {
				v := c.room.judge(bag(t, c.files, method), c.judge...)
				said := strings.Join(append(v.Reasons, v.Facts...), "\n")
				if v.Verdict != c.want || v.Kind != KindPackage || !strings.Contains(said, c.reason) {
					t.Errorf("%s: %s", v.Verdict, said)
				}
			}
		})
	}
	spoilt := plain.files(draft)
	for name, b := range spoilt {
		if strings.HasSuffix(name, ".tlog-proof") {
			spoilt[name] = bytes.Replace(b, []byte("index 0"), []byte("index 1"), 1)
		}
	}
	if v := plain.judge(bag(t, spoilt, zip.Store)); v.Verdict != pades.Invalid {
		t.Errorf("a changed proof: %s %q", v.Verdict, v.Reasons)
	}
}

// TestFiles: each kind of file is known by its beginning; what lacks is named.
func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	seal := r.sign(plainPDF("Draft"))
	r.log(journal.DocumentSigned, "sealed", seal)
	for _, c := range []struct {
		name string
		b    []byte
		kind string
		want pades.Verdict
		lack Lack
	}{
		{"sealed", seal, KindPDF, pades.Valid, ""}, {"unsigned", plainPDF("Draft"), KindPDF, pades.Invalid, ""}, {"proof", r.proof(0), KindProof, pades.Valid, ""},
		{"text", []byte("hello"), KindUnknown, pades.Invalid, ""}, {"nothing", nil, KindUnknown, pades.Invalid, ""}, {"a zip file that is none", []byte("PK\x03\x04nothing"), KindPackage, pades.Invalid, ""},
	} {
		v := r.judge(c.b)
		if v.Kind != c.kind || v.Verdict != c.want || c.want != pades.Valid && len(v.Reasons) == 0 {
			t.Errorf("%s: %+v", c.name, v)
		}
		var out bytes.Buffer
		if v.File = c.name; true {
			v.Print(&out)
		}
		if !strings.Contains(out.String(), words[c.want]+"  "+c.name) {
			t.Errorf("%s is said as %q", c.name, out.String())
		}
	}
	blind := func(j *Judge) {
		j.Log, j.PDF = nil, func(ctx context.Context, in io.ReaderAt, size int64) (*pades.Report, error) {
			return pades.Verify(ctx, in, size, pades.VerifyOptions{Time: testca.Now})
		}
	}
	for lack, b := range map[Lack][]byte{LackRoots: seal, LackLogKey: r.proof(0)} {
		v := r.judge(b, blind)
		if v.Verdict != pades.Indeterminate || !slices.Contains(v.Lacks, lack) || !strings.Contains(strings.Join(v.Reasons, "\n"), "not checked: ") {
			t.Errorf("without %s: %+v", lack, v)
		}
	}
}
