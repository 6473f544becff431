package e2e

import (
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// TestFields: marks go where the sender placed them, on the page that says so, and
// those of the others where there is room.
func TestFields(t *testing.T) {
	t.Parallel()
	pdftotext := testneed.Command(t, "pdftotext")
	s := start(t, "", setup{})
	id := s.approved("With places for marks").ID
	at := func(page int, x, y, w, h float64) map[string]any {
		return map[string]any{"page": page, "x": x, "y": y, "width": w, "height": h}
	}
	ben, ada := person("ben", 1), person("ada", 1)
	for pointer, fields := range map[string][]any{
		"/recipients/0/fields/0/page": {at(9, 72, 100, 180, 48)}, "/recipients/0/fields/0": {at(1, 560, 100, 180, 48)},
		"/recipients/0/fields/1": {at(1, 72, 100, 180, 48), at(1, 80, 120, 180, 48)},
	} {
		ben["fields"] = fields
		if a := s.post("/v1/envelopes", envelopeOf(id, ben, ada)).problem(http.StatusUnprocessableEntity, "invalid_envelope"); !strings.Contains(string(a.body), `"`+pointer+`"`) {
			t.Errorf("the faults do not name %s: %s", pointer, a.body)
		}
	}
	ben["fields"] = []any{at(1, 320, 90, 200, 60), at(1, 72, 200, 120, 40)}
	var e struct {
		envelope
		Recipients []struct {
			ID     string
			Fields []any
		}
	}
	s.post("/v1/envelopes", envelopeOf(id, ben, ada)).want(http.StatusCreated).into(&e)
	if len(e.Recipients) != 2 || len(e.Recipients[0].Fields)+len(e.Recipients[1].Fields) != 2 {
		t.Fatalf("the envelope says %+v", e)
	}
	for _, r := range e.Recipients {
		s.open(s.link(e.ID, r.ID)).steps().sign()
	}
	s.archivedSoon(id)
	file := filepath.Join(t.TempDir(), "sealed.pdf")
	if err := os.WriteFile(file, s.get("/v1/documents/"+id+"/content").want(200).body, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(pdftotext, "-bbox", "-f", "1", "-l", "1", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Each mark's caption names its signer's address.
	found := map[string][][2]float64{}
	for _, m := range regexp.MustCompile(`xMin="([0-9.]+)" yMin="([0-9.]+)"[^>]*>([a-z]+)@example.com<`).FindAllStringSubmatch(string(out), -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		found[m[3]] = append(found[m[3]], [2]float64{x, y})
	}
	inside := func(p [2]float64, x, y, w, h float64) bool {
		return p[0] >= x-1 && p[0] <= x+w && p[1] >= y-1 && p[1] <= y+h
	}
	b := found["ben"]
	if len(b) != 2 || !inside(b[0], 320, 90, 200, 60) && !inside(b[1], 320, 90, 200, 60) || !inside(b[0], 72, 200, 120, 40) && !inside(b[1], 72, 200, 120, 40) {
		t.Errorf("Ben's marks stand at %v in %s", b, out)
	}
	if a := found["ada"]; len(a) != 1 || a[0][1] < 500 || math.IsNaN(a[0][0]) {
		t.Errorf("Ada's mark stands at %v", a)
	}
}
