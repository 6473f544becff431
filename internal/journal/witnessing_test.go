package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	foreign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func testCosigner(t testing.TB, name string) *Cosigner {
	t.Helper()
	seed := sha256.Sum256([]byte("the key of " + name))
	c, err := NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var cosignedAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func cosign(t testing.TB, c *Cosigner, cp Checkpoint) string {
	t.Helper()
	line, err := c.Cosign(cp, cosignedAt)
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// TestForeignVerifierTakesOurCosignature lets an implementation nobody here
// wrote read our key and our line, and reads its own with ours.
func TestForeignVerifierTakesOurCosignature(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 7)
	cp, w := m.checkpoint(t), testCosigner(t, "witness.example/w1")
	v, err := foreign.NewVerifierForCosignatureV1(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(JoinCosignatures(cp.Note, cosign(t, w, cp)), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 {
		t.Fatalf("the foreign verifier refuses our cosignature: %v", err)
	}
	if at, err := foreign.CoSigV1Timestamp(n.Sigs[0]); err != nil || !at.Equal(cosignedAt) {
		t.Errorf("it reads the time %v, %v", at, err)
	}

	// The foreign signer takes the key of an ordinary note and cosigns with it.
	seed := sha256.Sum256([]byte("a foreign witness"))
	key := ed25519.NewKeyFromSeed(seed[:])
	skey, vkey, err := note.GenerateKey(bytes.NewReader(seed[:]), "foreign.example/w")
	if err != nil {
		t.Fatal(err)
	}
	s, err := foreign.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := foreign.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ParseWitnessKey(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if want := newWitnessKey("foreign.example/w", key.Public().(ed25519.PublicKey)); want.String() != ours.String() {
		t.Errorf("we write the key %s, they %s", want, ours)
	}
	text, _, _ := strings.Cut(string(cp.Note), "\n\n")
	signed, err := note.Sign(&note.Note{Text: text + "\n"}, s)
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := bytes.Cut(signed, []byte("\n\n"))
	if _, err := m.signer.Verifier().Cosigned(cp, line, ours); err != nil {
		t.Errorf("we refuse the foreign cosignature: %v", err)
	}
}

// TestEveryMutationOfACosignedCheckpointIsRefused changes each byte to each of
// several others: under a policy that needs every line, none passes.
func TestEveryMutationOfACosignedCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 5)
	cp := m.checkpoint(t)
	a, b := testCosigner(t, "a.example/w"), testCosigner(t, "b.example/w")
	p := policyOf(t, m.signer, "group both all a b\nquorum both", a, b)
	good := JoinCosignatures(cp.Note, cosign(t, a, cp), cosign(t, b, cp))
	if _, sigs, err := p.Open(good); err != nil || len(sigs) != 2 || !sigs[0].At.Equal(cosignedAt) {
		t.Fatalf("the cosigned checkpoint is refused: %v", err)
	}
	for i := range good {
		for _, flip := range []byte{1, 2, 0x20, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if _, _, err := p.Open(bad); err == nil {
				t.Errorf("byte %d (%q) changed by %#x passes", i, good[i], flip)
			}
		}
		if _, _, err := p.Open(append(bytes.Clone(good[:i]), good[i+1:]...)); err == nil {
			t.Errorf("without byte %d it passes", i)
		}
	}
	if _, _, err := p.Open(cp.Note); err == nil {
		t.Error("without cosignatures it passes")
	}
	wantCode(t, func() error { _, _, err := p.Open(JoinCosignatures(cp.Note, cosign(t, a, cp))); return err }(), "quorum_not_reached")
}

// policyOf writes a policy of a log and witnesses named a, b, c … and reads it.
func policyOf(t testing.TB, log *Signer, rest string, witnesses ...*Cosigner) *Policy {
	t.Helper()
	text := "log " + log.VerifierKey() + "\n"
	for i, w := range witnesses {
		text += fmt.Sprintf("witness %c %s\n", 'a'+i, w.VerifierKey())
	}
	p, err := ParsePolicy([]byte(text + rest + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCosignatureOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 9)
	cp := m.checkpoint(t)
	older, err := m.signer.Sign(Head{Size: 8, Root: Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	w, other := testCosigner(t, "w.example/w"), testCosigner(t, "o.example/w")
	v := m.signer.Verifier()
	for name, lines := range map[string]string{
		"nothing":            "",
		"of another witness": cosign(t, other, cp),
		"of another head":    cosign(t, w, older),
		"text before it":     "hello\n" + cosign(t, w, cp),
		"without its end":    strings.TrimSuffix(cosign(t, w, cp), "\n"),
	} {
		if _, err := v.Cosigned(cp, []byte(lines), w.Verifier()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	sig, err := v.Cosigned(cp, []byte(cosign(t, other, cp)+cosign(t, w, cp)), w.Verifier())
	if err != nil || sig.Line != cosign(t, w, cp) {
		t.Errorf("its line among others is not found: %v", err)
	}
}

func TestWitnessKeys(t *testing.T) {
	t.Parallel()
	w := testCosigner(t, "w.example/w")
	if k, err := ParseWitnessKey(" " + w.VerifierKey() + "\n"); err != nil || k.String() != w.VerifierKey() {
		t.Errorf("our own key is refused: %v", err)
	}
	name, rest, _ := strings.Cut(w.VerifierKey(), "+")
	hash, key, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	raw[0] = 6
	for _, bad := range []string{
		"", "x", name + "+" + hash, name + "+" + hash + "+", "other.example/w+" + hash + "+" + key,
		name + "+" + strings.ToUpper(hash) + "+" + key, name + "+00000000+" + key, name + "+" + hash + "+" + key[:20],
		name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(raw), testSigner(t).VerifierKey(),
		"a b+" + hash + "+" + key,
	} {
		_, err := ParseWitnessKey(bad)
		wantCode(t, err, "bad_witness_key")
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb"} {
		_, err := NewCosigner(bad, ed25519.NewKeyFromSeed(make([]byte, 32)))
		wantCode(t, err, "bad_witness_key")
	}
}

func TestAddCheckpointReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 11)
	proof, err := ProveConsistency(5, 11, m)
	if err != nil {
		t.Fatal(err)
	}
	cp := m.checkpoint(t)
	body := AddCheckpoint{Old: 5, Proof: proof, Checkpoint: cp.Note}.Encode()
	got, err := ParseAddCheckpoint(body)
	if err != nil || got.Old != 5 || len(got.Proof) != len(proof) || !bytes.Equal(got.Checkpoint, cp.Note) {
		t.Fatalf("read %+v, %v", got, err)
	}
	if origin, err := OriginOf(cp.Note); err != nil || origin != cp.Origin {
		t.Errorf("the origin is read as %q, %v", origin, err)
	}
	hash := Hash{}.String() + "\n"
	for _, bad := range []string{
		"", "\n", "old 5\n", "old 5\n\n", "old 05\n\nx\n", "old -1\n\nx\n", "old\n\nx\n", "5\n\nx\n", "old 5\nxyz\n\nx\n", "old 5 \n\nx\n",
		"old 5\n" + strings.Repeat(hash, 64) + "\nx\n", "old 5\n\n" + strings.Repeat("x", MaxCheckpoint+1),
	} {
		_, err := ParseAddCheckpoint([]byte(bad))
		wantCode(t, err, "add_checkpoint_malformed")
	}
	if n, err := ParseSize(EncodeSize(20852014)); err != nil || n != 20852014 {
		t.Errorf("the size is read as %d, %v", n, err)
	}
	for _, bad := range []string{"", "5", "05\n", "-5\n", "five\n", "5\n\n"} {
		_, err := ParseSize([]byte(bad))
		wantCode(t, err, "bad_tree_size")
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	m := newMemory(t, 3)
	cp := m.checkpoint(t)
	all := []*Cosigner{testCosigner(t, "a.example"), testCosigner(t, "b.example"), testCosigner(t, "c.example"), testCosigner(t, "d.example")}
	for rest, want := range map[string]map[string]bool{
		"quorum none":                               {"": true, "a": true},
		"quorum b":                                  {"": false, "a": false, "b": true, "abcd": true},
		"group g any a b\nquorum g":                 {"": false, "a": true, "b": true, "cd": false},
		"group g all a b\nquorum g":                 {"a": false, "b": false, "ab": true},
		"group g 2 a b c\nquorum g":                 {"a": false, "ab": true, "ac": true, "bc": true, "d": false, "ad": false, "abc": true},
		"group x 1 a b\ngroup y all x c\nquorum y":  {"a": false, "c": false, "ac": true, "bc": true, "abd": false},
		" # a remark\n\n\tgroup g\t 1  a\nquorum g": {"a": true, "b": false},
	} {
		p := policyOf(t, m.signer, rest, all...)
		for who, reached := range want {
			var lines []string
			for _, c := range who {
				lines = append(lines, cosign(t, all[c-'a'], cp))
			}
			if _, _, err := p.Open(JoinCosignatures(cp.Note, lines...)); (err == nil) != reached {
				t.Errorf("%q with the witnesses %q: %v", rest, who, err)
			}
		}
	}
}

func TestBadPolicies(t *testing.T) {
	t.Parallel()
	a, log := testCosigner(t, "a.example").VerifierKey(), testSigner(t).VerifierKey()
	base := "log " + log + "\nwitness a " + a + "\nwitness b " + testCosigner(t, "b.example").VerifierKey() + " https://b.example/\n"
	if _, err := ParsePolicy([]byte(base + "quorum a")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "quorum x", "quorum a\nquorum a", "quorum a b", "quorum", "quorum a\r", "sequence a", "quorum a\x00", "group g any a\n",
		"group g 0 a\nquorum g", "group g 3 a b\nquorum g", "group g 01 a\nquorum g", "group g -1 a\nquorum g", "group g any\nquorum g",
		"group g any x\nquorum g", "group g any g\nquorum g", "group g any a a\nquorum g", "group g any a\ngroup h any a\nquorum h",
		"group none any a\nquorum none", "group a any b\nquorum a", "group g any none\nquorum g",
		"witness c " + a + "\nquorum a", "witness a " + testCosigner(t, "c.example").VerifierKey() + "\nquorum a", "witness c\nquorum a",
		"log " + log + "\nquorum a", "log x\nquorum a", "log\nquorum a", "witness l " + log + "\nquorum a",
	} {
		_, err := ParsePolicy([]byte(base + bad))
		wantCode(t, err, "bad_policy")
	}
	if _, err := ParsePolicy(bytes.Repeat([]byte("#"), MaxPolicy+1)); err == nil {
		t.Error("a policy without end is read")
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("witness a " + testCosigner(f, "a.example").VerifierKey() + " https://a\ngroup g 1 a\nquorum g\n"))
	f.Add([]byte("quorum none\n"))
	cp := newMemory(f, 2).checkpoint(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := ParsePolicy(file)
		if err != nil {
			wantCode(t, err, "bad_policy")
			return
		}
		everybody := p.ReachedBy(func(*WitnessKey) bool { return true })
		nobody := p.ReachedBy(func(*WitnessKey) bool { return false })
		if !everybody || nobody != (p.quorum == "none") {
			t.Errorf("everybody reaches the quorum: %v; nobody: %v", everybody, nobody)
		}
		if _, _, err := p.Open(cp.Note); err == nil && p.quorum != "none" {
			t.Error("a bare checkpoint passes")
		}
	})
}

func FuzzAddCheckpoint(f *testing.F) {
	m := newMemory(f, 11)
	proof, err := ProveConsistency(5, 11, m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(AddCheckpoint{Old: 5, Proof: proof, Checkpoint: m.checkpoint(f).Note}.Encode())
	f.Add([]byte("old 0\n\nx\n1\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseAddCheckpoint(body)
		if err != nil {
			wantCode(t, err, "add_checkpoint_malformed")
			return
		}
		if !bytes.Equal(a.Encode(), body) {
			t.Error("it is read in more than one writing")
		}
		_, _ = OriginOf(a.Checkpoint)
	})
}
