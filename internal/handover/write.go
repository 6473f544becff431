package handover

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strings"
	"time"
)

// ErrTooMany says that a unit has more files than one archive takes.
var ErrTooMany = errors.New("handover: more files than one archive takes")

// Writer writes an archive as a stream. What it keeps in memory is the zip file's
// directory: about a third of a kilobyte for each file.
type Writer struct {
	zip   *zip.Writer
	made  time.Time
	names int
	// Named are the files that the manifest names.
	Named []File
}

// NewWriter begins an archive.
func NewWriter(w io.Writer, made time.Time) *Writer {
	return &Writer{zip: zip.NewWriter(w), made: made.UTC().Truncate(2 * time.Second)}
}

// sink hashes and counts what goes into a file.
type sink struct {
	io.Writer
	sum hash.Hash
	n   int64
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	s.sum.Write(p[:n])
	s.n += int64(n)
	return n, err
}

// Add writes a file by fill, and gives its digest and size.
func (w *Writer) Add(path string, fill func(io.Writer) error) (File, error) {
	if w.names++; w.names > MaxFiles {
		return File{}, ErrTooMany
	}
	out, err := w.zip.CreateHeader(&zip.FileHeader{Name: path, Method: method(path), Modified: w.made})
	if err != nil {
		return File{}, err
	}
	s := &sink{Writer: out, sum: sha256.New()}
	if err := fill(s); err != nil {
		return File{}, err
	}
	return File{Path: path, SHA256: hex.EncodeToString(s.sum.Sum(nil)), Size: s.n}, nil
}

// Name writes a file that the manifest names.
func (w *Writer) Name(path string, fill func(io.Writer) error) error {
	f, err := w.Add(path, fill)
	if err == nil {
		w.Named = append(w.Named, f)
	}
	return err
}

// NameBytes is Name for a small file.
func (w *Writer) NameBytes(path string, data []byte) error {
	return w.Name(path, func(out io.Writer) error { _, err := out.Write(data); return err })
}

// Close writes the manifest as the last file and ends the archive. It gives the
// digest of the manifest.
func (w *Writer) Close(m Manifest) (digest string, err error) {
	m.Format, m.Files = Format, w.Named
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", err
	}
	f, err := w.Add(ManifestName, func(out io.Writer) error { _, err := out.Write(append(raw, '\n')); return err })
	if err != nil {
		return "", err
	}
	return f.SHA256, w.zip.Close()
}

// Lines writes values as lines of JSON.
func Lines(w io.Writer) func(any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode
}

// packed tells whether a file is one of ours, which are text and shrink; the others
// stand in the archive as they are, so that none can grow when it is read.
func packed(path string) bool {
	return path == ManifestName || strings.HasSuffix(path, ".jsonl") || !strings.Contains(path, "/")
}

func method(path string) uint16 {
	if packed(path) {
		return zip.Deflate
	}
	return zip.Store
}
