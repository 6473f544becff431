package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/fault"
)

// goldenLeaf pins the format, by the leaf of testEntry 7: an old proof must
// verify for ever.
const goldenLeaf = `paraph-leaf@v1
id evt_00000000000000000000000007
kind document.submitted
prev KlHTVHwjqN5Q8+IyhaDfNWYn72TDAAh9OycXPwje0qA=
document Rk45FCNQVfB5nkjnzf3HSxUtwvh4jP+hu0TQTV2MfzQ=
actor 6JibekOXWDibb2lW5tSb49Qxlz1DLPJ36v2G6kIUX0E=
source rtl/dSY7N/QB7WXFywxMAdLA9WAYo/IFNnidgfyaSUs=
digests lBeERLyomyPCIClbgj1LFhzS4H9LK6zAi6e27YAUlKc=
data a97uu9RRWmX7YtR7TGMcEI+HO1D3bMXDqrZBxB0pPWY=
time 2WVTt7UbUJu4+F8At5qf+fYqU0ABlxvpyDvc8RzXIVc=
`

func TestLeafNamesNobodyAndIsGolden(t *testing.T) {
	t.Parallel()
	e := testEntry(t, 7)
	if string(e.Leaf) != goldenLeaf {
		t.Errorf("leaf\n%s\nwant\n%s", e.Leaf, goldenLeaf)
	}
	for _, secret := range []string{"alice", "acme", "203.0.113", "doc_", "Purchase", "purchasing"} {
		if bytes.Contains(e.Leaf, []byte(secret)) {
			t.Errorf("the leaf tells %q", secret)
		}
	}
}

func TestCheckNamesTheFieldThatWasChanged(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Entry){
		"id":       func(e *Entry) { e.ID = "evt_00000000000000000000000009" },
		"kind":     func(e *Entry) { e.Kind = DocumentApproved },
		"prev":     func(e *Entry) { e.PrevLeaf[31] ^= 1 },
		"actor":    func(e *Entry) { e.Actor.Principal = "mallory@example.com" },
		"source":   func(e *Entry) { e.Source.Peer, e.Source.Forwarded = e.Source.Forwarded, e.Source.Peer },
		"digests":  func(e *Entry) { e.Digests = map[string]string{"content": e.Digests["metadata"]} },
		"data":     func(e *Entry) { e.Data = append(json.RawMessage(" "), e.Data...) },
		"time":     func(e *Entry) { e.At = e.At.Add(time.Microsecond) },
		"document": func(e *Entry) { e.Unit, e.Org = e.Org, e.Unit },
	}
	for field, change := range tests {
		e := testEntry(t, 1)
		if err := Check(&e); err != nil {
			t.Fatalf("unchanged: %v", err)
		}
		change(&e)
		err := Check(&e)
		wantCode(t, err, "entry_mismatch")
		if d := fault.From(err).Details; len(d) != 1 || d[0].Pointer != "/"+field {
			t.Errorf("%s changed: named %v", field, d)
		}
	}
	for _, change := range []func(*Entry){
		func(e *Entry) { e.DocumentID = "doc_00000000000000000000000002" },
		func(e *Entry) { e.DocVersion++ },
		func(e *Entry) { e.DocSeq++ },
		func(e *Entry) { e.SubjectID, e.SubjectType = e.SubjectType, e.SubjectID },
		// A text moved across the border of two parts must not go unseen.
		func(e *Entry) { e.Org, e.Unit = e.Org+e.Unit, "" },
		func(e *Entry) { e.Salt[0] ^= 1 },
		func(e *Entry) { e.Leaf = append(e.Leaf[:len(e.Leaf)-1:len(e.Leaf)-1], ' ', '\n') },
	} {
		e := testEntry(t, 1)
		change(&e)
		wantCode(t, Check(&e), "entry_mismatch", "leaf_malformed")
	}
}

func TestOurHMACIsTheStandardLibrarys(t *testing.T) {
	t.Parallel()
	var s scratch
	for n := range 200 {
		key := sha256.Sum256(fmt.Appendf(nil, "key %d", n))
		message := bytes.Repeat([]byte{byte(n)}, n)
		s.keyed((*Hash)(&key))
		s.hashed = append(s.hashed, message...)
		if got := s.sum((*Hash)(&key)); got != mac(key, message) {
			t.Fatalf("%d bytes: %s", n, got)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	e := testEntry(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func TestWithoutItsOwnSaltEqualContentLooksDifferent(t *testing.T) {
	t.Parallel()
	a, b := testEntry(t, 1), testEntry(t, 1)
	b.Salt = [32]byte{}
	if err := Seal(&b, b.PrevLeaf); err != nil {
		t.Fatal(err)
	}
	if b.Salt == [32]byte{} {
		t.Fatal("no salt was drawn")
	}
	var s scratch
	ra, rb := s.record(&a), s.record(&b)
	for i, f := range fields {
		if ra.commits[i] == rb.commits[i] {
			t.Errorf("%s: equal values give equal commitments", f)
		}
	}
}

func TestSealCleansWhatComesFromOutside(t *testing.T) {
	t.Parallel()
	e := testEntry(t, 1)
	e.Source.UserAgent = "bad\xff\x00agent"
	e.Actor.Principal = strings.Repeat("é", 1000)
	if err := Seal(&e, e.PrevLeaf); err != nil {
		t.Fatal(err)
	}
	if e.Source.UserAgent != "bad\uFFFD\uFFFDagent" {
		t.Errorf("user agent %q", e.Source.UserAgent)
	}
	if len(e.Actor.Principal) > maxText || !utf8.ValidString(e.Actor.Principal) || !strings.HasPrefix(e.Actor.Principal, "éé") {
		t.Errorf("principal of %d bytes", len(e.Actor.Principal))
	}
	if e.At.Nanosecond()%1000 != 0 || Check(&e) != nil {
		t.Errorf("at %s, check %v", e.At, Check(&e))
	}
}

func TestSealRefusesOurOwnMistakes(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Entry){
		"id":            func(e *Entry) { e.ID = "doc_00000000000000000000000001" },
		"unknown kind":  func(e *Entry) { e.Kind = "document.eaten" },
		"no sequence":   func(e *Entry) { e.DocSeq = 0 },
		"no document":   func(e *Entry) { e.DocumentID = "" },
		"first of many": func(e *Entry) { e.DocSeq = 1 },
		"data":          func(e *Entry) { e.Data = json.RawMessage(`{"a":1} x`) },
		"data bytes":    func(e *Entry) { e.Data = json.RawMessage("\"\xff\"") },
		"long data":     func(e *Entry) { e.Data = json.RawMessage(`"` + strings.Repeat("a", MaxData) + `"`) },
		"digest":        func(e *Entry) { e.Digests = map[string]string{"x": "sha256:ABCD"} },
		"time":          func(e *Entry) { e.At = time.Time{} },
	} {
		e := testEntry(t, 1)
		change(&e)
		if err := Seal(&e, e.PrevLeaf); fault.CodeOf(err) != "bad_entry" || fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(testEntry(f, 1).Leaf)
	f.Add([]byte("paraph-leaf@v1\n"))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		r, err := parseRecord(leaf)
		if err == nil && !bytes.Equal(r.append(nil), leaf) {
			t.Errorf("two writings of one leaf: %q", leaf)
		}
	})
}

func TestKindsAreWholeAndInOrder(t *testing.T) {
	t.Parallel()
	seen := map[Kind]bool{}
	for _, info := range Kinds {
		if seen[info.Kind] || !info.Kind.wellFormed() || !strings.Contains(string(info.Kind), ".") || info.About == "" {
			t.Errorf("%+v", info)
		}
		seen[info.Kind] = true
	}
	for _, kind := range declaredKinds(t) {
		if !seen[kind] {
			t.Errorf("%s has no line in Kinds", kind)
		}
	}
	if SetupLinkMade.Public() || !DocumentSigned.Public() || Kind("x").Public() {
		t.Error("Public is wrong")
	}
}

func TestMACIsHMAC(t *testing.T) {
	t.Parallel()
	for n := range 3000 {
		key, message := Hash(sha256.Sum256([]byte{byte(n)})), bytes.Repeat([]byte{byte(n)}, n)
		h := hmac.New(sha256.New, key[:])
		h.Write(message)
		if got := mac(key, message); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("a message of %d bytes", n)
		}
	}
}
