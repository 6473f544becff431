package layer

import (
	"strings"
	"testing"

	"golang.org/x/image/font/sfnt"
)

// TestEmptyFont lets another reader take the font apart.
func TestEmptyFont(t *testing.T) {
	t.Parallel()
	font, err := sfnt.Parse(emptyFont())
	if err != nil {
		t.Fatal(err)
	}
	if n := font.NumGlyphs(); n != 2 {
		t.Errorf("%d glyphs", n)
	}
	var buffer sfnt.Buffer
	if _, err := font.LoadGlyph(&buffer, 1, 1000<<6, nil); err != nil {
		t.Errorf("glyph 1: %v", err)
	}
}

func TestAlphabet(t *testing.T) {
	t.Parallel()
	a := newAlphabet()
	if hex, n := a.hex([]rune("abba𝄞")); hex != "00010002000200010003" || n != 5 {
		t.Errorf("%s, %d", hex, n)
	}
	cmap := string(a.toUnicode())
	for _, want := range []string{"3 beginbfchar", "<0001> <0061>", "<0003> <D834DD1E>"} {
		if !strings.Contains(cmap, want) {
			t.Errorf("the map lacks %q:\n%s", want, cmap)
		}
	}
	for r := rune(0x1000); r < 0x1000+70_000; r++ {
		a.code(r)
	}
	if len(a.runes) != maxCodes {
		t.Errorf("%d codes", len(a.runes))
	}
}
