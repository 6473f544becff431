package kept

import (
	"net/http"
	"testing"

	"github.com/paraph/paraph/internal/failpoint"
)

// TestHandoverIsKilled: an export that is broken off anywhere begins anew and leaves no
// half archive; an import goes on, and makes nothing twice.
func TestHandoverIsKilled(t *testing.T) {
	onEach(t, func(h *house) {
		h.serve("")
		h.document("first")
		h.document("second")
		type handover struct {
			ID, State string
			Made      int
			Operation operation
		}
		start := func(path string, body []byte) (out handover) {
			if err := h.must(http.StatusAccepted, "POST", path, body, "Content-Type", "application/zip").Into(&out); err != nil {
				h.Fatal(err)
			}
			<-h.serving.Gone()
			h.serve("")
			if got := h.ended(out.Operation.ID); got.State != "succeeded" {
				h.Errorf("%s: %+v", path, got)
			}
			if err := h.must(http.StatusOK, "GET", path+"/"+out.ID, nil).Into(&out); err != nil {
				h.Fatal(err)
			}
			return out
		}
		const exports = "/v1/business-units/general/exports"
		var archive []byte
		points := []string{string(failpoint.ExportGathered) + "=kill", string(failpoint.ExportFile) + "=kill@2", string(failpoint.ExportStored) + "=kill"}
		for _, at := range points {
			h.serving.Stop()
			h.serve(at)
			e := start(exports, nil)
			if e.State != "ready" {
				h.Errorf("%s: the export is %s", at, e.State)
			}
			archive = h.must(http.StatusOK, "GET", exports+"/"+e.ID+"/archive", nil).Body
		}
		h.must(http.StatusCreated, "POST", "/v1/business-units", []byte(`{"name":"next"}`))
		for i, at := range []string{string(failpoint.ImportStored) + "=kill@2", string(failpoint.ImportMade) + "=kill"} {
			h.serving.Stop()
			h.serve(at)
			unit := []string{"general", "next"}[i]
			if m := start("/v1/business-units/"+unit+"/imports", archive); m.State != "done" || m.Made != 2 {
				h.Errorf("%s: the import came to %+v", at, m)
			}
		}
		h.serving.Stop()
		if n := h.count("SELECT count(*) FROM document"); n != 6 {
			h.Errorf("there are %d documents instead of 6", n)
		}
		if n := h.count("SELECT count(*) FROM entry WHERE kind = 'document.imported'"); n != 4 {
			h.Errorf("%d were imported instead of 4", n)
		}
		if n := h.count("SELECT count(*) FROM handover_file"); n != len(points) {
			h.Errorf("%d archives are kept, want %d", n, len(points))
		}
		h.sound()
	})
}
