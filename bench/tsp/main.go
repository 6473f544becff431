// Command tsp measures time stamps: making a token beside the bare signature in it,
// and verifying it with its chain of three beside the check of one bare signature.
// The two take turns, so that what else the machine does falls on both; the figure
// is the middle of all rounds, and the ratio is what to look at.
//
//	go run ./bench/tsp -rounds 400
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

func main() {
	rounds := flag.Int("rounds", 400, "how often each thing is done")
	flag.Parse()
	fmt.Printf("%-8s %12s %12s %7s   %12s %12s %7s   %6s\n", "key", "token", "signature", "ratio", "verify", "signature", "ratio", "bytes")
	for _, kind := range []string{"p256", "p384", "rsa", "ed25519"} {
		if err := measure(kind, *rounds); err != nil {
			fmt.Fprintln(os.Stderr, "tsp:", err)
			os.Exit(1)
		}
	}
}

func measure(kind string, rounds int) error {
	ca, err := testca.New()
	if err != nil {
		return err
	}
	id, err := ca.Issue("TSA", kind, tsptest.Usage(true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}))
	if err != nil {
		return err
	}
	a, err := tsp.NewAuthority(tsp.AuthorityConfig{Key: id.Key, Chain: id.Chain, Policies: []string{tsptest.Policy}, Now: func() time.Time { return testca.Now }})
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("what is stamped"))
	req, err := tsp.NewRequest(crypto.SHA256, digest[:], "", nil)
	if err != nil {
		return err
	}
	query, err := req.Marshal()
	if err != nil {
		return err
	}
	bare, opts := digest[:], crypto.SignerOpts(crypto.SHA256)
	if kind == "ed25519" {
		opts = crypto.Hash(0)
	}
	var response, value []byte
	issue, sign, err := turns(rounds, func() (err error) {
		response, _, err = a.Respond(query)
		return err
	}, func() (err error) {
		value, err = id.Key.Sign(rand.Reader, bare, opts)
		return err
	})
	if err != nil {
		return err
	}
	trust, size := tsp.Roots(ca.Roots()), 0
	verify, check, err := turns(rounds, func() error {
		r, err := tsp.ParseResponse(response)
		if err != nil {
			return err
		}
		token, err := tsp.Parse(r.Token)
		if err != nil {
			return err
		}
		size = len(token.DER)
		_, err = token.Verify(digest[:], tsp.VerifyOptions{Chain: trust, Request: req})
		return err
	}, func() error { return checkBare(id.Key.Public(), bare, value) })
	if err != nil {
		return err
	}
	fmt.Printf("%-8s %12s %12s %6.2fx   %12s %12s %6.2fx   %6d\n", kind, issue, sign, ratio(issue, sign), verify, check, ratio(verify, check), size)
	return nil
}

func checkBare(key crypto.PublicKey, digest, value []byte) error {
	ok := false
	switch pub := key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(pub, digest, value)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest, value)
	case ed25519.PublicKey:
		ok = ed25519.Verify(pub, digest, value)
	}
	if !ok {
		return fmt.Errorf("a signature of %T does not verify", key)
	}
	return nil
}

// turns does one and other in turns and gives the median time of each.
func turns(rounds int, one, other func() error) (time.Duration, time.Duration, error) {
	times := [2][]time.Duration{}
	for range rounds {
		for i, do := range []func() error{one, other} {
			began := time.Now()
			if err := do(); err != nil {
				return 0, 0, err
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	median := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2].Round(100 * time.Nanosecond)
	}
	return median(times[0]), median(times[1]), nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
