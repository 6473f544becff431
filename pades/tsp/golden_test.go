package tsp_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

var update = flag.Bool("update", false, "write the tokens in testdata anew")

// goldens are the tokens in testdata, by the authority's key.
var goldens = []string{"p256", "p384", "rsa", "ed25519"}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("testdata", name)))
}

func goldenRoots(t testing.TB) tsp.ChainVerifier {
	t.Helper()
	block, _ := pem.Decode(golden(t, "root.pem"))
	pool := x509.NewCertPool()
	pool.AddCert(must(x509.ParseCertificate(block.Bytes)))
	return tsp.Roots(pool)
}

// TestGolden: a token that was good once stays good, whatever becomes of this
// package and of the certificates in it.
func TestGolden(t *testing.T) {
	t.Parallel()
	if *update {
		ca := must(testca.NewAt(noon))
		if err := os.WriteFile("testdata/root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, kind := range goldens {
			a := must(tsp.NewAuthority(configOf(must(ca.Issue("Test TSA", kind, tsptest.Usage(true, timeStamping))))))
			if err := os.WriteFile("testdata/"+kind+".tst", must(a.Sign(sampleInfo(), true)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, kind := range goldens {
		token := must(tsp.Parse(golden(t, kind+".tst")))
		v, err := token.Verify(digest, tsp.VerifyOptions{Chain: goldenRoots(t), Request: &tsp.Request{Hash: crypto.SHA256, Digest: digest, Nonce: big.NewInt(42)}})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if v.Signer.Subject.CommonName != "Test TSA" || !token.Time.Equal(noon) || token.Policy != tsptest.Policy || token.Serial.Int64() != 7 || token.Accuracy != time.Second {
			t.Errorf("%s: it says %+v", kind, token.Info)
		}
	}
}
