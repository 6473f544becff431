package pades

import (
	"cmp"
	"crypto"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
)

// The digests of all signatures have their beginnings in common, so the file is
// read once: at the gap of each signature the running digest is copied, and what
// lies behind the gap is added to the copy.

// maxTails bounds what is read twice so, as a multiple of the file's size: a hostile
// file can have many signatures with long ends.
const maxTails = 4

// digests computes the digest of every signature, and the SHA-256 of the file.
func (v *verifier) digests() error {
	wanted := map[crypto.Hash][]*found{crypto.SHA256: nil}
	tails := int64(0)
	for _, f := range v.found {
		if f.hash == 0 || f.revision < 0 {
			continue
		}
		if tails += f.report.ByteRange[3]; tails > maxTails*v.size+64<<20 {
			f.checks.notRun(CheckDigest, "the signatures of this file would take too long to be checked")
			continue
		}
		wanted[f.hash] = append(wanted[f.hash], f)
	}
	running := map[crypto.Hash]hash.Hash{}
	var sinks []io.Writer
	var stops []int64
	for h, list := range wanted {
		running[h] = h.New()
		sinks = append(sinks, running[h])
		for _, f := range list {
			stops = append(stops, f.report.ByteRange[1])
		}
	}
	slices.Sort(stops)
	all := io.MultiWriter(sinks...)
	at := int64(0)
	for _, stop := range append(slices.Compact(stops), v.size) {
		if err := copyTo(v.ctx, all, offsetReader{v.in, at}, stop-at); err != nil {
			return err
		}
		at = stop
		for h, list := range wanted {
			for _, f := range list {
				if f.report.ByteRange[1] != stop {
					continue
				}
				if err := v.tail(f, running[h]); err != nil {
					return err
				}
			}
		}
	}
	v.report.SHA256 = hex.EncodeToString(running[crypto.SHA256].Sum(nil))
	return nil
}

// tail finishes the digest of one signature.
func (v *verifier) tail(f *found, prefix hash.Hash) error {
	c, ok := prefix.(hash.Cloner)
	if !ok {
		return errors.New("the hash cannot be copied")
	}
	h, err := c.Clone()
	if err != nil {
		return err
	}
	br := f.report.ByteRange
	if err := copyTo(v.ctx, h, offsetReader{v.in, br[2]}, br[3]); err != nil {
		return err
	}
	f.digest = h.Sum(nil)
	f.report.Digest = hex.EncodeToString(f.digest)
	return nil
}

// hashFile computes the SHA-256 of a file that has nothing else to be computed.
func (v *verifier) hashFile() error {
	h := crypto.SHA256.New()
	if err := copyTo(v.ctx, h, v.in, v.size); err != nil {
		return err
	}
	v.report.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

// offsetReader is in from a place on.
type offsetReader struct {
	in  io.ReaderAt
	off int64
}

// ReadAt implements io.ReaderAt.
func (o offsetReader) ReadAt(b []byte, off int64) (int, error) { return o.in.ReadAt(b, o.off+off) }

// byRevision sorts the newest first.
func byRevision(list []*found) []*found {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *found) int { return cmp.Compare(b.revision, a.revision) })
	return list
}
