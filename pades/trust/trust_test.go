package trust_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/trust"
)

func encoded(ca *testca.CA) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw})
}

// TestPath reads certificates from files and folders, in PEM and in DER.
func TestPath(t *testing.T) {
	t.Parallel()
	a, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	b, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"both.pem": append(encoded(a), encoded(b)...), "a.der": a.Root.Raw, "notes.txt": []byte("no certificate"), "sub/b.pem": encoded(b), "empty/x": nil,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "broken.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("both.pem", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"both.pem": 2, "a.der": 1, ".": 2, "sub": 1} {
		set, err := trust.Path(filepath.Join(dir, name))
		if err != nil || set.Len() != want || len(set.Certificates()) != want {
			t.Errorf("%s: %v, %v", name, set, err)
		}
	}
	for _, name := range []string{"notes.txt", "key.pem", "empty"} {
		if _, err := trust.Path(filepath.Join(dir, name)); !errors.Is(err, trust.ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"broken.pem", "gone"} {
		if _, err := trust.Path(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	env := map[string]string{"SSL_CERT_FILE": filepath.Join(dir, "a.der")}
	if set, err := trust.System(func(name string) string { return env[name] }); err != nil || set.Len() != 1 || set.Describe()[0] != "the system's roots" {
		t.Errorf("%v, %v", set, err)
	}
}

// TestSets joins sets and sends one between processes.
func TestSets(t *testing.T) {
	t.Parallel()
	a, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	b, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	set := trust.Of("one", a.Root)
	set.Join(trust.Of("two", b.Root, a.Root))
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	again := &trust.Set{}
	if err := json.Unmarshal(raw, again); err != nil || again.Len() != 2 || len(again.Describe()) != 2 {
		t.Errorf("%v, %v", again, err)
	}
	for _, s := range []trust.Source{set, again, trust.Merge(trust.Of("one", a.Root), trust.Of("two", b.Root))} {
		if found, ok := trust.Find(s, a.Root); !ok || found.From != "one" {
			t.Errorf("%+v", found)
		}
		if _, ok := trust.Find(s, a.Issuer); ok {
			t.Error("an authority below the root is an anchor")
		}
	}
	set.Add(trust.Anchor{Certificate: a.Issuer, Allows: func(trust.Use, time.Time) error { return nil }})
	if _, err := json.Marshal(set); err == nil {
		t.Error("an anchor with conditions travels without them")
	}
	if err := json.Unmarshal([]byte(`{"anchors":[{"der":"AAAA"}]}`), again); err == nil {
		t.Error("a certificate that is none is taken")
	}
}
