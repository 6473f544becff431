package cms

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"testing"

	"github.com/paraph/paraph/pades/testca"
)

// sample builds a signature as Sign does.
func sample(t testing.TB) []byte {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue("Ada", "p256")
	if err != nil {
		t.Fatal(err)
	}
	tpl := Template{Scheme: ECDSA, Hash: crypto.SHA256, Chain: id.Chain}
	attrs, err := tpl.SignedAttributes(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	h := crypto.SHA256.New()
	h.Write(attrs)
	value, err := id.Key.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	der, err := tpl.Build(attrs, value)
	if err != nil {
		t.Fatal(err)
	}
	if most, err := tpl.MaxSize(); err != nil || len(der) > most || len(der) < most-8 {
		t.Fatalf("%d bytes were computed beforehand for a signature of %d: %v", most, len(der), err)
	}
	return der
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := s.Signer()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(cert); err != nil {
		t.Error(err)
	}
	if ok, present := s.NamesCertificate(cert); !ok || !present || s.SigningTime {
		t.Error("the attributes are not those of PAdES")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := Parse(der)
		if err != nil {
			return
		}
		if cert, err := s.Signer(); err == nil {
			_ = s.Verify(cert) // must not panic, whatever it says
		}
	})
}

// TestDefinite: indefinite lengths and strings in pieces become DER, and DER stays.
func TestDefinite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, rest []byte }{
		{[]byte{0x30, 3, 2, 1, 5, 0, 0}, []byte{0x30, 3, 2, 1, 5}, []byte{0, 0}},
		{[]byte{0x30, 0x80, 2, 1, 5, 0, 0, 9}, []byte{0x30, 3, 2, 1, 5}, []byte{9}},
		{[]byte{0x30, 0x80, 0xA0, 0x80, 0x24, 0x80, 4, 1, 'a', 4, 2, 'b', 'c', 0, 0, 0, 0, 0, 0}, []byte{0x30, 7, 0xA0, 5, 4, 3, 'a', 'b', 'c'}, nil},
		{[]byte{0x30, 0x81, 3, 2, 1, 5}, []byte{0x30, 0x81, 3, 2, 1, 5}, nil},
	} {
		der, rest, err := Definite(c.in)
		if err != nil || !bytes.Equal(der, c.want) || !bytes.Equal(rest, c.rest) {
			t.Errorf("%x becomes %x and %x, %v", c.in, der, rest, err)
		}
	}
	for _, bad := range [][]byte{nil, {0x30}, {0x30, 5, 1}, {0x30, 0x80, 2, 1, 5}, {4, 0x80, 0, 0}, {0x24, 0x80, 2, 1, 5, 0, 0}, {0x1F, 1, 1}, {0x30, 0x85, 1, 1, 1, 1, 1}} {
		if _, _, err := Definite(bad); err == nil {
			t.Errorf("%x is taken", bad)
		}
	}
}

func FuzzDefinite(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 4, 1, 'a', 4, 2, 'b', 'c', 0, 0, 2, 1, 5, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		der, _, err := Definite(b)
		if err != nil {
			return
		}
		again, rest, err := Definite(der)
		if err != nil || len(rest) > 0 || !bytes.Equal(again, der) {
			t.Errorf("%x becomes %x, which becomes %x, %v", b, der, again, err)
		}
	})
}

// TestMaxStamped: what is computed is what is written, to the byte.
func TestMaxStamped(t *testing.T) {
	t.Parallel()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"p256", "p384", "rsa", "ed25519"} {
		id, err := ca.Issue("Ada", kind)
		if err != nil {
			t.Fatal(err)
		}
		for chain := 1; chain <= len(id.Chain); chain++ {
			tpl, err := NewTemplate(id.Chain[:chain], 0, kind == "rsa" && chain == 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, token := range []int{0, 1, 100, 120, 240, 5000, 70_000} {
				a, err := tpl.Attributes()
				if err != nil {
					t.Fatal(err)
				}
				var room []byte
				if token > 0 {
					room = make([]byte, token)
				}
				der, err := tpl.BuildStamped(a.With(make([]byte, tpl.Hash.Size())), make([]byte, tpl.MaxSignature()), room)
				if most := tpl.MaxStamped(a, token); err != nil || most != len(der) {
					t.Errorf("%s, %d certificates, token of %d: %d bytes computed, %d written, %v", kind, chain, token, most, len(der), err)
				}
			}
		}
	}
}
