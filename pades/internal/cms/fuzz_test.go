package cms

import (
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
