package work

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// Trust is what somebody needs to verify, published and put into each package.
type Trust struct {
	LogKey string // verifier key of the log
	CAPEM  []byte // root of the sealing certificate
	TSAPEM []byte // roots of the time stamping authorities; nil: the system's
}

// Archiver packs documents for the compliance archive: a zip file laid out as a
// bag (BagIt, RFC 8493) with the documents, the evidence, the events with their
// proofs, and what is needed to verify them without Paraph. A package is read
// back and checked before the document counts as archived.
type Archiver struct {
	Service *service.Service
	Vault   service.Vault
	Tools   *pdf.Tools
	Trust   Trust
	Log     *slog.Logger
}

// Handle implements Handler for operations of kind archive.
func (a *Archiver) Handle(ctx context.Context, job Job) (err error) {
	in, err := a.Service.ArchiveInput(ctx, job.Operation.Org, job.Document.ID)
	if err != nil {
		return err
	}
	files := newFiles(a.Vault, a.Tools, a.Log, &in.Document)
	defer func() { files.done(ctx, err) }()
	bag, err := a.pack(ctx, in)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ArchivePacked); err != nil {
		return err
	}
	packed := bag.read()
	defer packed.Close() // ends the packing where the vault stops reading before its end
	blob, err := files.keep(ctx, packed)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ArchiveStored); err != nil {
		return err
	}
	if err := a.readBack(ctx, blob, bag.sums); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.ArchiveRead); err != nil {
		return err
	}
	current := in.Versions[in.Document.Current-1]
	files.naming()
	err = a.Service.FinishArchive(ctx, job.Call, job.Operation.ID, service.ArchiveRecord{
		ID: id.New("arc", a.Service.Clock.Now()), Version: current.No, SHA256: current.SHA256,
	}, bag.sums, blob)
	if err != nil {
		return err
	}
	return failpoint.Hit(failpoint.ArchiveFinished)
}

// bag is a package being written: small files in memory, documents streamed.
type bag struct {
	names []string
	open  map[string]func() (io.ReadCloser, error)
	sums  map[string]service.PackageFile
	made  time.Time
}

func (b *bag) add(name string, data []byte) {
	b.addStream(name, hexOf(data), int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
}

func (b *bag) addStream(name, sum string, size int64, open func() (io.ReadCloser, error)) {
	b.names = append(b.names, name)
	b.open[name] = open
	b.sums[name] = service.PackageFile{SHA256: sum, Size: size}
}

// pack gathers the package's files: payload below data/, then the tag files.
func (a *Archiver) pack(ctx context.Context, in service.ArchiveInput) (*bag, error) {
	b := &bag{open: map[string]func() (io.ReadCloser, error){}, sums: map[string]service.PackageFile{}, made: a.Service.Clock.Now()}
	a.addDocuments(ctx, b, in)
	if err := addEvidence(b, in); err != nil {
		return nil, err
	}
	if err := a.addEvents(ctx, b, in.Entries); err != nil {
		return nil, err
	}
	b.add("data/trust/ca.pem", a.Trust.CAPEM)
	b.add("data/README.txt", []byte(packageReadme))
	addTagFiles(b, in.Document.ID, "")
	return b, nil
}

const packageReadme = `This package holds a document with everything needed to check it.

document.pdf      the document as it was archived; sealed if it was signed
original.*        the file as it came in, byte for byte
completion.pdf    the certificate of completion, where it is a file of its own
evidence-*.json   who signed, how, when and from where
events.jsonl      what happened, one entry a line, each with the keys of its commitments
proofs/           for each entry the proof that it stands in the log
anchors/          time stamps over the log that cover entries, as far as there were
                  any: each with the checkpoint that was stamped, and the proofs
                  of the entries that it was the first to cover
trust/            the log's verifier key, the root of the sealing certificate,
                  and those of the time stamping authorities

Check it offline:
  paraph verify --ca trust/ca.pem document.pdf
  paraph verify --log-key trust/log.vkey proofs/*.tlog-proof
  openssl ts -verify -token_in -in anchors/ID/token.tst \
    -data anchors/ID/checkpoint -CAfile trust/tsa.pem
`

func (a *Archiver) addDocuments(ctx context.Context, b *bag, in service.ArchiveInput) {
	add := func(name string, v document.Version) {
		b.addStream(name, v.SHA256, v.Size, func() (io.ReadCloser, error) { return a.Vault.Open(ctx, in.Blobs[v.No]) })
	}
	current := in.Versions[in.Document.Current-1]
	add(packedDocument, current)
	if original := originalOf(in.Versions, current.No); original.No != current.No {
		add("data/original"+extension(original), original)
	}
	for _, v := range in.Versions {
		if v.Kind == document.Completion {
			add(packedCompletion, document.LineOf(in.Versions, v.No))
		}
	}
}

// extension gives the ending of a file in the package, by its media type.
func extension(v document.Version) string {
	known := map[string]string{"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "image/tiff": ".tif", "image/webp": ".webp"}
	if ext, ok := known[v.MediaType]; ok {
		return ext
	}
	ext := strings.ToLower(path.Ext(v.FileName))
	if len(ext) < 2 || len(ext) > 5 || strings.ContainsFunc(ext[1:], func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		return ".bin"
	}
	return ext
}

func addEvidence(b *bag, in service.ArchiveInput) error {
	for i := range in.Envelopes {
		e := &in.Envelopes[i]
		if e.State != signing.Completed {
			continue
		}
		shown := in.Versions[e.Version-1]
		data, err := makeEvidence(&in.Document, e, shown, originalOf(in.Versions, shown.No))
		if err != nil {
			return err
		}
		b.add("data/evidence-"+e.ID+".json", data)
	}
	return nil
}

// addTagFiles adds what RFC 8493 asks for: declaration, information, manifests.
// more are further lines of information.
func addTagFiles(b *bag, docID, more string) {
	var manifest strings.Builder
	var payload int64
	names := slices.Sorted(slices.Values(b.names))
	for _, name := range names {
		fmt.Fprintf(&manifest, "%s  %s\n", b.sums[name].SHA256, name)
		payload += b.sums[name].Size
	}
	b.add("bagit.txt", []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"))
	b.add("bag-info.txt", fmt.Appendf(nil, "Bagging-Date: %s\nExternal-Identifier: %s\nPayload-Oxum: %d.%d\nBag-Software-Agent: Paraph\n%s",
		b.made.Format(time.DateOnly), docID, payload, len(names), more))
	b.add("manifest-sha256.txt", []byte(manifest.String()))
	var tags strings.Builder
	for _, name := range []string{"bag-info.txt", "bagit.txt", "manifest-sha256.txt"} {
		fmt.Fprintf(&tags, "%s  %s\n", b.sums[name].SHA256, name)
	}
	b.add("tagmanifest-sha256.txt", []byte(tags.String()))
}

// read gives the package as a stream of a zip file, to be closed.
func (b *bag) read() io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(b.write(w)) }()
	return r
}

func (b *bag) write(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, name := range b.names {
		out, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: methodFor(name), Modified: b.made})
		if err != nil {
			return err
		}
		in, err := b.open[name]()
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		in.Close()
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// methodFor leaves alone what is compressed already.
func methodFor(name string) uint16 {
	if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".txt") {
		return zip.Deflate
	}
	return zip.Store
}

// readBack opens the stored package and checks every file in it, and every
// proof against the log's key.
func (a *Archiver) readBack(ctx context.Context, blob service.Blob, want map[string]service.PackageFile) error {
	content, err := a.Vault.Open(ctx, blob)
	if err != nil {
		return err
	}
	defer content.Close()
	z, err := zip.NewReader(content, content.Size())
	if err != nil {
		return differs("it cannot be opened: %v", err)
	}
	verifier, err := journal.NewVerifier(a.Trust.LogKey)
	if err != nil {
		return err
	}
	seen := 0
	for _, f := range z.File {
		w, ok := want[f.Name]
		if !ok {
			return differs("%s was never put in", f.Name)
		}
		if err := checkPacked(f, w, verifier); err != nil {
			return err
		}
		seen++
	}
	if seen != len(want) {
		return differs("it has %d files instead of %d", seen, len(want))
	}
	return nil
}

func checkPacked(f *zip.File, want service.PackageFile, verifier *journal.Verifier) error {
	r, err := f.Open()
	if err != nil {
		return differs("%s: %v", f.Name, err)
	}
	defer r.Close()
	h := sha256.New()
	var proof bytes.Buffer
	into := io.Writer(h)
	if strings.HasSuffix(f.Name, ".tlog-proof") {
		into = io.MultiWriter(h, &proof)
	}
	n, err := io.Copy(into, r)
	if err != nil || n != want.Size || hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return differs("%s is not what was put in (%v)", f.Name, err)
	}
	if proof.Len() == 0 {
		return nil
	}
	if _, err := journal.VerifyProof(proof.Bytes(), verifier, nil); err != nil {
		return differs("%s: %v", f.Name, err)
	}
	return nil
}

func differs(format string, args ...any) error {
	return fault.New(fault.Internal, "package_differs", "The archive package is not what was written: "+format, args...)
}

func hexOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
