package tsp_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

var kinds = []string{"p256", "p384", "rsa", "ed25519"}

// BenchmarkIssue makes tokens with certificates, beside the bare signature that
// is in each.
func BenchmarkIssue(b *testing.B) {
	for _, kind := range kinds {
		tsa := tsptest.New(b, tsptest.Options{Kind: kind})
		request := must(must(tsp.NewRequest(crypto.SHA256, digest, "", nil)).Marshal())
		b.Run(kind+"/token", func(b *testing.B) {
			size := 0
			for b.Loop() {
				der, _, err := tsa.Respond(request)
				if err != nil {
					b.Fatal(err)
				}
				size = len(der)
			}
			b.ReportMetric(float64(size), "B/response")
		})
		id := must(must(testca.New()).Issue("bare", kind))
		t := must(cms.NewTemplate(id.Chain, 0, false))
		b.Run(kind+"/bare-signature", func(b *testing.B) {
			for b.Loop() {
				must(t.Sign(id.Key, digest))
			}
		})
	}
}

// BenchmarkVerify reads and verifies a token with its chain, beside the check of
// the bare signature.
func BenchmarkVerify(b *testing.B) {
	for _, kind := range kinds {
		tsa, der := sampleToken(b, kind)
		o := tsp.VerifyOptions{Chain: tsa.Chain()}
		b.Run(kind+"/token", func(b *testing.B) {
			for b.Loop() {
				if err := check(der, o); err != nil {
					b.Fatal(err)
				}
			}
		})
		s := must(cms.ParseAttached(der, tstInfo))
		b.Run(kind+"/bare-signature", func(b *testing.B) {
			for b.Loop() {
				if err := s.Verify(tsa.Certificate()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRequest makes and reads requests.
func BenchmarkRequest(b *testing.B) {
	sum := sha256.Sum256([]byte(rand.Text()))
	for b.Loop() {
		r := must(tsp.NewRequest(crypto.SHA256, sum[:], tsptest.Policy, nil))
		must(tsp.ParseRequest(must(r.Marshal())))
	}
}
