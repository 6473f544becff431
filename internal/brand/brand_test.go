package brand

import (
	"strings"
	"testing"
)

// The mark is one unbroken stroke under 400 bytes.
func TestMark(t *testing.T) {
	t.Parallel()
	if strings.Count(strings.ToUpper(Path), "M") != 1 || strings.ContainsAny(Path, "Zz") {
		t.Error("the mark is not one open stroke")
	}
	for name, svg := range map[string]string{"icon": Icon, "inline": Inline} {
		if len(svg) >= 400 || !strings.Contains(svg, Path) {
			t.Errorf("%s has %d bytes", name, len(svg))
		}
	}
}
