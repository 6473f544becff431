//go:build judges

package hostile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// maxMemory is what the server's own process may hold at most, in kB.
const maxMemory = 300 << 10

// thereAndBack uploads a file of so many bytes, fetches it again, and hands it over to
// another business unit in an archive.
func (s *stack) thereAndBack(t *testing.T, size int64) {
	t.Helper()
	sum := sha256.New()
	body := io.TeeReader(io.LimitReader(zero{}, size), sum)
	res := s.send(t, http.MethodPost, "/v1/documents", body, "Content-Type", "application/octet-stream")
	if res.status != http.StatusAccepted {
		t.Fatalf("%d %s", res.status, res.body)
	}
	var up uploaded
	res.into(t, &up)
	if got := s.digest(t, "/v1/documents/"+up.Document.ID+"/versions/1/content"); got != hex.EncodeToString(sum.Sum(nil)) {
		t.Error("the large file came back different")
	}
	s.handedOver(t, up.Document.ID, hex.EncodeToString(sum.Sum(nil)))
}

// handedOver exports the unit of the large file and imports the archive into another,
// which has the same file then.
func (s *stack) handedOver(t *testing.T, docID, sum string) {
	t.Helper()
	var e, m struct{ ID, State, Code string }
	begun := s.send(t, http.MethodPost, "/v1/business-units/general/exports", nil, "Prefer", "wait=60")
	if begun.into(t, &e); e.State != "ready" {
		t.Fatalf("the export: %d %s", begun.status, begun.body)
	}
	s.send(t, http.MethodPost, "/v1/business-units", strings.NewReader(`{"name":"next"}`), "Content-Type", "application/json")
	archive := s.open(t, "/v1/business-units/general/exports/"+e.ID+"/archive")
	defer archive.Close()
	begun = s.send(t, http.MethodPost, "/v1/business-units/next/imports", archive, "Content-Type", "application/zip", "Prefer", "wait=60")
	if begun.into(t, &m); m.State != "done" {
		t.Fatalf("the import: %d %s", begun.status, begun.body)
	}
	var made struct {
		Items []struct {
			There string `json:"origin_document_id"`
			Here  string `json:"document_id"`
		}
	}
	s.send(t, http.MethodGet, "/v1/business-units/next/imports/"+m.ID+"/documents", nil).into(t, &made)
	for _, d := range made.Items {
		if d.There == docID {
			if got := s.digest(t, "/v1/documents/"+d.Here+"/versions/1/content"); got != sum {
				t.Error("the large file was handed over different")
			}
			return
		}
	}
	t.Errorf("the large file was not handed over: %+v", made)
}

// open begins to read what an address gives.
func (s *stack) open(t *testing.T, path string) io.ReadCloser {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res.Body
}

func (s *stack) digest(t *testing.T, path string) string {
	t.Helper()
	body := s.open(t, path)
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// peak gives a process's largest resident memory so far, in kB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the process states no VmHWM")
	return 0
}
