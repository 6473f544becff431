package tsl

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/internal/xmlsig"
	"github.com/paraph/paraph/pades/trust"
)

// FuzzList reads lists without regard to their signatures, which would hide the
// reader from nearly everything that is tried.
func FuzzList(f *testing.F) {
	for _, name := range []string{"xx.xml", "yy.xml", "lotl.xml"} {
		b, err := os.ReadFile(filepath.Join("testdata", "signed", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	at := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := xmlsig.Parse(b)
		if err != nil {
			return
		}
		l, err := readList(root)
		if (l == nil) != (err != nil) {
			t.Fatalf("neither a list nor an error: %v", err)
		}
		if err != nil {
			return
		}
		set := &Set{}
		set.Add(l.Services...)
		kept, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		again := &Set{}
		if err := json.Unmarshal(kept, again); err != nil || len(again.Services) != len(set.Services) {
			t.Errorf("a set changes on its way: %v", err)
		}
		for i := range set.Services {
			for _, c := range set.Services[i].Certificates {
				judgeAll(set, c, at)
			}
		}
	})
}

func judgeAll(set *Set, c *x509.Certificate, at time.Time) {
	for _, a := range set.Named(c.RawSubject) {
		_ = a.Allows(trust.Signing, at) // must end
		a.About.(*Service).Qualify(c, at)
	}
}
