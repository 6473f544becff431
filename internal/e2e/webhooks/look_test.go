//go:build judges

package webhooks

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/testneed"
)

// TestLook lets a real browser and axe look at the page of endpoints, with endpoints that
// are well, failing and disabled, and deliveries in every state (judges/console).
func TestLook(t *testing.T) {
	node := testneed.Command(t, "node")
	w := start(t, "")
	well, sick, off := newReceiver(t), newReceiver(t), newReceiver(t)
	good := w.listens(well, object{"description": "Everything of purchasing", "types": []string{"document.*"}})
	bad := w.listens(sick, object{"retry_seconds": []int{1}, "condition": "event.type == 'document.created'", "order": "strict"})
	gone := w.listens(off, object{"types": []string{"document.created"}})
	sick.answers(always(500))
	off.answers(always(410))
	w.happens(1, object{"title": "Ein sehr langer Titel, damit auf schmalen Geräten etwas umbrechen muss"})
	id := sick.wait(1)[0].ID
	w.until(bad.ID, "tried", func(e endpoint) bool { return e.Health.Strikes == 1 })
	w.later(2 * time.Second)
	sick.wait(2)
	w.until(bad.ID, "dead", func(e endpoint) bool { return e.Health.Dead == 1 })
	w.until(gone.ID, "disabled", func(e endpoint) bool { return !e.Enabled })
	w.happens(2)
	var link struct{ URL string }
	w.do("POST", "/v1/webhook-portal-links", object{"may_write": true}, 201, &link)
	page := w.srv.URL() + "/console/webhooks/"
	told, err := json.Marshal(object{"link": link.URL, "pages": object{
		"well": page + good.ID, "failing": page + bad.ID, "disabled": page + gone.ID, "none": page + good.ID + "?state=skipped", "dead": page + bad.ID + "/" + id, "received": page + good.ID + "/" + id, "unknown": page + "ep_none",
	}})
	must(t, err)
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(testneed.Root(t), "judges", "console", "check.mjs"))
	cmd.Env = append(os.Environ(), "PARAPH_CONSOLE="+string(told))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("the page of endpoints is not as it should be: %v", err)
	}
}
