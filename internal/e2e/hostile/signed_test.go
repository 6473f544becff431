//go:build judges

package hostile

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
)

func signed(t *testing.T) []byte {
	t.Helper()
	now := time.Now()
	authority, err := ca.LoadOrCreate(t.TempDir(), "Test Works", now, ca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := pagesPDF(1, "")
	var out bytes.Buffer
	if _, err := pades.Sign(t.Context(), bytes.NewReader(in), int64(len(in)), &out, authority.Key, pades.Options{Chain: authority.Chain(), Time: now}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSigned: a signed PDF is read but never rewritten; a damaged one is refused.
func TestSigned(t *testing.T) {
	t.Parallel()
	s := start(t)
	file := signed(t)
	_, up := s.upload(t, "a.pdf", "application/pdf", file)
	if up.Document.Processing.Status != "done" || up.Document.CurrentVersion != 1 {
		t.Errorf("%+v", up.Document)
	}
	if res := s.send(t, http.MethodGet, "/v1/documents/"+up.Document.ID+"/content", nil); !bytes.Equal(res.body, file) {
		t.Error("the signed bytes were changed")
	}
	if res := s.send(t, http.MethodGet, "/v1/documents/"+up.Document.ID+"/pages/1", nil); !strings.Contains(string(res.body), "recognition") {
		t.Errorf("the text was not read: %d %.200s", res.status, res.body)
	}
	cut := bytes.LastIndex(file, []byte("startxref"))
	_, up = s.upload(t, "a.pdf", "application/pdf", append(bytes.Clone(file[:cut]), "startxref\n7\n%%EOF\n"...))
	if p := up.Document.Processing; p.Status != "quarantined" || p.Code != "signed_and_damaged" {
		t.Errorf("a damaged signed file: %+v", p)
	}
}

// TestEncrypted: a PDF that asks for a password to be read waits in quarantine;
// one that only forbids changes is mended.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	s := start(t)
	plain := filepath.Join(t.TempDir(), "plain.pdf")
	if err := os.WriteFile(plain, pagesPDF(1, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{"secret": "quarantined", "": "done"} {
		out := filepath.Join(t.TempDir(), "locked.pdf")
		if msg, err := exec.CommandContext(t.Context(), qpdf, "--encrypt", user, "owner", "256", "--", plain, out).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
		file, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		_, up := s.upload(t, "a.pdf", "application/pdf", file)
		p := up.Document.Processing
		t.Logf("%s %s: %s", p.Status, p.Code, p.Reason)
		if p.Status != want || want == "quarantined" && p.Code != "file_encrypted" {
			t.Errorf("password %q: %+v", user, p)
		}
	}
}
