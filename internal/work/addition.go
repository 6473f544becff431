package work

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// partSuffix marks, in an addition, the bytes that belong behind those of the file
// of that name in the packages before it.
const partSuffix = ".part"

// packed are the files that grow, by their names in a package.
const (
	packedDocument   = "data/document.pdf"
	packedCompletion = "data/completion.pdf"
)

// added is an addition to an archive package, written and read back. Its row is nil
// where there was nothing to add.
type added struct {
	row   *service.ArchiveAddition
	files map[string]service.PackageFile
	blob  service.Blob
}

// addition writes what a document has got since its package was closed: the bytes
// behind each file, and the entries since. The package itself is never touched; one
// file behind the other, they are the newest version. A document that is not in the
// archive, or has nothing new, gets none.
func (a *Archiver) addition(ctx context.Context, files *Files, in *service.ProtectInput) (out added, err error) {
	if in.Record == nil {
		return out, nil
	}
	had, err := archivedOf(in.Record)
	if err != nil {
		return out, err
	}
	b := &bag{open: map[string]func() (io.ReadCloser, error){}, sums: map[string]service.PackageFile{}, made: a.Service.Clock.Now()}
	current := in.Versions[in.Document.Current-1]
	for _, line := range in.Lines {
		name, v := packedCompletion, in.Versions[line.Version-1]
		if v.No == current.No {
			name = packedDocument
		}
		if err := a.addPart(ctx, b, name, had[name], v, in.Blobs[v.No]); err != nil {
			return out, err
		}
	}
	if len(b.names) == 0 {
		return out, nil
	}
	if err := a.addEvents(ctx, b, sinceThen(in.Record, in.Entries)); err != nil {
		return out, err
	}
	b.add("data/README.txt", []byte(additionReadme))
	addTagFiles(b, in.Document.ID, fmt.Sprintf("Extends: %s\nExtends-SHA256: %s\nAddition-Number: %d\nDocument-SHA256: %s\n",
		in.Record.ID, in.Record.PackageSHA256, len(in.Record.Additions)+1, current.SHA256))
	zipped := b.read()
	defer zipped.Close()
	if out.blob, err = files.keep(ctx, zipped); err != nil {
		return out, err
	}
	if err := failpoint.Hit(failpoint.AdditionStored); err != nil {
		return out, err
	}
	out.files = b.sums
	out.row = &service.ArchiveAddition{RecordID: in.Record.ID, No: len(in.Record.Additions) + 1, Version: current.No, SHA256: current.SHA256}
	return out, a.readBack(ctx, out.blob, b.sums)
}

const additionReadme = `This adds to an archive package, which stays as it is: bag-info.txt names it.

*.part          the bytes that belong behind the file of that name: in the package
                first, then in each addition by its number
events.jsonl    what happened since, one entry a line
proofs/         for each entry the proof that it stands in the log
anchors/        time stamps over the log that cover these entries
trust/          the log's verifier key, and the roots of the time stamping authorities

With the package's document.pdf beside it:
  cat document.pdf document.pdf.part > newest.pdf && sha256sum newest.pdf
gives the Document-SHA256 of bag-info.txt.
`

// fileSizes reads the list of files of a package or an addition.
func fileSizes(raw json.RawMessage) (out map[string]service.PackageFile, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	err = json.Unmarshal(raw, &out)
	return out, err
}

// fileLists gives the lists of files of a package and of its additions, by number.
func fileLists(r *service.ArchiveRecord) []json.RawMessage {
	all := []json.RawMessage{r.Files}
	for _, a := range r.Additions {
		all = append(all, a.Files)
	}
	return all
}

// archived is what the archive holds of a growing file.
type archived struct {
	size int64
	sum  string // SHA-256 of that much; "" where it is not known
}

// archivedOf gives what the archive holds of each growing file, by its name.
func archivedOf(r *service.ArchiveRecord) (map[string]archived, error) {
	out := map[string]archived{}
	for _, raw := range fileLists(r) {
		files, err := fileSizes(raw)
		if err != nil {
			return nil, err
		}
		for name, f := range files {
			name = strings.TrimSuffix(name, partSuffix)
			if name == packedDocument || name == packedCompletion {
				if before := out[name]; before.size > 0 {
					f.SHA256 = "" // that of a part
				}
				out[name] = archived{out[name].size + f.Size, f.SHA256}
			}
		}
	}
	if n := len(r.Additions); n > 0 {
		out[packedDocument] = archived{out[packedDocument].size, r.Additions[n-1].SHA256}
	}
	return out, nil
}

// sinceThen gives the entries that neither the package nor its additions hold.
func sinceThen(r *service.ArchiveRecord, entries []journal.Entry) (out []journal.Entry) {
	held := map[string]bool{}
	for _, raw := range fileLists(r) {
		files, err := fileSizes(raw)
		if err != nil {
			continue // then its entries are told once more
		}
		for name := range files {
			held[name] = true
		}
	}
	for _, e := range entries {
		if !held[proofName(e.ID)] {
			out = append(out, e)
		}
	}
	return out
}

// addPart puts the bytes into an addition that a version has behind those the
// archive holds, after making sure that it begins with them.
func (a *Archiver) addPart(ctx context.Context, b *bag, name string, had archived, v document.Version, blob service.Blob) error {
	if v.Size <= had.size {
		return nil
	}
	content, err := a.Vault.Open(ctx, blob)
	if err != nil {
		return err
	}
	defer content.Close()
	whole, part := sha256.New(), sha256.New()
	if _, err := io.Copy(whole, io.NewSectionReader(content, 0, had.size)); err != nil {
		return err
	}
	if had.sum != "" && hex.EncodeToString(whole.Sum(nil)) != had.sum {
		return differs("version %d does not begin with what is in the archive", v.No)
	}
	if _, err := io.Copy(io.MultiWriter(whole, part), io.NewSectionReader(content, had.size, v.Size-had.size)); err != nil {
		return err
	}
	if hex.EncodeToString(whole.Sum(nil)) != v.SHA256 {
		return differs("version %d is not what was stored", v.No)
	}
	b.addStream(name+partSuffix, hex.EncodeToString(part.Sum(nil)), v.Size-had.size, func() (io.ReadCloser, error) {
		content, err := a.Vault.Open(ctx, blob)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(content, had.size, v.Size-had.size), content}, nil
	})
	return nil
}

// addEvents puts entries into a package, each with its proof, and the time stamps
// that cover them.
func (a *Archiver) addEvents(ctx context.Context, b *bag, entries []journal.Entry) error {
	proofs, err := a.Service.EntryProofs(ctx, entries)
	if err != nil {
		return err
	}
	var events bytes.Buffer
	for _, p := range proofs {
		events.Write(p.Disclosed)
		events.WriteByte('\n')
		b.add(proofName(p.Entry.ID), p.Proof)
	}
	b.add("data/events.jsonl", events.Bytes())
	if err := a.addAnchors(ctx, b, entries); err != nil {
		return err
	}
	b.add("data/trust/log.vkey", []byte(a.Trust.LogKey+"\n"))
	return nil
}

func proofName(entry string) string { return "data/proofs/" + entry + ".tlog-proof" }
