package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// TestGeneratedIsCommitted fails where the contract has moved on without the SDKs.
func TestGeneratedIsCommitted(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the contract says: run `make sdk` (%v)", name, err)
		}
	}
	models, err := filepath.Glob(filepath.Join(root, javaRoot, "model", "*.java"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range models { // what the contract no longer has goes, too
		if files[javaRoot+"model/"+filepath.Base(path)] == nil {
			t.Errorf("%s is of no use any more: delete it", path)
		}
	}
}

// TestEveryOperationIsThere holds the model against what it skips on purpose.
func TestEveryOperationIsThere(t *testing.T) {
	t.Parallel()
	m, err := read(testneed.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range m.operations {
		ids = append(ids, o.id)
		if o.result == "" {
			t.Errorf("%s has no result", o.id)
		}
	}
	for _, skipped := range []string{"streamEvents", "askHook", "receiveHook"} {
		if slices.Contains(ids, skipped) {
			t.Errorf("%s is generated", skipped)
		}
	}
	if len(ids) < 80 {
		t.Errorf("only %d operations", len(ids))
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, goes, pascals, camels, snakes string }{
		{"document_id", "DocumentID", "DocumentId", "documentId", "document_id"},
		{"documentid", "DocumentID", "DocumentId", "documentId", "document_id"},
		{"listDocuments", "ListDocuments", "ListDocuments", "listDocuments", "list_documents"},
		{"hmac-sha256", "HmacSHA256", "HmacSha256", "hmacSha256", "hmac_sha256"},
		{"document.archive_extended", "DocumentArchiveExtended", "DocumentArchiveExtended", "documentArchiveExtended", "document_archive_extended"},
	} {
		if goName(c.name) != c.goes || pascal(c.name) != c.pascals || camel(c.name) != c.camels || snake(c.name) != c.snakes {
			t.Errorf("%s: %s %s %s %s", c.name, goName(c.name), pascal(c.name), camel(c.name), snake(c.name))
		}
	}
}

// TestPythonKeywords: a member of any name can be given.
func TestPythonKeywords(t *testing.T) {
	for name, want := range map[string]string{"as": "as_", "from": "from_", "lambda": "lambda_", "business_unit": "business_unit", "If-Match": "If_Match"} {
		if got := pyName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
