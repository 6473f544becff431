package pdftext

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/bidi"
)

// TestLevels runs the lines of Unicode's BidiCharacterTest that have no marks
// which Clean removes. The file comes with the shaping library's module.
func TestLevels(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-text/typesetting").Output()
	if err != nil {
		t.Skip("the module's folder is not known here")
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "bidi", "test", "BidiCharacterTest.txt"))
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	run := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ";")
		if len(fields) != 5 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		text, want, usable := bidiCase(fields)
		if !usable {
			continue
		}
		base := level(0)
		if fields[2] == "1" {
			base = 1
		}
		if fields[1] == "2" && rightToLeft(text) != (base == 1) {
			t.Errorf("%s: the paragraph's direction is wrong", fields[0])
		}
		got := levels(text, base)
		for i := range text {
			if want[i] != "x" && want[i] != strconv.Itoa(int(got[i])) && !spaceAtEnd(text, i) {
				t.Fatalf("%s, base %d: %v, not %v", fields[0], base, got, want)
			}
		}
		run++
	}
	if run < 5000 {
		t.Errorf("only %d cases were run", run)
	}
}

func bidiCase(fields []string) (text []rune, want []string, usable bool) {
	for hex := range strings.FieldsSeq(fields[0]) {
		r, err := strconv.ParseInt(hex, 16, 32)
		if err != nil {
			return nil, nil, false
		}
		if c := class(rune(r)); c >= bidi.BN && c != bidi.R && c != bidi.AL && c != bidi.NSM || c == bidi.B || c == bidi.S {
			return nil, nil, false
		}
		text = append(text, rune(r))
	}
	return text, strings.Fields(fields[3]), len(text) > 0
}

// spaceAtEnd: rule L1 sets the level of spaces at a line's end, which take no room here.
func spaceAtEnd(text []rune, i int) bool {
	for ; i < len(text); i++ {
		if c := class(text[i]); c != bidi.WS {
			return false
		}
	}
	return true
}
