// Package zipform looks whether a zip file reads in one way only.
package zipform

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
)

// Signatures of a zip file's parts (APPNOTE 4.3).
const (
	zipLocal      = "PK\x03\x04"
	zipDescriptor = "PK\x07\x08"
	zipCentral    = "PK\x01\x02"
)

// Check makes sure that all programs find the same files in a zip file.
// Some read its directory, some the headers before each file; both have to say
// the same, nothing may lie between the files, and the directory follows the
// last of them.
func Check(f io.ReaderAt, z *zip.Reader) error {
	files := append([]*zip.File(nil), z.File...)
	starts := map[*zip.File]int64{}
	for _, file := range files {
		at, err := file.DataOffset()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		starts[file] = at
	}
	sort.Slice(files, func(i, j int) bool { return starts[files[i]] < starts[files[j]] })
	next := int64(0)
	for _, file := range files {
		end, err := checkZipFile(f, next, starts[file], file)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
		next = end
	}
	head, err := readZip(f, next, 4)
	if err != nil {
		return err
	}
	if string(head) != zipCentral {
		return errors.New("something lies between the last file and the directory")
	}
	return nil
}

var errZipTwoWays = errors.New("its header and the directory differ")

// checkZipFile compares the header at one place with the directory's entry, and
// gives the place behind the file.
func checkZipFile(f io.ReaderAt, at, data int64, file *zip.File) (int64, error) {
	const fixed = 30
	h, err := readZip(f, at, fixed)
	if err != nil {
		return 0, err
	}
	if string(h[:4]) != zipLocal {
		return 0, errors.New("something lies before it")
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	nameLen, extraLen := int64(u16(h[26:])), int64(u16(h[28:]))
	if at+fixed+nameLen+extraLen != data || u16(h[6:]) != file.Flags || u16(h[8:]) != file.Method {
		return 0, errZipTwoWays
	}
	name, err := readZip(f, at+fixed, nameLen)
	if err != nil {
		return 0, err
	}
	extra, err := readZip(f, at+fixed+nameLen, extraLen)
	if err != nil {
		return 0, err
	}
	// The times, too: a byte that nothing vouches for is a byte that can be changed.
	if string(name) != file.Name || !bytes.Equal(extra, file.Extra) || u16(h[4:]) != file.ReaderVersion ||
		u16(h[10:]) != file.ModifiedTime || u16(h[12:]) != file.ModifiedDate {
		return 0, errZipTwoWays
	}
	end := data + int64(file.CompressedSize64)
	if file.Flags&8 == 0 { // sizes stand in the header
		if u32(h[14:]) != file.CRC32 || file.CompressedSize64 < 1<<32-1 && u32(h[18:]) != uint32(file.CompressedSize64) {
			return 0, errZipTwoWays
		}
		return end, nil
	}
	var want []byte
	want = append(want, zipDescriptor...)
	want = binary.LittleEndian.AppendUint32(want, file.CRC32)
	if file.CompressedSize64 >= 1<<32-1 || file.UncompressedSize64 >= 1<<32-1 {
		want = binary.LittleEndian.AppendUint64(want, file.CompressedSize64)
		want = binary.LittleEndian.AppendUint64(want, file.UncompressedSize64)
	} else {
		want = binary.LittleEndian.AppendUint32(want, uint32(file.CompressedSize64))
		want = binary.LittleEndian.AppendUint32(want, uint32(file.UncompressedSize64))
	}
	got, err := readZip(f, end, int64(len(want)))
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(got, want) || !bytes.Equal(h[14:26], make([]byte, 12)) {
		return 0, errZipTwoWays
	}
	return end + int64(len(want)), nil
}

func readZip(f io.ReaderAt, at, n int64) ([]byte, error) {
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, at); err != nil {
		return nil, errors.New("the file ends too early")
	}
	return buf, nil
}
