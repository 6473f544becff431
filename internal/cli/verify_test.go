package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/demodata"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/verdict"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/testca"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(childmain.Main())
	}
	os.Exit(m.Run())
}

func put(t *testing.T, name string, b []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestVerify runs the command on a sealed file, by every way to say whom to trust.
func TestVerify(t *testing.T) {
	t.Parallel()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("The House", "p256")
	if err != nil {
		t.Fatal(err)
	}
	in := demodata.PurchaseOrder()
	var out bytes.Buffer
	if _, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, id.Key, pades.Options{Chain: id.Chain, Time: testca.Now, Name: "The House"}); err != nil {
		t.Fatal(err)
	}
	sealed := put(t, "sealed.pdf", out.Bytes())
	spoilt := put(t, "spoilt.pdf", append(bytes.Clone(out.Bytes()), '\n', '\n', 'x'))
	root := put(t, "root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw}))
	stranger := put(t, "root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Root.Raw}))
	home := t.TempDir()
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Run(append([]string{"paraph", "verify", "--at", testca.Now.Format("2006-01-02T15:04:05Z07:00")}, args...), strings.NewReader(""), &out, &out, func(name string) string {
			return map[string]string{"HOME": home, "SSL_CERT_FILE": root}[name]
		})
		return code, out.String()
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"a file of roots", []string{"--ca", root, sealed}, exitOK, []string{"✓ valid", "by The House, B-B", "trusted: the file root.pem"}},
		{"a folder of roots", []string{"--ca", filepath.Dir(root), sealed}, exitOK, []string{"trusted: the folder"}},
		{"two files of roots", []string{"--ca", stranger, "--ca", root, sealed}, exitOK, []string{"✓ valid"}},
		{"the system's roots", []string{"--system", sealed}, exitOK, []string{"trusted: the system's roots"}},
		{"nobody trusted", []string{sealed}, exitFailed, []string{"? not decided", "not checked: no trusted certificates were given", "use --ca"}},
		{"a stranger trusted", []string{"--ca", stranger, sealed}, exitFailed, []string{"✗ NOT valid", "no path leads"}},
		{"a stranger trusted, and no seal expected", []string{"--ca", stranger, "--sealed=false", sealed}, exitFailed, []string{"? not decided"}},
		{"changed", []string{"--ca", root, spoilt}, exitFailed, []string{"✗ NOT valid", "the last revision ends"}},
		{"several files", []string{"--ca", root, sealed, spoilt}, exitFailed, []string{"✓ valid", "✗ NOT valid"}},
		{"no certificates there", []string{"--ca", sealed, sealed}, exitFailed, []string{"there is no certificate in it"}},
		{"no such file", []string{sealed + ".gone"}, exitFailed, []string{"no such file"}},
		{"no file", nil, exitUsage, []string{"Usage"}},
		{"a time that is none", []string{"--at", "noon", sealed}, exitFailed, []string{"--at"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out := run(c.args...)
			for _, s := range c.says {
				if code != c.code || !strings.Contains(out, s) {
					t.Errorf("%d: %s", code, out)
				}
			}
		})
	}
	code, text := run("--json", "--ca", root, sealed, spoilt)
	var all []verdict.Verdict
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != exitFailed || len(all) != 2 || all[0].Verdict != pades.Valid || all[1].Verdict != pades.Invalid ||
		all[0].PDF.Signatures[0].Indication != "TOTAL-PASSED" || all[1].PDF.Checks == nil {
		t.Errorf("%d %v: %s", code, err, text)
	}
}

// TestVerifyLists: without the list of the lists nothing is judged, and the reason is told.
func TestVerifyLists(t *testing.T) {
	t.Parallel()
	lists := filepath.Join("..", "..", "pades", "trust", "tsl", "testdata", "signed")
	s := httptest.NewServer(http.FileServer(http.Dir(lists)))
	t.Cleanup(s.Close)
	file := put(t, "a.pdf", demodata.PurchaseOrder())
	run := func(list, signer string, args ...string) string {
		var out bytes.Buffer
		args = append([]string{"paraph", "verify", "--eu", "--lotl", s.URL + "/" + list, "--lotl-signers", filepath.Join(lists, signer), "--lists", t.TempDir()}, append(args, file)...)
		if code := Run(args, strings.NewReader(""), &out, &out, func(string) string { return "" }); code != exitFailed {
			t.Errorf("%d: %s", code, out.String())
		}
		return out.String()
	}
	for want, out := range map[string]string{
		"was to be repla": run("late.xml", "operator-la.pem", "--allow-network", "127.0.0.0/8"),
		"is not reached":  run("late.xml", "operator-la.pem"),
		"404":             run("nowhere.xml", "operator-la.pem", "--allow-network", "127.0.0.0/8"),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said: %s", want, out)
		}
	}
}
