package zipform

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"testing"
	"time"
)

func packed(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range []struct {
		name   string
		method uint16
	}{{"data/document.pdf", zip.Store}, {"data/evidence.json", zip.Deflate}, {"bagit.txt", zip.Store}} {
		out, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: f.method, Modified: time.Date(2026, 4, 17, 9, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(bytes.Repeat([]byte(f.name), 5)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// whole opens a package as verify does: every file read, the form checked.
func whole(raw []byte) (map[string]string, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out[f.Name] = string(data)
	}
	return out, Check(bytes.NewReader(raw), z)
}

// No change before the directory goes unseen, but for bits of compressed data
// that change nothing of what comes out.
func TestZipFormSeesEveryChangeBeforeTheDirectory(t *testing.T) {
	t.Parallel()
	good := packed(t)
	want, err := whole(good)
	if err != nil {
		t.Fatal(err)
	}
	directory := bytes.Index(good, []byte(zipCentral))
	z, err := zip.NewReader(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	deflated := map[int]bool{}
	for _, f := range z.File {
		start, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		for o := range int(f.CompressedSize64) {
			deflated[int(start)+o] = f.Method == zip.Deflate
		}
	}
	for i := range directory {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if got, err := whole(bad); err == nil && !(deflated[i] && maps.Equal(got, want)) {
			t.Errorf("a change of byte %d was not seen", i)
		}
	}
}

func TestZipFormSeesWhatLiesBetween(t *testing.T) {
	t.Parallel()
	good := packed(t)
	if _, err := whole(append([]byte("#!/bin/sh\n"), good...)); err == nil {
		t.Error("something before the first file was not seen")
	}
}
