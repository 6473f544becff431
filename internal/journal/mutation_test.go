package journal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestEveryMutationOfACheckpointIsRefused flips each bit of a checkpoint.
func TestEveryMutationOfACheckpointIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 11)
	good := m.checkpoint(t).Note
	v := m.signer.Verifier()
	if _, err := v.OpenCheckpoint(good); err != nil {
		t.Fatal(err)
	}
	for at := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << bit
			if cp, err := v.OpenCheckpoint(bad); err == nil {
				t.Errorf("byte %d (%q), bit %d: passes as %+v", at, good[at], bit, cp.Head)
			}
		}
	}
}

// spoilt serves the log's tiles, one of them with a flipped bit.
type spoilt struct {
	m       *memory
	tile    string // path of the spoilt one
	at, bit int
}

func (s *spoilt) Height() int                     { return 8 }
func (s *spoilt) SaveTiles([]tlog.Tile, [][]byte) {}
func (s *spoilt) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		mine := Tile{Level: t.L, N: t.N, Width: t.W}
		data, err := ReadTile(mine, s.m.tree.Size(), s.m)
		if err != nil {
			return nil, err
		}
		if mine.Path() == s.tile {
			data = bytes.Clone(data)
			data[s.at] ^= 1 << s.bit
		}
		out = append(out, data)
	}
	return out, nil
}

// TestEveryMutationOfATileIsRefused: whoever proves from our tiles against the
// signed root finds each flipped bit of a tile that the proof needs.
func TestEveryMutationOfATileIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 300)
	head := m.tree.Head()
	proves := func(s *spoilt, index int64) error {
		r := tlog.TileHashReader(tlog.Tree{N: head.Size, Hash: head.Root}, s)
		p, err := tlog.ProveRecord(head.Size, index, r)
		return errors.Join(err, VerifyInclusion(head, index, m.entries[index].LeafHash(), p))
	}
	for tile, index := range map[string]int64{"tile/0/000": 7, "tile/0/001.p/44": 290, "tile/1/000.p/1": 7} {
		if err := proves(&spoilt{m: m}, index); err != nil {
			t.Fatalf("entry %d from sound tiles: %v", index, err)
		}
		path, err := ParseTilePath(tile)
		if err != nil {
			t.Fatal(err)
		}
		for at := range path.Width * 32 {
			for _, bit := range []int{0, 7} {
				if proves(&spoilt{m: m, tile: tile, at: at, bit: bit}, index) == nil {
					t.Errorf("%s, byte %d, bit %d: the proof of entry %d passes", tile, at, bit, index)
				}
			}
		}
	}
}

// TestEveryMutationOfABundleIsRefused: an entry read from a bundle with a flipped
// bit is not the one whose hash is in the tree, or the bundle cannot be read.
func TestEveryMutationOfABundleIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 5)
	bundle, err := ReadBundle(Tile{Level: entriesLevel, Width: 5}, 5, m.leaves)
	if err != nil {
		t.Fatal(err)
	}
	for at := range bundle {
		bad := bytes.Clone(bundle)
		bad[at] ^= 1
		leaves, err := ParseBundle(bad, 5)
		if err == nil {
			tree, _ := Tree{}.Append(leaves...)
			if tree.Head() == m.tree.Head() {
				err = fmt.Errorf("byte %d: the bundle still gives the signed root", at)
				t.Error(err)
			}
		}
	}
}
