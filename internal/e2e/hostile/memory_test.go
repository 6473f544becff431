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

// thereAndBack uploads a file of so many bytes and fetches it again.
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
}

func (s *stack) digest(t *testing.T, path string) string {
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
	defer res.Body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, res.Body); err != nil {
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
