package journal

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/paraph/paraph/internal/fault"
)

const (
	// TileWidth is the number of hashes, or entries, of a full tile.
	TileWidth = 256
	// entriesLevel is the Level of a Tile that is an entry bundle.
	entriesLevel = -1
	// maxTileN bounds the number of a tile so that the positions in it stay
	// inside an int64.
	maxTileN = 1 << 52
)

// Tile names one resource of the log's read interface (C2SP tlog-tiles v0.1):
// TileWidth consecutive hashes of the tree at level 8·Level, or as many entries.
type Tile struct {
	Level int   // 0 to 63; -1 for an entry bundle
	N     int64 // number of the tile within its level, from 0
	Width int   // hashes or entries in it: TileWidth, or fewer in a partial one
}

// Entries tells whether the tile is a bundle of entries and not of hashes.
func (t Tile) Entries() bool { return t.Level == entriesLevel }

// Path gives the tile's path below the log's address: tile/0/x001/234,
// tile/entries/000.p/17.
func (t Tile) Path() string {
	level := "entries"
	if !t.Entries() {
		level = strconv.Itoa(t.Level)
	}
	n := fmt.Sprintf("%03d", t.N%1000)
	for rest := t.N / 1000; rest > 0; rest /= 1000 {
		n = fmt.Sprintf("x%03d/%s", rest%1000, n)
	}
	path := "tile/" + level + "/" + n
	if t.Width != TileWidth {
		path += ".p/" + strconv.Itoa(t.Width)
	}
	return path
}

// ParseTilePath reads such a path, in its one writing. Anything else is
// NotFound, "no_such_tile", as for any path that does not exist.
func ParseTilePath(path string) (Tile, error) {
	none := noSuchTile(path)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return Tile{}, none
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Tile{}, none
	}
	t := Tile{Level: entriesLevel, Width: TileWidth}
	if level != "entries" {
		n, ok := parseDecimal(level)
		if !ok || n > 63 {
			return Tile{}, none
		}
		t.Level = int(n)
	}
	if number, width, partial := strings.Cut(rest, ".p/"); partial {
		w, ok := parseDecimal(width)
		if !ok || w < 1 || w >= TileWidth {
			return Tile{}, none
		}
		t.Width, rest = int(w), number
	}
	for elem := range strings.SplitSeq(rest, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(elem, "x"), 10, 16)
		if err != nil || n > 999 || t.N > maxTileN/1000 {
			return Tile{}, none
		}
		t.N = t.N*1000 + int64(n)
	}
	if t.Path() != path { // one writing only: no leading zeros, no missing x
		return Tile{}, none
	}
	return t, nil
}

func noSuchTile(path string) error {
	return fault.New(fault.NotFound, "no_such_tile", "The log has no tile %.80q.", path)
}

// in tells whether a log of size entries has the tile.
func (t Tile) in(size int64) bool {
	level := max(t.Level, 0)
	if t.Level < entriesLevel || level > 7 || t.N < 0 || t.N > maxTileN || t.Width < 1 || t.Width > TileWidth {
		return false // a tile of level 8 would need 2^64 entries
	}
	return t.N*TileWidth+int64(t.Width) <= size>>(8*level)
}

// ReadTile gives the content of a tile of hashes, 32 bytes each. size is that of
// a published checkpoint; any partial tile inside it is served. NotFound,
// "no_such_tile".
func ReadTile(t Tile, size int64, r HashReader) ([]byte, error) {
	if t.Entries() || !t.in(size) {
		return nil, noSuchTile(t.Path())
	}
	positions := make([]int64, t.Width)
	for i := range positions {
		positions[i] = tlog.StoredHashIndex(8*t.Level, t.N*TileWidth+int64(i))
	}
	hashes, err := readHashes(r, positions)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, t.Width*len(Hash{}))
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data, nil
}

// LeafReader reads the leaves from index from up to and without index to, in
// order; all of them, or an error.
type LeafReader func(from, to int64) ([][]byte, error)

// ReadBundle gives the content of an entry bundle: each leaf with its length in
// front as a 16-bit big-endian number. NotFound, "no_such_tile".
func ReadBundle(t Tile, size int64, r LeafReader) ([]byte, error) {
	if !t.Entries() || !t.in(size) {
		return nil, noSuchTile(t.Path())
	}
	from := t.N * TileWidth
	leaves, err := r(from, from+int64(t.Width))
	if err != nil {
		return nil, err
	}
	if len(leaves) != t.Width {
		return nil, fault.New(fault.Internal, "log_incomplete", "asked for %d leaves of the log from %d, got %d", t.Width, from, len(leaves))
	}
	var data []byte
	for i, leaf := range leaves {
		if len(leaf) > 0xffff {
			return nil, fault.New(fault.Internal, "leaf_too_long", "leaf %d is %d bytes", from+int64(i), len(leaf))
		}
		data = binary.BigEndian.AppendUint16(data, uint16(len(leaf)))
		data = append(data, leaf...)
	}
	return data, nil
}

// ParseBundle reads the leaves of an entry bundle of the given width. Invalid,
// "bundle_malformed".
func ParseBundle(data []byte, width int) ([][]byte, error) {
	malformed := fault.New(fault.Invalid, "bundle_malformed", "This is not an entry bundle of %d entries.", width)
	if width < 1 || width > TileWidth {
		return nil, malformed
	}
	leaves := make([][]byte, 0, width)
	for range width {
		if len(data) < 2 {
			return nil, malformed
		}
		n := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < n {
			return nil, malformed
		}
		leaves, data = append(leaves, data[:n:n]), data[n:]
	}
	if len(data) != 0 {
		return nil, malformed
	}
	return leaves, nil
}
