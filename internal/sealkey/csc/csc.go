// Package csc signs at a trust service provider, by the API of the Cloud Signature
// Consortium ("Architectures and protocols for remote signature applications",
// versions 2.0 and 1.0.4). Sections in comments are those of 2.0.0.2.
//
// It is for seals, where no person stands by: the service is logged into with a
// user's name and password, by OAuth 2.0 client credentials, or with a token that
// somebody else looks after; a credential is authorised implicitly, or explicitly by
// values that are known beforehand. What asks for a person in front of a browser, or for a
// one-time password, is refused with that reason.
package csc

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
)

// signTimeout bounds one signature, with the authorisation before it.
const signTimeout = 60 * time.Second

// Config says which credential at which service.
type Config struct {
	URL  string // of the API, without a slash at its end, such as https://tsp.example.com/csc/v2
	HTTP *http.Client
	// Credential is its id; "": the only one there is.
	Credential string
	User       string // whose credentials are listed, where the login is not that of a user
	Login      Login
	// AuthData are the values by which the credential is authorised explicitly, by the
	// id that the service gives each (11.6), such as PIN.
	AuthData map[string]string
	// Batch is how many signatures are authorised at once, as far as the credential
	// allows; those behind the first extend the transaction (11.9). 0 or 1: each
	// signature is authorised by itself.
	Batch int
	Now   func() time.Time
}

// Login is how the service is logged into (8). The zero value: not at all.
type Login struct {
	User, Password         string // for auth/login (11.2)
	ClientID, ClientSecret string // OAuth 2.0 client credentials (8.4.4)
	Token                  string // an access token that somebody else renews
}

// service is what info tells (11.1), as far as it matters here.
type service struct {
	Specs        string   `json:"specs"`
	AuthType     []string `json:"authType"`
	OAuth2       string   `json:"oauth2"`
	OAuth2Issuer string   `json:"oauth2Issuer"`
	Methods      []string `json:"methods"`
}

// credentialInfo is what credentials/info tells (11.5).
type credentialInfo struct {
	Key struct {
		Status string   `json:"status"`
		Algo   []string `json:"algo"`
	} `json:"key"`
	Cert struct {
		Status       string   `json:"status"`
		Certificates []string `json:"certificates"`
	} `json:"cert"`
	Auth struct {
		Mode    string `json:"mode"`
		Objects []struct {
			Type string `json:"type"`
			ID   string `json:"id"`
		} `json:"objects"`
	} `json:"auth"`
	AuthMode  string `json:"authMode"` // of 1.0.4
	SCAL      string `json:"SCAL"`
	Multisign int    `json:"multisign"`
}

// Credential is one key at a service.
type Credential struct {
	conf    Config
	service service
	first   bool // it speaks version 1 of the API
	info    credentialInfo

	token       sync.Mutex
	access      string
	accessUntil time.Time

	turn        chan struct{} // held by who uses the transaction
	transaction transaction
}

// Open finds the credential and reads its certificate. Errors are *sealkey.Error.
func Open(ctx context.Context, conf Config) (*sealkey.Key, error) {
	c := &Credential{conf: conf, turn: make(chan struct{}, 1)}
	if err := c.exchange(ctx, "info", struct{}{}, "", &c.service); err != nil {
		return nil, err
	}
	version, _, _ := strings.Cut(c.service.Specs, ".")
	if c.first = version == "1"; !c.first && version != "2" {
		return nil, c.fail(sealkey.Unfit, "the service speaks version %q of the API; 2 and 1.0.4 are understood", c.service.Specs)
	}
	for _, method := range []string{"credentials/info", "signatures/signHash"} {
		if !slices.Contains(c.service.Methods, method) {
			return nil, c.fail(sealkey.Unfit, "the service does not offer %s", method)
		}
	}
	if err := c.find(ctx); err != nil {
		return nil, err
	}
	chain, err := c.look(ctx)
	if err != nil {
		return nil, err
	}
	return sealkey.New(chain[0].PublicKey, chain, c, signTimeout), nil
}

// Address implements sealkey.Keeper.
func (c *Credential) Address() string {
	if u, err := url.Parse(c.conf.URL); err == nil {
		return u.Host
	}
	return "the trust service"
}

func (c *Credential) fail(reason sealkey.Reason, format string, args ...any) error {
	return sealkey.Errorf(c.Address(), reason, format, args...)
}

// find lists the credentials (11.4) where none is named.
func (c *Credential) find(ctx context.Context) error {
	if c.conf.Credential != "" {
		return nil
	}
	in := struct {
		UserID    string `json:"userID,omitempty"`
		OnlyValid bool   `json:"onlyValid,omitempty"`
	}{c.conf.User, !c.first}
	var out struct {
		IDs []string `json:"credentialIDs"`
	}
	if err := c.call(ctx, "credentials/list", in, &out); err != nil {
		return err
	}
	if len(out.IDs) != 1 {
		return c.fail(sealkey.Unfit, "the service has %d credentials (%s); name one with #credential=ID", len(out.IDs), strings.Join(out.IDs[:min(len(out.IDs), 10)], ", "))
	}
	c.conf.Credential = out.IDs[0]
	return nil
}

// look reads the credential and judges whether it can seal.
func (c *Credential) look(ctx context.Context) ([]*x509.Certificate, error) {
	in := struct {
		CredentialID string `json:"credentialID"`
		Certificates string `json:"certificates"`
		AuthInfo     bool   `json:"authInfo,omitempty"`
	}{c.conf.Credential, "chain", true}
	if err := c.call(ctx, "credentials/info", in, &c.info); err != nil {
		return nil, err
	}
	i := &c.info
	if i.Key.Status != "enabled" {
		return nil, c.fail(sealkey.Unfit, "the key of credential %s is %s", c.conf.Credential, strconv.Quote(i.Key.Status))
	}
	if i.Cert.Status != "" && i.Cert.Status != "valid" {
		return nil, c.fail(sealkey.Unfit, "the certificate of credential %s is %s", c.conf.Credential, strconv.Quote(i.Cert.Status))
	}
	if i.Auth.Mode == "" {
		i.Auth.Mode = i.AuthMode
	}
	if err := c.authorisable(); err != nil {
		return nil, err
	}
	return c.chain()
}

// authorisable tells whether the credential can be authorised with nobody there.
func (c *Credential) authorisable() error {
	i := &c.info
	switch i.Auth.Mode {
	case "implicit":
	case "explicit":
		for _, o := range i.Auth.Objects {
			if _, ok := c.conf.AuthData[o.ID]; !ok || o.Type != "Password" {
				return c.fail(sealkey.Unfit, "credential %s is authorised with %s (%s): give it as auth.%s in seal-key-credentials, if it is always the same; one-time values need a person",
					c.conf.Credential, strconv.Quote(o.ID), o.Type, o.ID)
			}
		}
	default:
		return c.fail(sealkey.Unfit, "credential %s is authorised by %s, which needs a person; seals take implicit or explicit", c.conf.Credential, strconv.Quote(i.Auth.Mode))
	}
	if !slices.Contains(c.service.Methods, "credentials/authorize") {
		return c.fail(sealkey.Unfit, "the service does not offer credentials/authorize")
	}
	if i.Multisign < 1 {
		i.Multisign = 1
	}
	return nil
}

// chain reads the certificates. They come with the signer's first; where the others
// come in another order than that of issuing, it is mended.
func (c *Credential) chain() ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for n, text := range c.info.Cert.Certificates {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, c.fail(sealkey.Malformed, "certificate %d is not base64", n+1)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, c.fail(sealkey.Malformed, "certificate %d: %w", n+1, err)
		}
		all = append(all, cert)
	}
	if len(all) == 0 {
		return nil, c.fail(sealkey.Unfit, "credential %s has no certificate", c.conf.Credential)
	}
	if err := sealkey.Fit(all[0].PublicKey); err != nil {
		return nil, c.fail(sealkey.Unfit, "credential %s: %w", c.conf.Credential, err)
	}
	return sealkey.Order(all), nil
}
