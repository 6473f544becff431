package config

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
)

// TimestampAuthority is one time stamping authority as the settings name it.
type TimestampAuthority struct {
	URL    string
	Policy string // dotted; "": its own choice
	Roots  string // file of root certificates; "": the system's

	User, Password Secret // "": none
	Bearer         Secret
}

// Timestamping gives the time stamping authorities in their order. Its errors hold
// no secrets.
func (c *Config) Timestamping() ([]TimestampAuthority, error) {
	credentials, err := c.timestampCredentials()
	if err != nil {
		return nil, err
	}
	var out []TimestampAuthority
	for _, text := range c.TimestampAuthorities {
		address, options, _ := strings.Cut(text, "#")
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, fmt.Errorf("an address is not http or https, or holds a user name; those go into timestamp-credentials")
		}
		a := TimestampAuthority{URL: address, Policy: c.TimestampPolicy, Roots: c.TimestampRoots}
		values, err := url.ParseQuery(options)
		if err != nil {
			return nil, fmt.Errorf("what stands behind # of %s cannot be read", u.Host)
		}
		for name := range values {
			if name != "policy" && name != "roots" {
				return nil, fmt.Errorf("behind # of %s stands %q; there are policy and roots", u.Host, name)
			}
		}
		a.Policy, a.Roots = cmp.Or(values.Get("policy"), a.Policy), cmp.Or(values.Get("roots"), a.Roots)
		if own, ok := credentials[u.Host]; ok {
			if u.Scheme != "https" {
				return nil, fmt.Errorf("the credentials of %s would be sent in the clear: it needs https", u.Host)
			}
			a.User, a.Password, a.Bearer = own.User, own.Password, own.Bearer
			delete(credentials, u.Host)
		}
		out = append(out, a)
	}
	for host := range credentials {
		return nil, fmt.Errorf("timestamp-credentials names %q, which is not the host of an authority", host)
	}
	return out, nil
}

// timestampCredentials reads the setting, by host.
func (c *Config) timestampCredentials() (map[string]TimestampAuthority, error) {
	out := map[string]TimestampAuthority{}
	for i, text := range strings.Fields(c.TimestampCredentials.Reveal()) {
		host, rest, named := strings.Cut(text, "=")
		user, secret, ok := strings.Cut(rest, ":")
		name, err := url.PathUnescape(user)
		word, werr := url.PathUnescape(secret)
		if !named || !ok || host == "" || err != nil || werr != nil {
			return nil, fmt.Errorf("part %d of timestamp-credentials is not HOST=USER:PASSWORD or HOST=bearer:TOKEN", i+1)
		}
		a := TimestampAuthority{User: Secret(name), Password: Secret(word)}
		if user == "bearer" {
			a = TimestampAuthority{Bearer: Secret(word)}
		}
		out[host] = a
	}
	return out, nil
}
