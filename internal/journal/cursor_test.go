package journal

import (
	"crypto/sha256"
	"math"
	"strings"
	"testing"
)

func testCodec(t testing.TB) *CursorCodec {
	t.Helper()
	c, err := NewCursorCodec(sha256.Sum256([]byte("a cursor key for tests")))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCursorsAreStableOpaqueAndBoundToTheOrganisation(t *testing.T) {
	t.Parallel()
	c := testCodec(t)
	seen := map[string]bool{}
	for _, org := range []string{"org_a", "org_b", ""} {
		for _, index := range []int64{Unsequenced, 0, 1, 2, 255, 1 << 40, math.MaxInt64} {
			s := c.Encode(org, index)
			if s != c.Encode(org, index) || len(s) != 22 || seen[s] || strings.ContainsAny(s, "+/=") {
				t.Errorf("cursor %q", s)
			}
			seen[s] = true
			if got, err := c.Decode(org, s); err != nil || got != index {
				t.Errorf("decoded %d, %v; want %d", got, err, index)
			}
			_, err := c.Decode(org+"x", s)
			wantCode(t, err, "bad_cursor")
		}
	}
	other, err := NewCursorCodec([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Decode("org_a", c.Encode("org_a", 1))
	wantCode(t, err, "bad_cursor")
}

func TestATamperedCursorIsRefused(t *testing.T) {
	t.Parallel()
	c := testCodec(t)
	good := c.Encode("org_a", 41)
	for at := range good {
		for _, b := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_\n =" {
			if s := good[:at] + string(b) + good[at+1:]; s != good {
				_, err := c.Decode("org_a", s)
				wantCode(t, err, "bad_cursor")
			}
		}
	}
	for _, s := range []string{"", "41", good + "A", good[:21], " " + good, "é" + good[2:]} {
		_, err := c.Decode("org_a", s)
		wantCode(t, err, "bad_cursor")
	}
}

func FuzzCursor(f *testing.F) {
	c := testCodec(f)
	f.Add("org_a", c.Encode("org_a", 7))
	f.Add("", "")
	f.Fuzz(func(t *testing.T, org, s string) {
		if index, err := c.Decode(org, s); err == nil && c.Encode(org, index) != s {
			t.Errorf("two writings of one cursor: %q", s)
		}
	})
}
