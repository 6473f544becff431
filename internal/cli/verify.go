package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/tsp"
)

// verdict is what verify found out about one file.
type verdict struct {
	File    string            `json:"file"`
	Kind    string            `json:"kind"` // "pdf", "proof", "package"
	Verdict pades.Verdict     `json:"verdict"`
	Reasons []string          `json:"reasons,omitempty"` // why it is not valid
	Facts   []string          `json:"facts,omitempty"`   // what was found, in words
	PDF     *pades.Report     `json:"pdf,omitempty"`
	Event   *journal.Verified `json:"-"`
}

func (v *verdict) refuse(format string, args ...any) {
	v.Verdict = pades.Invalid
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

// trust is what the verifier was told to believe in.
type trust struct {
	roots  *x509.CertPool // nil: none given
	log    *journal.Verifier
	stamps tsp.ChainVerifier // of time stamping authorities; nil: none given
	strict bool
}

func runVerify(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "verify")
	asJSON := fs.Bool("json", false, "Write JSON.")
	ca := fs.String("ca", "", "File of root certificates (PEM) to trust for seals; the server publishes its own at /.well-known/paraph/ca.pem.")
	logKey := fs.String("log-key", "", "The log's verifier key, or a file that holds it; published at /.well-known/paraph/log.vkey.")
	tsa := fs.String("tsa-ca", "", "File of root certificates (PEM) to trust for time stamps over the log.")
	strict := fs.Bool("sealed", true, "Demand that nothing but validation data follows the last signature, as after Paraph's own seal.")
	if code, done := parse(fs, args); done {
		return code
	}
	if fs.NArg() == 0 {
		fs.Usage()
		return exitUsage
	}
	t := trust{strict: *strict}
	if err := t.load(*ca, *logKey, *tsa); err != nil {
		return fail(env, err)
	}
	var all []*verdict
	code := exitOK
	for _, name := range fs.Args() {
		v, err := t.verifyFile(ctx, name)
		if err != nil {
			return fail(env, err)
		}
		if v.Verdict != pades.Valid {
			code = exitFailed
		}
		all = append(all, v)
	}
	if *asJSON {
		printJSON(env, all)
		return code
	}
	for _, v := range all {
		v.print(env.Stdout)
	}
	return code
}

func (t *trust) load(ca, logKey, tsa string) (err error) {
	if t.roots, err = rootsOf(ca); err != nil {
		return err
	}
	stamps, err := rootsOf(tsa)
	if err != nil {
		return err
	}
	if stamps != nil {
		t.stamps = tsp.Roots(stamps)
	}
	if logKey != "" {
		text := logKey
		if raw, err := os.ReadFile(logKey); err == nil {
			text = string(raw)
		}
		if t.log, err = journal.NewVerifier(strings.TrimSpace(text)); err != nil {
			return err
		}
	}
	return nil
}

// rootsOf reads a file of root certificates; nil where none is named.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// verifyFile finds out by its first bytes what a file is, and checks it. An
// error means that it could not be read.
func (t *trust) verifyFile(ctx context.Context, name string) (*verdict, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	v, err := t.verify(ctx, f, info.Size())
	v.File = name
	return v, err
}

func (t *trust) verify(ctx context.Context, f io.ReaderAt, size int64) (*verdict, error) {
	head := make([]byte, 1024)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return &verdict{}, err
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("c2sp.org/tlog-proof@v1\n")):
		return t.verifyProof(f, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")): // before PDF: a package holds one, near its beginning
		return t.verifyPackage(ctx, f, size)
	case bytes.Contains(head, []byte("%PDF-")):
		return t.verifyPDF(ctx, f, size)
	}
	v := &verdict{Kind: "unknown"}
	v.refuse("this is neither a PDF, nor a .tlog-proof file, nor an archive package")
	return v, nil
}

func (t *trust) verifyPDF(ctx context.Context, f io.ReaderAt, size int64) (*verdict, error) {
	v := &verdict{Kind: "pdf"}
	opts := pades.VerifyOptions{Roots: t.roots}
	if t.strict {
		opts.Policy = pades.Sealed
	}
	report, err := pades.Verify(ctx, f, size, opts)
	if err != nil {
		return v, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return v, err
	}
	v.PDF, v.Verdict = report, report.Verdict
	v.Facts = append(v.Facts, "SHA-256 "+hex.EncodeToString(h.Sum(nil)))
	for _, s := range report.Signatures {
		v.Facts = append(v.Facts, fmt.Sprintf("%s by %s, %s: %s", s.Kind, s.Signer, s.Time.UTC().Format("2 January 2006 15:04 UTC"), s.Verdict))
	}
	for _, c := range report.Failures() {
		v.Reasons = append(v.Reasons, c.Message)
	}
	if v.Verdict == pades.Indeterminate {
		v.Reasons = append(v.Reasons, notRun(report)...)
	}
	if t.roots == nil {
		v.Reasons = append(v.Reasons, "no root certificate was given, so nobody can say who made the seal: use --ca")
	}
	return v, nil
}

// notRun lists the checks that could not be made: a verdict never hides them.
func notRun(r *pades.Report) (out []string) {
	lists := [][]pades.Check{r.Checks}
	for i := range r.Signatures {
		lists = append(lists, r.Signatures[i].Checks)
	}
	for _, checks := range lists {
		for _, c := range checks {
			if c.Status == pades.NotRun {
				out = append(out, "not checked: "+c.Message)
			}
		}
	}
	return out
}

func (t *trust) verifyProof(f io.ReaderAt, size int64) (*verdict, error) {
	v := &verdict{Kind: "proof"}
	if size > journal.MaxProof {
		v.refuse("a proof has at most %d bytes", journal.MaxProof)
		return v, nil
	}
	raw := make([]byte, size)
	if _, err := f.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return v, err
	}
	if t.log == nil {
		v.Verdict = pades.Indeterminate
		v.Reasons = []string{"no key of the log was given, so nothing can be checked: use --log-key"}
		return v, nil
	}
	shown, err := journal.VerifyProof(raw, t.log, nil)
	if err != nil {
		v.refuse("%s", plain(err))
		return v, nil
	}
	v.Verdict, v.Event = pades.Valid, &shown
	v.Facts = append(v.Facts, fmt.Sprintf("entry %d of the log %s, which had %d entries", shown.Index, shown.Checkpoint.Origin, shown.Checkpoint.Head.Size))
	if d := shown.Disclosed; d != nil {
		v.Facts = append(v.Facts, describe(d)...)
	}
	return v, nil
}

// describe says what a disclosed entry tells.
func describe(d *journal.Disclosed) []string {
	out := []string{string(d.Kind) + " (" + d.ID + ")"}
	if d.Time != nil {
		out = append(out, "at "+d.Time.At)
	}
	if d.Actor != nil && d.Actor.Principal != "" {
		out = append(out, "by "+d.Actor.Principal)
	}
	if d.Document != nil && d.Document.Document != "" {
		out = append(out, "document "+d.Document.Document)
	}
	if d.Digests != nil {
		for name, sum := range d.Digests.Values {
			out = append(out, name+" "+sum)
		}
	}
	return out
}

// verifyPackage checks an archive package: the bag's manifests, and every
// sealed document and proof inside.
func (t *trust) verifyPackage(ctx context.Context, f io.ReaderAt, size int64) (*verdict, error) {
	v := &verdict{Kind: "package", Verdict: pades.Valid}
	z, err := zip.NewReader(f, size)
	if err != nil {
		v.refuse("the package cannot be opened: %v", err)
		return v, nil
	}
	if err := checkZipForm(f, z); err != nil {
		v.refuse("the package reads in more than one way: %v", err)
	}
	sums := map[string]string{}
	anchors := packedAnchors{all: map[string]*anchor.Packed{}, leaves: map[string][]byte{}}
	for _, file := range z.File {
		data, err := readPacked(file)
		if err != nil {
			v.refuse("%s: %v", file.Name, err)
			continue
		}
		sum := sha256.Sum256(data)
		sums[file.Name] = hex.EncodeToString(sum[:])
		if anchor.Unpack(anchors.all, file.Name, data) {
			continue
		}
		if !strings.HasSuffix(file.Name, ".tlog-proof") && file.Name != "data/document.pdf" && file.Name != "data/completion.pdf" {
			continue
		}
		inner, err := t.verify(ctx, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return v, err
		}
		if inner.Verdict != pades.Valid {
			v.Verdict = worse(v.Verdict, inner.Verdict)
			for _, r := range inner.Reasons {
				v.Reasons = append(v.Reasons, file.Name+": "+r)
			}
		} else if inner.Kind == "proof" {
			anchors.leaves[path.Base(strings.TrimSuffix(file.Name, ".tlog-proof"))] = inner.Event.Leaf
		}
	}
	checkManifests(v, z, sums)
	v.Facts = append(v.Facts, fmt.Sprintf("%d files, %d proofs verified", len(z.File), len(anchors.leaves)))
	anchors.check(t, v)
	return v, nil
}

func worse(a, b pades.Verdict) pades.Verdict {
	if a == pades.Invalid || b == pades.Invalid {
		return pades.Invalid
	}
	return pades.Indeterminate
}

// maxPacked bounds one file of a package, in bytes.
const maxPacked = 2 << 30

func readPacked(file *zip.File) ([]byte, error) {
	if file.UncompressedSize64 > maxPacked {
		return nil, errors.New("it is too large to be checked here")
	}
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxPacked))
}

// checkManifests holds every file against its line in the manifests (RFC 8493
// section 2.1.3), both ways.
func checkManifests(v *verdict, z *zip.Reader, sums map[string]string) {
	listed := map[string]bool{"tagmanifest-sha256.txt": true}
	for _, manifest := range []string{"manifest-sha256.txt", "tagmanifest-sha256.txt"} {
		f, err := z.Open(manifest)
		if err != nil {
			v.refuse("%s is missing", manifest)
			continue
		}
		raw, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			v.refuse("%s: %v", manifest, err)
		}
		for line := range strings.Lines(string(raw)) {
			sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			listed[name] = true
			if sums[name] != sum {
				v.refuse("%s is not the file that was packed", name)
			}
		}
	}
	for name := range sums {
		if !listed[name] {
			v.refuse("%s was not packed with the others", name)
		}
	}
}

func plain(err error) string {
	var p interface{ Unwrap() error }
	if errors.As(err, &p) {
		return strings.TrimSpace(err.Error())
	}
	return err.Error()
}

// print says a verdict to people.
func (v *verdict) print(w io.Writer) {
	word := map[pades.Verdict]string{pades.Valid: "✓ valid", pades.Invalid: "✗ NOT valid", pades.Indeterminate: "? not decided"}[v.Verdict]
	fmt.Fprintf(w, "%s  %s\n", word, v.File)
	for _, f := range v.Facts {
		fmt.Fprintf(w, "    %s\n", f)
	}
	for _, r := range v.Reasons {
		fmt.Fprintf(w, "    – %s\n", r)
	}
}
