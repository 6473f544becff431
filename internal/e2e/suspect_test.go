package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

// poisonous turns a fake recogniser into one that a large page lets kill the
// process that calls it, and notes each such death as a line in the log it gives.
func poisonous(t *testing.T, dir string) (deaths string) {
	t.Helper()
	deaths = filepath.Join(dir, "deaths")
	fakeOCR(t, dir, filepath.Join(dir, "no gate"), 0)
	program := filepath.Join(dir, "tesseract")
	script, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	harm := fmt.Sprintf(`if [ "$(wc -c)" -gt %d ]; then echo death >> %s; kill -9 $PPID; sleep 60; fi`, poisonSize, deaths)
	if err := os.WriteFile(program, bytes.Replace(script, []byte("cat > /dev/null"), []byte(harm), 1), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(deaths, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return deaths
}

// poisonSize is the size of a drawn page, in bytes, from which it does harm.
const poisonSize = 1 << 20

// poisonPDF is a file of sound pages, with one of harm at the end.
func poisonPDF() []byte {
	return drawnPDF("0 0 700 700", "BT /F1 24 Tf 20 40 Td (ABC) Tj ET BT /F1 24 Tf 600 640 Td (XYZ) Tj ET")
}

// TestAPoisonDocumentEndsInQuarantine: a file that brings down whoever reads it is
// begun as often as the rule says, at last by a process that has nothing else, and
// is put into quarantine with the reason. What else waits is read all the while.
func TestAPoisonDocumentEndsInQuarantine(t *testing.T) {
	t.Parallel()
	testneed.Command(t, "go")
	for name, database := range databases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			deaths := poisonous(t, dir)
			o := programtest.Options{Data: t.TempDir(), Database: database(t), Args: []string{"--workers", "2"}, Env: []string{"PATH=" + dir + ":" + os.Getenv("PATH")}}
			p := programtest.Serve(t, o)
			id, secret := p.ID, p.Secret
			do := func(method, path string, body []byte, header ...string) (*programtest.Answer, error) {
				c, err := programtest.Login(p.URL, id, secret)
				if err != nil {
					return nil, err
				}
				return c.Do(method, path, body, header...)
			}
			upload := func(file []byte, key string) (up uploaded) {
				for { // the process may die over the other document at any moment
					a, err := do("POST", "/v1/documents", file, "Content-Type", "application/pdf", "Idempotency-Key", key)
					if err == nil && a.Status == http.StatusAccepted {
						if err := a.Into(&up); err != nil {
							t.Fatal(err)
						}
						return up
					}
					<-p.Gone()
					p = next(t, o)
				}
			}
			poison := upload(poisonPDF(), "poison")
			var sound []uploaded
			for n := range 3 {
				sound = append(sound, upload(scanPDF(1), fmt.Sprint("sound", n)))
			}
			var d doc
			for over := time.After(3 * time.Minute); d.Processing.Status != "quarantined"; {
				a, err := do("GET", "/v1/documents/"+poison.Document.ID, nil)
				if err == nil {
					err = json.Unmarshal(a.Body, &d)
				}
				select {
				case <-p.Gone():
					p = next(t, o)
				case <-over:
					t.Fatalf("after %d deaths the document is %+v, %v", lines(t, deaths), d.Processing, err)
				case <-time.After(20 * time.Millisecond):
				}
			}
			if n := lines(t, deaths); n != service.MaxDeaths {
				t.Errorf("it brought %d processes down, want %d", n, service.MaxDeaths)
			}
			if !strings.Contains(d.Processing.Reason, fmt.Sprint(service.MaxDeaths, " times")) || d.Processing.Code != "file_unprocessable" {
				t.Errorf("the reason: %+v", d.Processing)
			}
			// The others were read, and so is what comes after it.
			sound = append(sound, upload(scanPDF(2), "after"))
			for _, up := range sound {
				for done := false; !done; {
					a, err := do("GET", "/v1/operations/"+up.Operation.ID, nil, "Prefer", "wait=30")
					var op operation
					if err == nil {
						err = a.Into(&op)
					}
					if err != nil || op.State == "failed" {
						t.Fatalf("%s: %+v, %v", up.Document.ID, op, err)
					}
					done = op.State == "succeeded"
				}
			}
			if n := lines(t, deaths); n != service.MaxDeaths {
				t.Errorf("in quarantine it brought another process down: %d", n)
			}
		})
	}
}

// next starts a process after one that died, as if time had passed for its leases.
func next(t *testing.T, o programtest.Options) *programtest.Process {
	t.Helper()
	if o.Database != "" {
		pgtest.Exec(t, o.Database, "UPDATE lease SET until = 0")
	}
	return programtest.Serve(t, o)
}

func lines(t *testing.T, path string) int {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(raw, []byte("\n"))
}
