package journal

import (
	"bytes"
	"encoding/base64"
	"flag"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testProof makes a whole .tlog-proof file of entry 5 in a log of 11.
func testProof(t testing.TB, extra bool) (m *memory, file []byte) {
	t.Helper()
	m = newMemory(t, 11)
	var more []byte
	if extra {
		d, err := Disclose(m.entries[5], FieldDocument, FieldActor, FieldData, FieldTime)
		if err != nil {
			t.Fatal(err)
		}
		if more, err = d.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewProof(m.checkpoint(t), 5, m, more)
	if err != nil {
		t.Fatal(err)
	}
	return m, p.Encode()
}

func TestProofFileIsGoldenAndVerifiesOffline(t *testing.T) {
	t.Parallel()
	m, file := testProof(t, true)
	for path, got := range map[string][]byte{
		"testdata/golden.tlog-proof": file,
		"testdata/golden.vkey":       []byte(m.signer.VerifierKey() + "\n"),
		"testdata/golden.checkpoint": m.checkpoint(t).Note,
	} {
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs:\n%s", path, got)
		}
	}
	vkey, err := os.ReadFile("testdata/golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(string(vkey))
	if err != nil {
		t.Fatal(err)
	}
	got, err := VerifyProof(file, v, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Index != 5 || !bytes.Equal(got.Leaf, m.entries[5].Leaf) || got.Checkpoint.Head != m.tree.Head() ||
		got.Disclosed.Actor.Principal != "alice@example.com" || got.Disclosed.Source != nil {
		t.Errorf("verified %+v", got)
	}
	if _, err := VerifyProof(file, v, m.entries[5].Leaf); err != nil {
		t.Error(err)
	}
	_, err = VerifyProof(file, v, m.entries[6].Leaf)
	wantCode(t, err, "proof_refused")
	_, bare := testProof(t, false)
	_, err = VerifyProof(bare, v, nil)
	wantCode(t, err, "proof_refused")
	if _, err := VerifyProof(bare, v, m.entries[5].Leaf); err != nil {
		t.Error(err)
	}
	_, err = VerifyProof(bare, v, m.entries[4].Leaf)
	wantCode(t, err, "proof_refused")
}

// TestEveryOneByteMutationIsRefused changes, drops and adds a byte at every
// place of whole proof files.
func TestEveryOneByteMutationIsRefused(t *testing.T) {
	t.Parallel()
	for _, extra := range []bool{true, false} {
		m, file := testProof(t, extra)
		v := m.signer.Verifier()
		leaf := m.entries[5].Leaf
		if extra {
			leaf = nil
		}
		try := func(what string, at int, mutated []byte) {
			if got, err := VerifyProof(mutated, v, leaf); err == nil {
				t.Fatalf("extra %v: %s at byte %d (%q) was accepted: %+v", extra, what, at, file[at:min(at+8, len(file))], got)
			}
		}
		for at := range file {
			for bit := range 8 {
				mutated := bytes.Clone(file)
				mutated[at] ^= 1 << bit
				try("a flipped bit", at, mutated)
			}
			for _, b := range []byte("A\n =+0\x00\xff") {
				if file[at] != b {
					mutated := bytes.Clone(file)
					mutated[at] = b
					try("another byte", at, mutated)
				}
				mutated := append(bytes.Clone(file[:at]), b)
				try("one more byte", at, append(mutated, file[at:]...))
			}
			try("a byte less", at, append(bytes.Clone(file[:at]), file[at+1:]...))
		}
		try("a longer end", len(file)-1, append(bytes.Clone(file), '\n'))
	}
}

func TestCheckpointOfAnotherLogOrKeyIsRefused(t *testing.T) {
	t.Parallel()
	m, file := testProof(t, true)
	skey, vkey, err := note.GenerateKey(nil, m.signer.Origin())
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = VerifyProof(file, other, nil)
	wantCode(t, err, "checkpoint_refused")

	// A witness's line beside the log's own changes nothing; the other way round,
	// its line alone is nothing.
	witness, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	cp := m.checkpoint(t)
	n, err := note.Open(cp.Note, note.VerifierList(m.signer.Verifier().log))
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(n, witness)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.signer.Verifier().OpenCheckpoint(cosigned); err != nil || got.Head != cp.Head {
		t.Errorf("cosigned: %v, %v", got, err)
	}
	for name, text := range map[string]string{
		"extension":    checkpointText(m.signer.Origin(), cp.Head) + "extra\n",
		"other origin": checkpointText("other.example.com/audit", cp.Head),
		"leading zero": strings.Replace(checkpointText(m.signer.Origin(), cp.Head), "\n11\n", "\n011\n", 1),
		"huge":         strings.Replace(checkpointText(m.signer.Origin(), cp.Head), "\n11\n", "\n9223372036854775807\n", 1),
		"short root":   m.signer.Origin() + "\n11\nAAAA\n",
	} {
		signed, err := note.Sign(&note.Note{Text: text}, noteSigner{m.signer})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.signer.Verifier().OpenCheckpoint(signed)
		if wantCode(t, err, "checkpoint_malformed", "checkpoint_refused"); err == nil {
			t.Error(name)
		}
	}
}

func TestSignerRefusesWhatIsNoKeyOrName(t *testing.T) {
	t.Parallel()
	for _, vkey := range []string{"", "x", "a+b+c", "paraph+00000000+AAAA"} {
		_, err := NewVerifier(vkey)
		wantCode(t, err, "bad_verifier_key")
	}
	_, err := NewSigner("has space", testSigner(t).key)
	wantCode(t, err, "bad_log_key")
}

func TestParseProofRefuses(t *testing.T) {
	t.Parallel()
	hash := Hash{}.String() + "\n"
	for name, file := range map[string]string{
		"empty":          "",
		"other header":   "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint\n",
		"no index":       proofHeader + "\n" + hash + "\ncheckpoint\n",
		"leading zero":   proofHeader + "\nindex 01\n\ncheckpoint\n",
		"minus":          proofHeader + "\nindex -1\n\ncheckpoint\n",
		"no checkpoint":  proofHeader + "\nindex 1\n\n",
		"no empty line":  proofHeader + "\nindex 1\n" + hash,
		"empty extra":    proofHeader + "\nextra \nindex 1\n\ncheckpoint\n",
		"extra last":     proofHeader + "\nindex 1\nextra AAAA\n\ncheckpoint\n",
		"too many":       proofHeader + "\nindex 1\n" + strings.Repeat(hash, 65) + "\ncheckpoint\n",
		"stray bits":     proofHeader + "\nindex 1\n" + strings.Repeat("A", 42) + "B=\n\ncheckpoint\n",
		"windows":        proofHeader + "\r\nindex 1\r\n\r\ncheckpoint\n",
		"too long":       proofHeader + "\nextra " + base64.StdEncoding.EncodeToString(make([]byte, MaxProof)) + "\nindex 1\n\ncheckpoint\n",
		"big checkpoint": proofHeader + "\nindex 1\n\n" + strings.Repeat("a", MaxCheckpoint+1),
	} {
		if _, err := ParseProof([]byte(file)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantCode(t, err, "proof_malformed")
		}
	}
}

func FuzzParseProof(f *testing.F) {
	_, file := testProof(f, true)
	_, bare := testProof(f, false)
	f.Add(file)
	f.Add(bare)
	v := testSigner(f).Verifier()
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := ParseProof(file)
		if err == nil && !bytes.Equal(p.Encode(), file) {
			t.Errorf("two writings of one proof: %q", file)
		}
		if _, err := VerifyProof(file, v, nil); err == nil {
			if want, _ := os.ReadFile("testdata/golden.tlog-proof"); !bytes.Equal(file, want) {
				t.Errorf("a forged proof passes: %q", file)
			}
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	m := newMemory(f, 3)
	f.Add(m.checkpoint(f).Note)
	f.Fuzz(func(t *testing.T, signed []byte) {
		cp, err := m.signer.Verifier().OpenCheckpoint(signed)
		if err == nil && cp.Head != m.tree.Head() {
			t.Errorf("a forged checkpoint passes: %q", signed)
		}
	})
}
