package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/csc"
	"github.com/paraph/paraph/internal/sealkey/pkcs11"
	"github.com/paraph/paraph/internal/sealkey/transit"
)

const (
	// keeperTimeout bounds one exchange with the keeper of the sealing key, and
	// sealTimeout a signature.
	keeperTimeout = 30 * time.Second
	sealTimeout   = 90 * time.Second
	// keeperFile remembers the public key and the certificates that the keeper named.
	keeperFile = "seal.keeper.pem"
)

// keeper is where the sealing key lies, when it is not a file of this installation.
// It is opened when it is first needed: while it is away the server starts, and
// what is to be sealed waits.
type keeper struct {
	where   config.SealingKey
	setting string // that it was named by, without credentials
	client  safehttp.Options
	clock   clock.Clock
	public  crypto.PublicKey // as remembered; nil: it was never open
	wanted  crypto.PublicKey // where a key has versions; nil: the newest
	chain   []*x509.Certificate

	mu      sync.Mutex
	opened  *sealkey.Key
	refused error // a token did not take the PIN, and locks itself after some more
}

// Address implements sealkey.Keeper.
func (k *keeper) Address() string { return "the sealing key at " + k.where.Keeper }

// SignDigest implements sealkey.Keeper.
func (k *keeper) SignDigest(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	key, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(k.public) {
		return nil, sealkey.Errorf(k.Address(), sealkey.Unfit, "it has another key than before; start the server anew to seal with that one")
	}
	return key.SignContext(ctx, digest, opts)
}

// open opens the keeper, once.
func (k *keeper) open(ctx context.Context) (*sealkey.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened != nil {
		return k.opened, nil
	}
	if k.refused != nil {
		return nil, k.refused
	}
	key, err := k.dial(ctx)
	if err != nil {
		if k.where.Keeper == config.KeeperPKCS11 && sealkey.ReasonOf(err) == sealkey.Login {
			k.refused = err
		}
		return nil, err
	}
	k.opened = key
	return key, nil
}

// Close implements io.Closer.
func (k *keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened == nil {
		return nil
	}
	err := k.opened.Close()
	k.opened = nil
	return err
}

// dial asks the keeper for the key.
func (k *keeper) dial(ctx context.Context) (*sealkey.Key, error) {
	w := &k.where
	secret := func(name string) string { return w.Credentials[name].Reveal() }
	switch w.Keeper {
	case config.KeeperCSC:
		auth := map[string]string{}
		for name, value := range w.Credentials {
			if id, ok := strings.CutPrefix(name, "auth."); ok {
				auth[id] = value.Reveal()
			}
		}
		if pin := secret("pin"); pin != "" {
			auth["PIN"] = pin
		}
		return csc.Open(ctx, csc.Config{URL: w.URL, HTTP: safehttp.New(k.client), Credential: w.Credential, User: w.User, Batch: w.Batch, AuthData: auth, Now: k.clock.Now,
			Login: csc.Login{User: secret("user"), Password: secret("password"), ClientID: secret("client"), ClientSecret: secret("secret"), Token: secret("token")}})
	case config.KeeperPKCS11:
		helper := w.Helper
		if helper == "" {
			own, err := os.Executable()
			if err != nil {
				return nil, err
			}
			helper = filepath.Join(filepath.Dir(own), "paraph-pkcs11")
		}
		return pkcs11.New(ctx, pkcs11.Config{Helper: helper, Open: pkcs11.Open{Module: w.Module, Token: w.Token, Object: w.Object, PIN: secret("pin")}})
	case config.KeeperVault:
		return transit.Open(ctx, transit.Config{URL: w.URL, Key: w.Key, Token: secret("token"), HTTP: safehttp.New(k.client), Public: k.wanted})
	}
	return nil, sealkey.Errorf(k.Address(), sealkey.Unfit, "there is no such keeper")
}

// newKeeper reads the settings; nil where the key is a file.
func newKeeper(c *config.Config, clk clock.Clock) (*keeper, error) {
	where, err := c.SealingKey()
	if err != nil || where.Keeper == "" {
		return nil, err
	}
	allow, err := c.Outbound()
	if err != nil {
		return nil, err
	}
	k := &keeper{where: where, setting: c.SealKey, clock: clk, client: safehttp.Options{Allow: allow, Timeout: keeperTimeout}}
	if where.Roots != "" {
		raw, err := os.ReadFile(where.Roots)
		if err != nil {
			return nil, err
		}
		k.client.Roots = x509.NewCertPool()
		if !k.client.Roots.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate", where.Roots)
		}
	}
	return k, nil
}

// sealOptions tells the certificate authority which key seals. With ask the keeper
// is asked anew, as a server that seals does when it starts; what it says is
// remembered, and does where it does not answer. told gets why it does not.
func sealOptions(c *config.Config, clk clock.Clock, dir string, ask bool, told func(error)) (o ca.Options, err error) {
	o.ListURL = listURL(c)
	k, err := newKeeper(c, clk)
	if err != nil || k == nil {
		return o, err
	}
	path := filepath.Join(dir, keeperFile)
	if err := k.recall(path); err != nil {
		return o, err
	}
	if c.SealChain != "" {
		if o.Chain = certificatesIn(c.SealChain); len(o.Chain) == 0 {
			return o, fmt.Errorf("seal-chain: %s holds no certificate that can be read", c.SealChain)
		}
		k.wanted = o.Chain[0].PublicKey
	}
	if ask || k.public == nil {
		ctx, cancel := context.WithTimeout(context.Background(), keeperTimeout)
		defer cancel()
		key, err := k.open(ctx)
		switch {
		case err == nil:
			k.public, k.chain = key.Public(), key.Chain()
			if err := k.remember(path); err != nil {
				return o, err
			}
		case k.public == nil:
			return o, err
		default:
			told(err)
		}
	}
	k.wanted = k.public
	if o.Key = sealkey.New(k.public, k.chain, k, sealTimeout); len(o.Chain) == 0 {
		o.Chain = k.chain
	}
	return o, nil
}

// recall reads what was remembered of the keeper that the settings name.
func (k *keeper) recall(path string) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "PUBLIC KEY" || block.Headers["Keeper"] != k.setting {
		return nil // of another keeper
	}
	if k.public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for block, rest = pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		k.chain = append(k.chain, cert)
	}
	return nil
}

// remember writes it.
func (k *keeper) remember(path string) error {
	spki, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.Write(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{"Keeper": k.setting}, Bytes: spki}))
	for _, c := range k.chain {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	if before, err := os.ReadFile(path); err == nil && bytes.Equal(before, out.Bytes()) {
		return nil
	}
	return durable.Replace(path, out.Bytes(), 0o644)
}

const rootPrefix = "root."

// keepRoot remembers a root that seals are made under, for files that are looked
// at again when another one has taken its place.
func keepRoot(dir string, root *x509.Certificate) error {
	path := filepath.Join(dir, fmt.Sprintf("%s%.16x.pem", rootPrefix, sha256.Sum256(root.Raw)))
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return durable.Replace(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o644)
}

// Roots gives the roots (DER) of all seals that this installation has made: the
// one it seals under now, its own, and those before.
func (k *Keys) Roots() (out [][]byte) {
	all := []*x509.Certificate{k.Authority.Root}
	if own := k.Authority.Own(); own != nil {
		all = append(all, own)
	}
	paths, err := filepath.Glob(filepath.Join(k.dir, rootPrefix+"*.pem"))
	if err == nil { // the pattern is sound
		for _, path := range paths {
			all = append(all, certificatesIn(path)...)
		}
	}
	for _, c := range all {
		out = append(out, c.Raw)
	}
	return out
}

// Close lets go of a sealing key that lies elsewhere.
func (k *Keys) Close() error {
	if key, ok := k.Authority.Key.(*sealkey.Key); ok {
		return key.Close()
	}
	return nil
}

// lookSealKey has a sealing key that lies elsewhere sign a random digest.
func lookSealKey(ctx context.Context, c *config.Config, k *Keys) []Finding {
	key, ok := k.Authority.Key.(*sealkey.Key)
	if !ok {
		return nil
	}
	f := Finding{About: "sealing key", OK: true, Says: "it signs, at " + c.SealKey}
	digest := make([]byte, sha256.Size)
	if _, err := rand.Read(digest); err != nil {
		f.OK, f.Says = false, err.Error()
		return []Finding{f}
	}
	if _, err := key.SignContext(ctx, digest, crypto.SHA256); err != nil {
		f = Finding{About: "sealing key", Says: fmt.Sprintf("%v (%s)", err, sealkey.ReasonOf(err)), Mend: "paraph config | grep -A1 seal-key"}
	}
	return []Finding{f}
}
