package journal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func TestTilePaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]Tile{
		"tile/0/000":                                     {0, 0, 256},
		"tile/0/x001/x234/067":                           {0, 1234067, 256},
		"tile/63/999.p/255":                              {63, 999, 255},
		"tile/1/x001/000.p/1":                            {1, 1000, 1},
		"tile/entries/017":                               {-1, 17, 256},
		"tile/entries/x009/999.p/7":                      {-1, 9999, 7},
		"tile/0/x004/x503/x599/x627/x370/496":            {0, 4503599627370496, 256},
		"tile/0/x004/x503/x599/x627/x370/496.p/" + "128": {0, 4503599627370496, 128},
	} {
		got, err := ParseTilePath(path)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
		if want.Path() != path {
			t.Errorf("%+v: path %s", want, want.Path())
		}
	}
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/1000", "tile/0/x001", "tile/0/x000/001", "tile/0/001/002",
		"tile/00/000", "tile/64/000", "tile/-1/000", "tile/data/000", "tile/8/0/000", "/tile/0/000", "tile/0/000/", "tile/0/000.p/0", "tile/0/000.p/256",
		"tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1.p/1", "tile/0/000.p", "tile/0/+00", "tile/0/xx001/000", "tile/0/x00a/000",
		"tile/0/x009/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x999/", 20) + "999", "tile/0/../000", "tile/0/x-01/000",
	} {
		if got, err := ParseTilePath(path); err == nil {
			t.Errorf("%s: accepted as %+v", path, got)
		} else {
			wantCode(t, err, "no_such_tile")
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/8")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := ParseTilePath(path)
		if err != nil {
			return
		}
		if tile.Path() != path || tile.Width < 1 || tile.Width > TileWidth || tile.N < 0 {
			t.Errorf("%q gives %+v, %s", path, tile, tile.Path())
		}
		if _, err := ReadTile(tile, 1<<61, HashReaderFunc(func(p []int64) ([]Hash, error) {
			for _, pos := range p {
				if pos < 0 {
					t.Errorf("%q asks for position %d", path, pos)
				}
			}
			return make([]Hash, len(p)), nil
		})); err != nil {
			wantCode(t, err, "no_such_tile")
		}
	})
}

// bigTree gives a reader of the tree of size leaves "0", "1", …
func bigTree(size int) (Head, *memory) {
	m := &memory{}
	for n := range size {
		m.add(Entry{Leaf: fmt.Append(nil, n)})
	}
	return m.tree.Head(), m
}

// TestTilesOfATreeProveEveryLeaf reads a tree of 70,000 leaves, the example of
// the specification, through its tiles alone with x/mod's client, which checks
// each tile against the root.
func TestTilesOfATreeProveEveryLeaf(t *testing.T) {
	t.Parallel()
	const size = 70000
	head, m := bigTree(size)
	tiles := &tileReader{t: t, m: m, size: size, seen: map[string]int{}}
	r := tlog.TileHashReader(tlog.Tree{N: size, Hash: head.Root}, tiles)
	for _, index := range []int64{0, 1, 255, 256, 65535, 65536, 69888, 69999} {
		p, err := ProveInclusion(size, index, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyInclusion(head, index, m.entries[index].LeafHash(), p); err != nil {
			t.Fatal(err)
		}
	}
	for path, width := range map[string]int{"tile/0/273.p/112": 112, "tile/1/001.p/17": 17, "tile/2/000.p/1": 1, "tile/1/000": 256} {
		tile, err := ParseTilePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := ReadTile(tile, size, m); err != nil || len(data) != 32*width {
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
		}
	}
	for _, path := range []string{"tile/0/273.p/113", "tile/0/273", "tile/1/001.p/18", "tile/2/000.p/2", "tile/3/000.p/1", "tile/8/000.p/1", "tile/63/000.p/1", "tile/entries/000"} {
		tile, err := ParseTilePath(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadTile(tile, size, m)
		wantCode(t, err, "no_such_tile")
	}
}

type tileReader struct {
	t    *testing.T
	m    *memory
	size int64
	seen map[string]int
}

func (r *tileReader) Height() int                     { return 8 }
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r *tileReader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, want := range tiles {
		path := Tile{want.L, want.N, want.W}.Path()
		tile, err := ParseTilePath(path)
		if err != nil {
			r.t.Fatal(err)
		}
		b, err := ReadTile(tile, r.size, r.m)
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}

func TestBundles(t *testing.T) {
	t.Parallel()
	_, m := bigTree(300)
	tile := Tile{-1, 1, 44}
	data, err := ReadBundle(tile, 300, m.leaves)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := ParseBundle(data, 44)
	if err != nil || len(leaves) != 44 || string(leaves[43]) != "299" {
		t.Fatalf("%d leaves, %v", len(leaves), err)
	}
	hashes, err := ReadTile(Tile{0, 1, 44}, 300, m)
	if err != nil {
		t.Fatal(err)
	}
	for i, leaf := range leaves {
		if h := tlog.RecordHash(leaf); !bytes.Equal(h[:], hashes[32*i:32*i+32]) {
			t.Errorf("leaf %d does not hash to its place in the tile", i)
		}
	}
	_, err = ReadBundle(Tile{-1, 1, 45}, 300, m.leaves)
	wantCode(t, err, "no_such_tile")
	_, err = ReadBundle(Tile{0, 0, 256}, 300, m.leaves)
	wantCode(t, err, "no_such_tile")
	for _, bad := range [][]byte{data[:len(data)-1], append(bytes.Clone(data), 0), data[1:], nil} {
		_, err = ParseBundle(bad, 44)
		wantCode(t, err, "bundle_malformed")
	}
}
