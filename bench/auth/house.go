package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/httpapi"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

const issuer = "https://paraph.example"

// house is the authorization server and its API over SQLite, as the program has them.
type house struct {
	dir    string
	store  *store.Store
	conf   oauth.Config
	server *httptest.Server
	client service.ClientSecret
	device *device
}

func build(ctx context.Context) (_ *house, err error) {
	h := &house{}
	if h.dir, err = os.MkdirTemp("", "bench-auth"); err != nil {
		return nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	if h.store, err = store.Open(ctx, store.Options{URL: filepath.Join(h.dir, "paraph.db"), Log: quiet}); err != nil {
		return nil, err
	}
	ring, err := crypt.NewRing(crypt.NamedKey{ID: "box-1", Key: crypt.NewKey()})
	if err != nil {
		return nil, err
	}
	cursors, err := journal.NewCursorCodec([32]byte{7})
	if err != nil {
		return nil, err
	}
	box := crypt.NewBox(ring)
	svc := service.New(service.Config{Store: h.store, Clock: clock.System{}, Box: box, Cursors: cursors, PublicURL: issuer})
	if h.client, _, err = svc.Bootstrap(ctx, "Bench Works"); err != nil {
		return nil, err
	}
	keys := oauth.NewKeyring(oauth.KeyringConfig{Store: svc, Sealer: box, Clock: clock.System{}, Log: quiet})
	if err := keys.Keep(ctx); err != nil {
		return nil, err
	}
	h.conf = oauth.Config{Service: svc, Keys: keys, Sealer: box, Replays: h.store, Issuer: issuer, Clock: clock.System{}, Log: quiet, SourceOf: httpapi.SourceOf,
		Certificates: oauth.ForwardedCertificates(deviceHeader, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})}
	if h.device, err = newDevice(ctx, svc, h.client.Client); err != nil {
		return nil, err
	}
	tokens, err := oauth.New(h.conf)
	if err != nil {
		return nil, err
	}
	c := httpapi.Config{Service: svc, Verifier: oauth.NewVerifier(h.conf), Clock: clock.System{}, Log: quiet, PublicURL: issuer}
	for _, p := range oauth.Patterns() {
		c.Mounts = append(c.Mounts, httpapi.Mount{Pattern: p, Room: tokens})
	}
	h.server = httptest.NewServer(httpapi.New(c))
	return h, nil
}

func (h *house) close() {
	h.server.Close()
	h.store.Close()
	os.RemoveAll(h.dir)
}

// token asks the token endpoint for a client's token, with a proof of a key where one is
// given, and with the device's certificate where there is a device.
func (h *house) token(client *http.Client, proof func(nonce string) (string, error), d *device) (string, error) {
	who := h.client
	if d != nil {
		who = d.client
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {who.Client.ID}, "client_secret": {who.Secret}}.Encode()
	nonce := ""
	for {
		req, err := http.NewRequest(http.MethodPost, h.server.URL+oauth.TokenPath, strings.NewReader(form))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		d.shows(req)
		if proof != nil {
			p, err := proof(nonce)
			if err != nil {
				return "", err
			}
			req.Header.Set("DPoP", p)
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return "", err
		}
		var answer struct {
			Token string `json:"access_token"`
			Error string `json:"error"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return "", err
		}
		switch {
		case res.StatusCode == http.StatusOK && answer.Token != "":
			return answer.Token, nil
		case answer.Error == "use_dpop_nonce" && nonce == "":
			nonce = res.Header.Get("DPoP-Nonce")
		default:
			return "", fmt.Errorf("no token: %d %s", res.StatusCode, body)
		}
	}
}

// requests gives requests to the API with a token each, which the verifier has not
// seen; it has seen their client, whom another token is of.
func (h *house) requests(ctx context.Context, v *oauth.Verifier, n int, k kind) ([]*http.Request, error) {
	var sign func(claims map[string]any) (string, error)
	var with *device
	if k.device {
		with = h.device
	}
	if k.dpop {
		var err error
		if sign, err = prover(); err != nil {
			return nil, err
		}
	}
	target := issuer + "/v1/documents/doc_01kb0q7m4b1s9v3d8r5x2c6e7f"
	tokens := make([]string, n+1)
	for i := range tokens {
		var proof func(string) (string, error)
		if k.dpop {
			proof = func(nonce string) (string, error) {
				return sign(map[string]any{"jti": rand.Text(), "htm": "POST", "htu": issuer + oauth.TokenPath, "iat": time.Now().Unix(), "nonce": nonce})
			}
		}
		var err error
		if tokens[i], err = h.token(h.server.Client(), proof, with); err != nil {
			return nil, err
		}
	}
	nonce := ""
	make1 := func(token string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return nil, err
		}
		with.shows(r)
		if !k.dpop {
			r.Header.Set("Authorization", "Bearer "+token)
			return r, nil
		}
		sum := sha256.Sum256([]byte(token))
		p, err := sign(map[string]any{"jti": rand.Text(), "htm": "GET", "htu": target, "iat": time.Now().Unix(), "ath": base64.RawURLEncoding.EncodeToString(sum[:]), "nonce": nonce})
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", p)
		return r, err
	}
	first, err := make1(tokens[n])
	if err != nil {
		return nil, err
	}
	answer := http.Header{}
	if _, err := v.Verify(first, answer); err != nil && answer.Get("DPoP-Nonce") == "" {
		return nil, err
	}
	nonce = answer.Get("DPoP-Nonce")
	out := make([]*http.Request, n)
	for i := range out {
		if out[i], err = make1(tokens[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// prover signs DPoP proofs with a key of its own.
func prover() (func(map[string]any) (string, error), error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		return nil, err
	}
	return func(claims map[string]any) (string, error) { return jwt.Signed(signer).Claims(claims).Serialize() }, nil
}

// ask has clients ask for tokens for a while, and gives how many they got a second:
// the middle of the span's seconds.
func (h *house) ask(ctx context.Context, span time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	const connections = 16
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var got atomic.Int64
	failed := make(chan error, connections)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := h.token(client, nil, nil); err != nil {
					failed <- err
					return
				}
				got.Add(1)
			}
		})
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var seconds []time.Duration // as counts, for middle
	last, began := int64(0), time.Now()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			now := got.Load()
			seconds = append(seconds, time.Duration(now-last)*time.Microsecond)
			last = now
		case err := <-failed:
			cancel()
			all.Wait()
			return 0, err
		case <-ctx.Done():
		}
	}
	all.Wait()
	if len(seconds) == 0 {
		return float64(got.Load()) / time.Since(began).Seconds(), nil
	}
	return float64(middle(seconds) / time.Microsecond), nil
}
