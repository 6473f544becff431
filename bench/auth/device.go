package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// deviceHeader is where the proxy hands on the certificates that devices show.
const deviceHeader = "Client-Cert"

// device is a client whose tokens are bound to a device's certificate, in an organisation
// with a rule that demands one for reading documents.
type device struct {
	client service.ClientSecret
	shown  string // its certificate, as RFC 9440 has it
}

// shows puts the certificate into a request that comes from the proxy; no device shows none.
func (d *device) shows(r *http.Request) {
	if d != nil {
		r.Header.Set(deviceHeader, d.shown)
		r.RemoteAddr = "127.0.0.1:1"
	}
}

// newDevice makes an authority of devices, a certificate of it, a client that uses it, and
// the rule of the organisation that wants it of that client.
func newDevice(ctx context.Context, svc *service.Service, admin access.OAuthClient) (*device, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	from, until := time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Devices"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authority, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "laptop-1"}, NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	shown, err := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	call := service.Call{Actor: access.Actor{Kind: access.Client, Org: admin.Org, ID: admin.ID, Client: admin.ID, Principal: admin.Principal, Scopes: admin.Scopes}}
	made, err := svc.CreateClient(ctx, call, service.NewClient{Name: "laptop", Principal: "laptop", Scopes: []access.Scope{access.DocumentsRead}, Profile: access.Profile{Certificate: true}})
	if err != nil {
		return nil, err
	}
	rule := access.DeviceRule{Name: "bench", For: access.DeviceScope{Clients: []string{made.Value.Client.ID}, Actions: []access.Action{access.ReadDocument}},
		Demands: access.DeviceDemands{Certificate: &access.CertificateDemand{Roots: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority}))}}}
	if _, err := svc.SaveDeviceRule(ctx, call, rule, 0); err != nil {
		return nil, err
	}
	return &device{made.Value, ":" + base64.StdEncoding.EncodeToString(shown) + ":"}, nil
}
