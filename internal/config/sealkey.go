package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Keepers of sealing keys, as a setting's scheme names them.
const (
	KeeperCSC    = "csc"    // a trust service provider, by the API of the Cloud Signature Consortium
	KeeperPKCS11 = "pkcs11" // a hardware module
	KeeperVault  = "vault"  // the Transit engine of HashiCorp Vault or OpenBao
)

// SealingKey is where the sealing key lies, as the settings name it.
type SealingKey struct {
	Keeper string // "": in a file of this installation
	URL    string // of a service, without a slash at its end
	Roots  string // file of root certificates for its TLS; "": the system's

	Credential, User string // of a trust service
	Batch            int

	Module, Token, Object, Helper string // of a hardware module

	Key string // at a Vault: its name

	Credentials map[string]Secret // by name: user, password, client, secret, token, pin, auth.ID
}

// credentialNames are the names in seal-key-credentials, beside those in auth.…
var credentialNames = []string{"user", "password", "client", "secret", "token", "pin"}

// SealingKey gives where the sealing key lies. Its errors hold no secrets.
func (c *Config) SealingKey() (k SealingKey, err error) {
	if c.SealKey == "" {
		if c.SealChain != "" || c.SealKeyCredentials != "" {
			return k, fmt.Errorf("it is empty, but seal-chain or seal-key-credentials is not")
		}
		return k, nil
	}
	keeper, rest, _ := strings.Cut(c.SealKey, ":")
	k.Keeper = keeper
	switch keeper {
	case KeeperCSC:
		err = k.service(rest, "credential", "user", "batch", "roots")
	case KeeperVault:
		err = k.service(rest, "key", "roots")
		if err == nil && k.Key == "" {
			err = fmt.Errorf("it names no key; add #key=NAME")
		}
	case KeeperPKCS11:
		err = k.module(rest)
	default:
		err = fmt.Errorf("it begins with %q; it has to begin with csc:, pkcs11: or vault: (each with its colon)", keeper)
	}
	if err == nil {
		k.Credentials, err = c.sealKeyCredentials()
	}
	return k, err
}

// service reads an address with what stands behind its #.
func (k *SealingKey) service(text string, names ...string) error {
	address, options, _ := strings.Cut(text, "#")
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return fmt.Errorf("what stands behind %s: is no https address, or one with a user name or a query", k.Keeper)
	}
	k.URL = strings.TrimRight(address, "/")
	values, err := url.ParseQuery(options)
	if err != nil {
		return fmt.Errorf("what stands behind # cannot be read")
	}
	for name := range values {
		if !slices.Contains(names, name) {
			return fmt.Errorf("behind # stands %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	k.Credential, k.User, k.Roots, k.Key = values.Get("credential"), values.Get("user"), values.Get("roots"), values.Get("key")
	if text := values.Get("batch"); text != "" {
		if k.Batch, err = strconv.Atoi(text); err != nil || k.Batch < 1 {
			return fmt.Errorf("batch is not a number of signatures")
		}
	}
	return nil
}

// module reads a PKCS #11 URI (RFC 7512).
func (k *SealingKey) module(text string) error {
	path, query, _ := strings.Cut(text, "?")
	for _, part := range []struct {
		text, separator string
		of              map[string]*string
	}{
		{path, ";", map[string]*string{"token": &k.Token, "object": &k.Object, "type": nil}},
		{query, "&", map[string]*string{"module-path": &k.Module, "x-helper": &k.Helper}},
	} {
		for _, one := range strings.FieldsFunc(part.text, func(r rune) bool { return string(r) == part.separator }) {
			name, value, _ := strings.Cut(one, "=")
			to, known := part.of[name]
			plain, err := url.PathUnescape(value)
			switch {
			case !known:
				return fmt.Errorf("the pkcs11 URI holds %q; there are token, object, module-path and x-helper", name)
			case err != nil:
				return fmt.Errorf("%s in the pkcs11 URI cannot be read", name)
			case to != nil:
				*to = plain
			}
		}
	}
	if k.Module == "" || k.Token == "" || k.Object == "" {
		return fmt.Errorf("the pkcs11 URI has to name token, object and module-path")
	}
	return nil
}

// sealKeyCredentials reads the setting, by name.
func (c *Config) sealKeyCredentials() (map[string]Secret, error) {
	out := map[string]Secret{}
	for i, text := range strings.Fields(c.SealKeyCredentials.Reveal()) {
		name, value, ok := strings.Cut(text, "=")
		plain, err := url.PathUnescape(value)
		if !ok || err != nil || !slices.Contains(credentialNames, name) && !strings.HasPrefix(name, "auth.") {
			return nil, fmt.Errorf("part %d of seal-key-credentials is not NAME=VALUE with one of the names %s and auth.ID", i+1, strings.Join(credentialNames, ", "))
		}
		out[name] = Secret(plain)
	}
	return out, nil
}
