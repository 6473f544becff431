package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
)

// world is what all contenders sign with: an identity, a timestamp authority
// and responders, all on the loopback interface.
type world struct {
	*testca.Served
	id      testca.Identity
	tsa     *httptest.Server
	client  *tsp.Client
	sources *revocation.Collector
	json    string // for the peers
}

func newWorld(ctx context.Context, dir string) (*world, error) {
	served, err := testca.ServeAt(time.Now)
	if err != nil {
		return nil, err
	}
	w := &world{Served: served}
	if w.id, err = served.Issue("Ada Signer", "p256"); err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	stamper, err := served.Issue("Bench TSA", "p256", func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage})
	})
	if err != nil {
		return nil, err
	}
	authority, err := tsp.NewAuthority(tsp.AuthorityConfig{Key: stamper.Key, Chain: stamper.Chain, Policies: []string{"1.2.3.4"}})
	if err != nil {
		return nil, err
	}
	w.tsa = httptest.NewServer(authority)
	w.client, err = tsp.NewClient(tsp.ClientConfig{
		Authorities: []tsp.Endpoint{{URL: w.tsa.URL, Chain: tsp.Roots(served.Roots())}}, HTTP: http.DefaultClient,
	})
	if err != nil {
		return nil, err
	}
	if w.sources, err = revocation.New(revocation.Config{HTTP: http.DefaultClient}); err != nil {
		return nil, err
	}
	return w, w.write(ctx, dir, stamper)
}

func (w *world) close() {
	w.tsa.Close()
	w.Served.Close()
}

// write puts key, chain and answers into files, and their names into w.json.
func (w *world) write(ctx context.Context, dir string, stamper testca.Identity) error {
	key, err := x509.MarshalPKCS8PrivateKey(w.id.Key)
	if err != nil {
		return err
	}
	about := struct {
		Key     string   `json:"key"`
		Chain   []string `json:"chain"`
		TSA     string   `json:"tsa"`
		Answers string   `json:"answers"`
	}{Key: filepath.Join(dir, "key.pem"), TSA: w.tsa.URL, Answers: filepath.Join(dir, "answers.json")}
	if err := os.WriteFile(about.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		return err
	}
	for i, c := range w.id.Chain {
		name := filepath.Join(dir, fmt.Sprintf("chain%d.der", i))
		if err := os.WriteFile(name, c.Raw, 0o600); err != nil {
			return err
		}
		about.Chain = append(about.Chain, name)
	}
	answers := map[string]map[string]string{"ocsp": {}, "crl": {}}
	for _, c := range []*x509.Certificate{w.id.Chain[0], stamper.Chain[0]} {
		e, err := w.sources.Collect(ctx, c, w.id.Chain[1:], time.Now())
		if err != nil {
			return err
		}
		answers["ocsp"][hex.EncodeToString(c.Raw)] = hex.EncodeToString(e.OCSPs[0])
		answers["crl"][hex.EncodeToString(w.id.Chain[1].Raw)] = hex.EncodeToString(e.CRLs[0])
	}
	b, err := json.Marshal(answers)
	if err != nil {
		return err
	}
	if err := os.WriteFile(about.Answers, b, 0o600); err != nil {
		return err
	}
	b, err = json.Marshal(about)
	w.json = string(b)
	return err
}

// protect asks for a level by its name.
func (w *world) protect(level string) pades.Protect {
	switch level {
	case "B-T":
		return pades.Protect{Level: pades.BT, Timestamps: w.client}
	case "B-LTA":
		return pades.Protect{Level: pades.BLTA, Timestamps: w.client, Evidence: w.sources}
	}
	return pades.Protect{}
}
