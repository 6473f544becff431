package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/trust/tsl"
	"github.com/paraph/paraph/pades/validation"
)

// trustFlags say whom verify is to trust for signatures and their time stamps.
type trustFlags struct {
	paths  []string
	system bool

	eu      bool
	lotl    string
	signers string
	folder  string
	allow   []netip.Prefix
}

func (t *trustFlags) add(fs *flag.FlagSet) {
	fs.Func("ca", "File or folder of certificates (PEM) to trust for signatures and seals; may be given more than once. The server publishes its own at /.well-known/paraph/ca.pem.", func(path string) error {
		t.paths = append(t.paths, path)
		return nil
	})
	fs.BoolVar(&t.system, "system", false, "Trust the system's roots too.")
	fs.BoolVar(&t.eu, "eu", false, "Trust the trust services of the European Union's trusted lists, which are fetched and kept for a day.")
	fs.StringVar(&t.lotl, "lotl", tsl.EULocation, "Address of the list of the trusted lists.")
	fs.StringVar(&t.signers, "lotl-signers", "", "File or folder of the certificates (PEM) that may sign the list of the lists, as the Official Journal names them; default those that this version knows.")
	fs.StringVar(&t.folder, "lists", "", "Folder in which trusted lists are kept; default in the user's cache.")
	fs.Func("allow-network", "Network (such as 10.0.0.0/8) that may be reached for lists and answers although it is not public; may be given more than once.", func(text string) error {
		p, err := netip.ParsePrefix(text)
		t.allow = append(t.allow, p)
		return err
	})
}

// given tells whether a flag stood on the command line.
func given(fs *flag.FlagSet, name string) (is bool) {
	fs.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

// anchors reads files, folders and the system's roots; nil where none was named.
func (t *trustFlags) anchors(env *Env) (*trust.Set, error) {
	var out *trust.Set
	add := func(set *trust.Set, err error) error {
		switch {
		case err != nil:
			return err
		case out == nil:
			out = set
		default:
			out.Join(set)
		}
		return nil
	}
	for _, path := range t.paths {
		if err := add(trust.Path(path)); err != nil {
			return nil, err
		}
	}
	if t.system {
		if err := add(trust.System(env.Getenv)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lists gathers the trusted lists; nil where they were not asked for.
func (t *trustFlags) lists(ctx context.Context, env *Env) (*tsl.Set, error) {
	if !t.eu {
		return nil, nil
	}
	c := tsl.Config{Location: t.lotl, Signers: tsl.EUSigners, HTTP: t.client(24<<20, time.Minute), Now: time.Now}
	if t.signers != "" {
		set, err := trust.Path(t.signers)
		if err != nil {
			return nil, err
		}
		c.Signers = tsl.Signers(set.Certificates()...)
	}
	folder := t.folder
	if folder == "" {
		folder = cacheDir(env, "lists")
	}
	if folder == "" {
		return nil, errNoCache
	}
	c.Cache = tsl.Folder(folder)
	got, err := tsl.Collect(ctx, c)
	if err != nil {
		return nil, err
	}
	return got.Set, nil
}

// client reaches lists and authorities. Their messages are signed, and many of them
// can be had by plain HTTP only.
func (t *trustFlags) client(most int64, timeout time.Duration) tsl.Doer {
	return safehttp.New(safehttp.Options{PlainHTTP: true, Allow: t.allow, MaxBody: most, Timeout: timeout})
}

func (t *trustFlags) fetcher() (validation.Fetcher, error) {
	return revocation.New(revocation.Config{HTTP: t.client(32<<20, 30*time.Second)})
}

// rootsOf reads a file of root certificates.
func rootsOf(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s: %w", file, errors.New("it holds no certificate"))
	}
	return pool, nil
}
