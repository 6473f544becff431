package pdf_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/testca"
)

// TestOddFilesCanBeSigned takes the odd files the way the capture goes: sound
// ones are signed as they are, the others are written anew first. What pdfium
// opens without a password can be signed in the end, or the tools say why not.
func TestOddFilesCanBeSigned(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(testneed.SharedData(t, "odd-pdfs"), "*.pdf"))
	if err != nil || len(names) == 0 {
		t.Skip("no odd files here")
	}
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("Ada Signer", "p256")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		found, err := tools.Inspect(t.Context(), file, name)
		if err != nil {
			if !known(err) {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
			count["not opened"]++
			continue
		}
		how := "as it is"
		if found.NeedsNormalising() {
			clean := fileOf(t, nil)
			if err := tools.Normalise(t.Context(), file, clean); err != nil {
				if !errors.Is(err, pdf.ErrDamaged) {
					t.Errorf("%s: %v", filepath.Base(name), err)
				}
				t.Logf("%s: %v (%s)", filepath.Base(name), err, found.StrictReason)
				count["not mended"]++
				continue
			}
			how, file = "mended first", clean
		}
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := pades.Sign(t.Context(), file, info.Size(), &out, id.Key, pades.Options{Chain: id.Chain, Time: testca.Now}); err != nil {
			t.Errorf("%s, %s: %v", filepath.Base(name), how, err)
			continue
		}
		if r, err := pades.Verify(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), pades.VerifyOptions{Trust: ca.Trust(), Policy: pades.Sealed, Time: testca.Now}); err != nil || r.Verdict != pades.Valid {
			t.Errorf("%s, %s: %v, %v", filepath.Base(name), how, r, err)
		}
		count[how]++
	}
	t.Logf("of %d files: %v", len(names), count)
	if signed := count["as it is"] + count["mended first"]; signed*100 < (len(names)-count["not opened"])*95 {
		t.Errorf("only %d of %d files that open can be signed", signed, len(names)-count["not opened"])
	}
}

// TestEncryptedAndSigned: a file that is encrypted, opens without a password and
// carries a signature is not rewritten, and can be signed once more as it is.
func TestEncryptedAndSigned(t *testing.T) {
	t.Parallel()
	qpdf := testneed.Command(t, "qpdf")
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("Ada Signer", "p256")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "locked.pdf")
	plain := fileOf(t, textPage("Words in here", ""))
	if out, err := exec.Command(qpdf, plain.Name(), "--encrypt", "", "owner", "256", "--", path).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		var out bytes.Buffer
		if _, err := pades.Sign(t.Context(), bytes.NewReader(b), int64(len(b)), &out, id.Key, pades.Options{Chain: id.Chain, Time: testca.Now}); err != nil {
			t.Fatal(err)
		}
		b = out.Bytes()
		found, err := tools.Inspect(t.Context(), fileOf(t, b), "")
		if err != nil || !found.Encrypted || found.Signatures != n || found.NeedsNormalising() {
			t.Errorf("after %d signatures: %+v, %v", n, found, err)
		}
	}
}
