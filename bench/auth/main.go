// Command auth measures what it costs to know who sent a request. Tokens that no
// memory holds are authenticated and decided on, as the API does it, in turns with
// the bare check of as many P-256 signatures, so that what else the machine does
// falls on both; the figure is the middle of all, and the ratio is what to
// look at. Then clients ask the token endpoint over HTTP, as fast as it answers,
// with the load generator in the same process.
//
//	go run ./bench/auth -rounds 15 -tokens 1000 -for 5s
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/oauth"
)

func main() {
	rounds := flag.Int("rounds", 15, "how often each thing is done")
	tokens := flag.Int("tokens", 1000, "tokens of a round, each another")
	span := flag.Duration("for", 5*time.Second, "how long tokens are asked for over HTTP")
	cores := flag.Int("cores", 2, "processors that the process uses")
	flag.Parse()
	runtime.GOMAXPROCS(*cores)
	if err := run(context.Background(), *rounds, *tokens, *span); err != nil {
		fmt.Fprintln(os.Stderr, "auth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, tokens int, span time.Duration) error {
	h, err := build(ctx)
	if err != nil {
		return err
	}
	defer h.close()
	for _, k := range []kind{{name: "bearer", goal: 1.5}, {name: "DPoP", dpop: true, goal: 3}, {name: "bearer with a device rule", device: true, goal: 1.5}} {
		if err := h.compare(ctx, k, rounds, tokens); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	perSecond, err := h.ask(ctx, span)
	if err != nil {
		return err
	}
	fmt.Printf("token requests over HTTP, P-256, load generator on the same %d processors: %.0f a second (goal 1000)\n", runtime.GOMAXPROCS(0), perSecond)
	return nil
}

// kind is a way in which a token is sent, and how many times a bare check it may cost.
type kind struct {
	name   string
	dpop   bool
	device bool // it is bound to a certificate, which a device rule demands
	goal   float64
}

// compare authenticates tokens in turns with bare checks of signatures.
func (h *house) compare(ctx context.Context, k kind, rounds, tokens int) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digests, signatures := make([][32]byte, tokens), make([][]byte, tokens)
	for i := range digests {
		digests[i] = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		if signatures[i], err = ecdsa.SignASN1(rand.Reader, key, digests[i][:]); err != nil {
			return err
		}
	}
	var ours, bare []time.Duration
	for range rounds {
		verifier := oauth.NewVerifier(h.conf) // knows no token
		requests, err := h.requests(ctx, verifier, tokens, k)
		if err != nil {
			return err
		}
		for i, r := range requests {
			began := time.Now()
			if err := authenticate(verifier, r); err != nil {
				return err
			}
			ours = append(ours, time.Since(began))
			began = time.Now()
			if !ecdsa.VerifyASN1(&key.PublicKey, digests[i][:], signatures[i]) {
				return fmt.Errorf("a signature does not verify")
			}
			bare = append(bare, time.Since(began))
		}
	}
	a, b := middle(ours), middle(bare)
	fmt.Printf("%-25s %8s to authenticate and decide, %8s a bare ecdsa.Verify: %.2f times (goal %.1f); %d tokens, %d rounds\n", k.name, a, b, float64(a)/float64(b), k.goal, tokens, rounds)
	return nil
}

// authenticate is what the API does with a request before its operation.
func authenticate(v *oauth.Verifier, r *http.Request) error {
	actor, err := v.Verify(r, http.Header{})
	if err != nil {
		return err
	}
	return access.Check(actor, access.ReadDocument, access.Resource{Org: actor.Org, Unit: "general"})
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2].Round(100 * time.Nanosecond)
}
