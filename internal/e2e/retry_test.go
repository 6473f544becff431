package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/demodata"
	"github.com/paraph/paraph/internal/testneed"
)

// TestStuckWorkIsVisibleAndRetried: without its text recognition the server
// gives up after its attempts, says why on the document and the operation, and
// an API call starts the work again once the reason is gone.
func TestStuckWorkIsVisibleAndRetried(t *testing.T) {
	t.Parallel()
	tesseract := testneed.Command(t, "tesseract")
	missing := filepath.Join(t.TempDir(), "tesseract")
	s := start(t, "", setup{ocr: missing, retries: []time.Duration{time.Millisecond}})
	var up struct {
		Document  doc `json:"document"`
		Operation struct {
			ID string `json:"id"`
		} `json:"operation"`
	}
	s.upload("note.jpg", demodata.DeliveryPhoto(), nil).want(201).into(&up) // it is awaited, to its bitter end
	s.until(up.Document.ID, "operation.failed")
	var op struct {
		State     string `json:"state"`
		Attempts  int    `json:"attempts"`
		Retryable bool   `json:"retryable"`
	}
	s.get("/v1/operations/" + up.Operation.ID).want(200).into(&op)
	if op.State != "failed" || op.Attempts != 5 || !op.Retryable {
		t.Errorf("the operation is %+v", op)
	}
	var shown struct {
		Processing struct{ Status, Code, Reason string } `json:"processing"`
	}
	s.get("/v1/documents/" + up.Document.ID).want(200).into(&shown)
	if p := shown.Processing; p.Status != "failed" || p.Code != "ocr_missing" || p.Reason == "" {
		t.Errorf("the document says %+v", p)
	}
	if err := os.Symlink(tesseract, missing); err != nil {
		t.Fatal(err)
	}
	s.post("/v1/operations/"+up.Operation.ID+"/retry", nil).want(202)
	s.get("/v1/operations/"+up.Operation.ID, "Prefer", "wait=60").want(200).into(&op)
	if op.State != "succeeded" || op.Attempts != 1 {
		t.Errorf("after the retry the operation is %+v", op)
	}
	s.post("/v1/operations/"+up.Operation.ID+"/retry", nil).problem(409, "operation_not_failed")
}
