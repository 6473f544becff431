package webhooks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a request as an endpoint got it, for the libraries of other languages.
type sample struct {
	Name    string            `json:"name"`
	Secrets []string          `json:"secrets"` // by each of which it has to be verified
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// TestSamples writes requests for the judges, and verifies them here as well: of one
// secret, and of two while one takes the place of the other.
func TestSamples(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	r := newReceiver(t)
	e := w.listens(r, object{"types": []string{"document.created"}})
	w.happens(1, object{"title": "Bestellung 4711 – “Ä”", "metadata": object{"amount": 12.5, "note": "line\nbreak"}})
	r.wait(1)
	var rotated struct{ Secret string }
	w.do("POST", base+"/"+e.ID+"/secrets", object{}, 201, &rotated)
	w.happens(1)
	got := r.wait(2)
	var out []sample
	for i, secrets := range [][]string{{e.secret}, {e.secret, rotated.Secret}} {
		s := sample{Name: []string{"one secret", "two secrets"}[i], Secrets: secrets, Headers: map[string]string{}, Body: string(got[i].Body)}
		for name, values := range got[i].Header {
			s.Headers[strings.ToLower(name)] = values[0]
		}
		for _, secret := range secrets {
			verified(t, secret, got[i])
		}
		out = append(out, s)
	}
	raw, err := json.Marshal(out)
	must(t, err)
	folder := os.Getenv("PARAPH_JUDGE_OUT")
	if folder == "" {
		folder = t.TempDir()
	}
	must(t, os.WriteFile(filepath.Join(folder, "webhooks.json"), raw, 0o600))
}
