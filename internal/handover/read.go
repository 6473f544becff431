package handover

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/zipform"
)

// Code is the code of the fault for an archive that is not what it should be.
const Code = "export_refused"

func refused(format string, args ...any) error {
	return fault.New(fault.Invalid, Code, "The archive is not a sound export of a business unit: "+format+".", args...)
}

// Archive is an archive that is read. Its form and its manifest were looked at; its
// files are compared with their digests by Check, or one by one by Content.
type Archive struct {
	Manifest Manifest
	Digest   string // SHA-256 of the manifest
	in       io.ReaderAt
	files    map[string]*zip.File
	named    map[string]File // by the manifest
}

// source is what an archive is read from. While its directory is read, no more than
// so many bytes are; what fails is remembered, to be told from what is malformed.
type source struct {
	io.ReaderAt
	bounded bool
	left    int64
	err     error
}

var errBudget = errors.New("its directory is too large")

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if s.bounded {
		if s.left -= int64(len(p)); s.left < 0 {
			return 0, errBudget
		}
	}
	n, err := s.ReaderAt.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) && s.err == nil {
		s.err = err
	}
	return n, err
}

// Is tells whether a zip file says that it is such an archive.
func Is(z *zip.Reader) bool {
	for _, f := range z.File {
		if f.Name == ManifestName {
			return true
		}
	}
	return false
}

// Open looks at an archive's form and reads its manifest. Fault Invalid "export_refused"
// where it is truncated, reads in more than one way, names a file twice or by a path
// that leads elsewhere, holds what would grow beyond measure, or is of another format.
// Errors of in come back as they are.
func Open(in io.ReaderAt, size int64) (*Archive, error) {
	from := &source{ReaderAt: in, bounded: true, left: maxDirectory}
	z, err := zip.NewReader(from, size)
	from.bounded = false
	if err == nil {
		if formErr := zipform.Check(from, z); formErr != nil && from.err == nil {
			return nil, refused("it reads in more than one way: %v", formErr)
		}
	}
	if from.err != nil {
		return nil, from.err
	}
	if err != nil {
		return nil, refused("it cannot be opened (%v); it may not have arrived whole", err)
	}
	a := &Archive{in: in, files: make(map[string]*zip.File, len(z.File)), named: map[string]File{}}
	for _, f := range z.File {
		if err := checkName(f); err != nil {
			return nil, err
		}
		if a.files[f.Name] != nil {
			return nil, refused("%s stands in it twice", f.Name)
		}
		a.files[f.Name] = f
	}
	if len(z.File) == 0 || z.File[len(z.File)-1].Name != ManifestName {
		return nil, refused("%s is not its last file", ManifestName)
	}
	return a, a.manifest()
}

// checkName looks whether a file's name is one that we write, and its length one
// that may be.
func checkName(f *zip.File) error {
	if !cleanPath(f.Name) {
		return refused("it holds a file by the name %.60q", f.Name)
	}
	if f.Method != method(f.Name) || f.Flags&1 != 0 {
		return refused("%s is packed in another way than it should be", f.Name)
	}
	if f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64 {
		return refused("%s has two lengths", f.Name)
	}
	if f.UncompressedSize64/maxRatio > f.CompressedSize64 && f.UncompressedSize64 > 1<<20 {
		return refused("%s would grow from %d bytes to %d", f.Name, f.CompressedSize64, f.UncompressedSize64)
	}
	return nil
}

// cleanPath tells whether a path is made of plain parts and leads down only.
func cleanPath(path string) bool {
	if path == "" || len(path) > maxPath {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
				return false
			}
		}
	}
	return true
}

// manifest reads and checks the manifest.
func (a *Archive) manifest() error {
	raw, err := a.small(ManifestName, MaxManifest)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	a.Digest = hex.EncodeToString(sum[:])
	m := &a.Manifest
	if err := json.Unmarshal(raw, m); err != nil {
		return refused("its manifest is no JSON that is understood: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if m.Format != Format {
		return refused("it is of the format %.40q; %s is understood", m.Format, Format)
	}
	if m.Origin.Organisation == "" || m.Origin.Unit == "" || len(m.Origin.Installation) > 500 || len(m.Origin.Organisation) > 100 || len(m.Origin.Unit) > 100 {
		return refused("its manifest does not say where it comes from")
	}
	for _, f := range m.Files {
		if _, twice := a.named[f.Path]; twice || f.Path == ManifestName {
			return refused("its manifest names %.100q twice", f.Path)
		}
		if err := a.there(f); err != nil {
			return err
		}
		a.named[f.Path] = f
	}
	for _, name := range []string{FilesName, DocumentsName, LogKeyName, UnitName} {
		if _, ok := a.named[name]; !ok {
			return refused("its manifest does not name %s", name)
		}
	}
	if int64(len(a.files)) != int64(len(a.named))+m.Counts.Files+1 {
		return refused("it holds %d files, and its manifest counts %d", len(a.files), int64(len(a.named))+m.Counts.Files+1)
	}
	return nil
}

// there looks whether a file is there in the length that is said of it.
func (a *Archive) there(f File) error {
	z := a.files[f.Path]
	if z == nil {
		return refused("%.100q is not in it", f.Path)
	}
	if raw, err := hex.DecodeString(f.SHA256); err != nil || len(raw) != sha256.Size || strings.ToLower(f.SHA256) != f.SHA256 {
		return refused("%s has no SHA-256", f.Path)
	}
	if f.Size < 0 || uint64(f.Size) != z.UncompressedSize64 {
		return refused("%s has %d bytes instead of %d", f.Path, z.UncompressedSize64, f.Size)
	}
	return nil
}

// small reads a file whole.
func (a *Archive) small(path string, most int64) ([]byte, error) {
	f := a.files[path]
	if f == nil {
		return nil, refused("%s is not in it", path)
	}
	if f.UncompressedSize64 > uint64(most) {
		return nil, refused("%s has more than %d bytes", path, most)
	}
	r, err := f.Open()
	if err != nil {
		return nil, refused("%s: %v", path, err)
	}
	defer r.Close() //nolint:errcheck // nothing was written
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, refused("%s: %v", path, err)
	}
	return raw, nil
}

// Named gives a file that the manifest names, compared with its digest. Fault
// Invalid "export_refused".
func (a *Archive) Named(path string, most int64) ([]byte, error) {
	f, ok := a.named[path]
	if !ok {
		return nil, refused("%s is not in it", path)
	}
	raw, err := a.small(path, most)
	if sum := sha256.Sum256(raw); err == nil && hex.EncodeToString(sum[:]) != f.SHA256 {
		err = refused("%s is not what its manifest says", path)
	}
	return raw, err
}

// Check reads every file once and compares it with its digest, and the counts with
// what is there. seen is told of each file. Fault Invalid "export_refused".
func (a *Archive) Check(ctx context.Context, seen func(File) error) error {
	for _, f := range a.Manifest.Files {
		if err := a.compare(ctx, f, seen); err != nil {
			return err
		}
	}
	listed, bytes, all := int64(0), int64(0), map[string]bool{}
	err := a.EachFile(func(f File) error {
		if _, twice := a.named[f.Path]; twice || all[f.Path] || f.Path == ManifestName {
			return refused("%s lists %.100q twice", FilesName, f.Path)
		}
		all[f.Path] = true
		if err := a.there(f); err != nil {
			return err
		}
		listed, bytes = listed+1, bytes+f.Size
		return a.compare(ctx, f, seen)
	})
	if err != nil {
		return err
	}
	if c := a.Manifest.Counts; listed != c.Files || bytes != c.Bytes {
		return refused("%s lists %d files of %d bytes; the manifest counts %d of %d", FilesName, listed, bytes, c.Files, c.Bytes)
	}
	return nil
}

func (a *Archive) compare(ctx context.Context, f File, seen func(File) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := a.Content(f)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return seen(f)
}

// Content gives the bytes of a file. At their end, if they are not those of the
// digest, stands a fault Invalid "export_refused" instead of io.EOF.
func (a *Archive) Content(f File) (io.ReadCloser, error) {
	if err := a.there(f); err != nil {
		return nil, err
	}
	r, err := a.files[f.Path].Open()
	if err != nil {
		return nil, refused("%s: %v", f.Path, err)
	}
	return &content{ReadCloser: r, of: f, sum: sha256.New()}, nil
}

type content struct {
	io.ReadCloser
	of  File
	n   int64
	sum hash.Hash
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n]) //nolint:errcheck // a hash takes everything
	c.n += int64(n)
	var known *fault.Fault
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		if c.n != c.of.Size || hex.EncodeToString(c.sum.Sum(nil)) != c.of.SHA256 {
			return n, refused("%s is not what its digest says", c.of.Path)
		}
	case errors.As(err, &known):
	default:
		err = refused("%s: %v", c.of.Path, err)
	}
	return n, err
}

// At gives a file that stands in the archive as it is, to be read from anywhere. Its
// digest is not compared.
func (a *Archive) At(f File) (io.ReaderAt, error) {
	if err := a.there(f); err != nil {
		return nil, err
	}
	if packed(f.Path) {
		return nil, refused("%s is packed", f.Path)
	}
	at, err := a.files[f.Path].DataOffset()
	if err != nil {
		return nil, refused("%s: %v", f.Path, err)
	}
	return io.NewSectionReader(a.in, at, f.Size), nil
}

// EachFile reads files.jsonl.
func (a *Archive) EachFile(fn func(File) error) error {
	return each(a, a.named[FilesName], func(f *File) error { return fn(*f) })
}

// EachDocument reads documents.jsonl, in its order, and looks whether each line is
// sound in itself: its versions are counted from 1, each made of one before, and their
// files listed. Fault Invalid "export_refused".
func (a *Archive) EachDocument(fn func(*Document) error) error {
	n, seen := int64(0), map[string]bool{}
	err := each(a, a.named[DocumentsName], func(d *Document) error {
		if n++; seen[d.ID] {
			return refused("document %.60s stands in it twice", d.ID)
		}
		seen[d.ID] = true
		if err := d.check(); err != nil {
			return err
		}
		return fn(d)
	})
	if err == nil && n != a.Manifest.Counts.Documents {
		err = refused("%s has %d lines; the manifest counts %d", DocumentsName, n, a.Manifest.Counts.Documents)
	}
	return err
}

// EachType reads types.jsonl, where there is one.
func (a *Archive) EachType(fn func(*Type) error) error {
	f, ok := a.named[TypesName]
	if !ok {
		return nil
	}
	return each(a, f, fn)
}

// EachEntry reads a file of entries.
func (a *Archive) EachEntry(f File, fn func(*Entry) error) error { return each(a, f, fn) }

// NamedFile gives what the manifest says of a file.
func (a *Archive) NamedFile(path string) (File, bool) {
	f, ok := a.named[path]
	return f, ok
}

// check looks whether a line is sound in itself.
func (d *Document) check() error {
	if !cleanPath(d.ID) || strings.Contains(d.ID, "/") || len(d.ID) > 64 {
		return refused("a document has the id %.60q", d.ID)
	}
	if len(d.Versions) > MaxVersions || d.Current < 0 || d.Current > len(d.Versions) {
		return refused("document %s has no version %d", d.ID, d.Current)
	}
	for i, v := range d.Versions {
		if v.Number != i+1 || v.DerivedFrom < 0 || v.DerivedFrom >= v.Number {
			return refused("the versions of document %s are not in order", d.ID)
		}
		if v.Path != "" && !strings.HasPrefix(v.Path, "documents/"+d.ID+"/") {
			return refused("document %s names the file %.100q", d.ID, v.Path)
		}
	}
	if d.Journal.Path != EntriesOf(d.ID) {
		return refused("document %s names the file %.100q", d.ID, d.Journal.Path)
	}
	if d.Archive != nil {
		for _, p := range d.Archive.Packages {
			if !strings.HasPrefix(p.Path, "archive/") {
				return refused("document %s names the file %.100q", d.ID, p.Path)
			}
		}
	}
	return nil
}

// EntriesOf names the file of a document's entries.
func EntriesOf(id string) string { return "documents/" + id + "/entries.jsonl" }

// each reads the lines of a file and hands them on.
func each[T any](a *Archive, f File, fn func(*T) error) error {
	r, err := a.Content(f)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), MaxLine)
	for n := 1; lines.Scan(); n++ {
		var value T
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		if err := dec.Decode(&value); err != nil {
			return refused("line %d of %s is no JSON that is understood: %s", n, f.Path, strings.TrimPrefix(err.Error(), "json: "))
		}
		if dec.More() {
			return refused("line %d of %s holds more than one value", n, f.Path)
		}
		if err := fn(&value); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return refused("a line of %s has more than %d bytes", f.Path, MaxLine)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}
