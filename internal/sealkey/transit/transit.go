// Package transit signs with a key in the Transit engine of HashiCorp Vault or
// OpenBao, over its HTTP API: sign, and read key. The key never leaves the engine.
package transit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
)

const (
	signTimeout = 60 * time.Second
	maxAnswer   = 1 << 20 // bytes; a key with all its versions is the largest answer
)

// Config says which key in which engine.
type Config struct {
	URL   string // of the engine, such as https://vault.example.com/v1/transit
	Key   string // its name
	Token string // that may read and use the key
	HTTP  *http.Client
	// Public chooses the version of the key that has this public key; nil: the newest.
	Public crypto.PublicKey
}

// engine is one version of a key.
type engine struct {
	Config
	version int
}

// Open reads the key. Errors are *sealkey.Error.
func Open(ctx context.Context, c Config) (*sealkey.Key, error) {
	e := &engine{Config: c}
	var out struct {
		Data struct {
			Type     string                     `json:"type"`
			Signs    *bool                      `json:"supports_signing"`
			Latest   int                        `json:"latest_version"`
			Versions map[string]json.RawMessage `json:"keys"`
		} `json:"data"`
	}
	if err := e.do(ctx, http.MethodGet, "/keys/"+url.PathEscape(c.Key), nil, &out); err != nil {
		return nil, err
	}
	d := &out.Data
	if d.Signs != nil && !*d.Signs {
		return nil, e.fail(sealkey.Unfit, "the key %s is of type %s, which does not sign", c.Key, d.Type)
	}
	for text, raw := range d.Versions {
		version, err := strconv.Atoi(text)
		if err != nil || c.Public == nil && version != d.Latest {
			continue
		}
		public, err := publicKey(raw)
		if err != nil {
			return nil, e.fail(sealkey.Malformed, "version %d of the key %s: %w", version, c.Key, err)
		}
		if own, ok := public.(interface{ Equal(crypto.PublicKey) bool }); c.Public == nil || ok && own.Equal(c.Public) {
			e.version = version
			if err := sealkey.Fit(public); err != nil {
				return nil, e.fail(sealkey.Unfit, "the key %s: %w", c.Key, err)
			}
			return sealkey.New(public, nil, e, signTimeout), nil
		}
	}
	if c.Public != nil {
		return nil, e.fail(sealkey.Unfit, "no version of the key %s is that of the certificate", c.Key)
	}
	return nil, e.fail(sealkey.Malformed, "the newest version of the key %s is missing", c.Key)
}

// publicKey reads a version of an asymmetric key.
func publicKey(raw json.RawMessage) (crypto.PublicKey, error) {
	var v struct {
		PEM string `json:"public_key"`
	}
	if err := json.Unmarshal(raw, &v); err != nil { // a symmetric key's version is a number
		return nil, errors.New("it has no public key")
	}
	block, _ := pem.Decode([]byte(v.PEM))
	if block == nil {
		return nil, errors.New("its public key is no PEM")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

// Address implements sealkey.Keeper.
func (e *engine) Address() string {
	if u, err := url.Parse(e.URL); err == nil {
		return u.Host
	}
	return "the Vault"
}

func (e *engine) fail(reason sealkey.Reason, format string, args ...any) error {
	return sealkey.Errorf(e.Address(), reason, format, args...)
}

var hashes = map[crypto.Hash]string{crypto.SHA256: "sha2-256", crypto.SHA384: "sha2-384", crypto.SHA512: "sha2-512"}

// SignDigest implements sealkey.Keeper.
func (e *engine) SignDigest(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	name := hashes[opts.HashFunc()]
	if name == "" {
		return nil, e.fail(sealkey.Unfit, "digests by %v are not signed", opts.HashFunc())
	}
	in := struct {
		Input      string `json:"input"`
		Prehashed  bool   `json:"prehashed"`
		Version    int    `json:"key_version"`
		Algorithm  string `json:"signature_algorithm"` // of RSA keys
		Marshaling string `json:"marshaling_algorithm"`
		Salt       string `json:"salt_length,omitempty"`
	}{base64.StdEncoding.EncodeToString(digest), true, e.version, "pkcs1v15", "asn1", ""}
	if _, pss := opts.(*rsa.PSSOptions); pss {
		in.Algorithm, in.Salt = "pss", "hash"
	}
	var out struct {
		Data struct {
			Signature string `json:"signature"`
		} `json:"data"`
	}
	if err := e.do(ctx, http.MethodPost, "/sign/"+url.PathEscape(e.Key)+"/"+name, in, &out); err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(out.Data.Signature, fmt.Sprintf("vault:v%d:", e.version))
	signature, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, e.fail(sealkey.Malformed, "the signature is not one of version %d of the key", e.version)
	}
	return signature, nil
}

// do asks the engine.
func (e *engine) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, e.URL+path, body)
	if err != nil {
		return e.fail(sealkey.Unfit, "its address cannot be used")
	}
	r.Header.Set("X-Vault-Request", "true")
	r.Header.Set("X-Vault-Token", e.Token)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := e.HTTP.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is told already
		}
		return e.fail(sealkey.Unreachable, "%w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return e.fail(sealkey.Unreachable, "the answer broke off: %w", err)
	case len(raw) > maxAnswer:
		return e.fail(sealkey.Malformed, "the answer is longer than %d bytes", maxAnswer)
	case res.StatusCode != http.StatusOK:
		return e.refusal(res.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return e.fail(sealkey.Malformed, "the answer is no JSON of the engine: %w", err)
	}
	return nil
}

// refusal reads an error of the engine.
func (e *engine) refusal(status int, raw []byte) error {
	var said struct {
		Errors []string `json:"errors"`
	}
	says := fmt.Sprintf("HTTP status %d", status)
	if json.Unmarshal(raw, &said) == nil && len(said.Errors) > 0 {
		says += ": " + sealkey.Printable(strings.Join(said.Errors, "; "))
	}
	reason := sealkey.Refused
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		reason = sealkey.Login
	case status == http.StatusNotFound:
		reason, says = sealkey.Unfit, fmt.Sprintf("there is no key %s", e.Key)
	case status == http.StatusTooManyRequests || status >= 500: // 503: the Vault is sealed
		reason = sealkey.Unreachable
	}
	return e.fail(reason, "%s", says)
}
