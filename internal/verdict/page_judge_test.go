//go:build judges

package verdict

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/testca"
)

// TestPage builds what the page runs in a browser, runs it in Node, and wants the same
// verdicts from it, word for word, as from the program. What the page looks like,
// and that it sends nothing, a judge sees in a real browser.
func TestPage(t *testing.T) {
	t.Parallel()
	node := testneed.Command(t, "node")
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	wasm := filepath.Join(t.TempDir(), "verify.wasm")
	build := exec.Command("go", "build", "-o", wasm, "./page")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := newRoom(t)
	draft := plainPDF("Draft")
	seal := r.sign(draft)
	r.log(journal.DocumentCreated, "original", draft)
	r.log(journal.DocumentSigned, "sealed", seal)
	files := map[string][]byte{
		"sealed.pdf": seal, "unsigned.pdf": draft, "spoilt.pdf": bytes.Replace(seal, []byte("(Draft)"), []byte("(Drift)"), 1), "cut.pdf": seal[:len(seal)-9],
		"package.zip": bag(t, r.files(seal), zip.Deflate), "stripped.zip": bag(t, r.files(draft), zip.Store), "a.tlog-proof": r.proof(0), "text.txt": []byte("hello"), "empty": nil,
	}
	var in bytes.Buffer
	var names []string
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{"file": path, "order": map[string]any{
			"name": name, "log_key": r.signer.Verifier().String(), "sealed": true, "time": testca.Now,
			"roots": map[string]string{"the tests": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.ca.Root.Raw}))},
		}})
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
		names = append(names, name)
	}
	run := exec.Command(node, filepath.Join("testdata", "run.mjs"), filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), wasm)
	run.Stdin = &in
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(names) {
		t.Fatalf("%d answers to %d files: %s", len(lines), len(names), out)
	}
	for i, name := range names {
		want := r.judge(files[name])
		want.File = name
		text, err := json.Marshal(map[string]any{"verdict": want})
		if err != nil {
			t.Fatal(err)
		}
		if lines[i] != string(text) {
			t.Errorf("%s: the page says\n%s\nand the program\n%s", name, lines[i], text)
		}
	}
}
