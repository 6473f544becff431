package store

import "github.com/jackc/pgx/v5"

// ConnectionProtection is how connections to PostgreSQL are protected.
type ConnectionProtection struct {
	Hosts     []string // with a slash in front: sockets on this machine
	Encrypted bool     // always: none may go on in the clear where encryption is refused
	Known     bool     // whoever connects proves who they are
}

// ProtectionOf tells it of an address, as PostgreSQL's own rules and environment have it.
func ProtectionOf(url string) (ConnectionProtection, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return ConnectionProtection{}, err
	}
	p := ConnectionProtection{Hosts: []string{c.Host}, Encrypted: c.TLSConfig != nil, Known: c.Password != "" || c.TLSConfig != nil && len(c.TLSConfig.Certificates) > 0}
	for _, f := range c.Fallbacks {
		if f.Host != c.Host {
			p.Hosts = append(p.Hosts, f.Host)
		}
		p.Encrypted = p.Encrypted && f.TLSConfig != nil
	}
	return p, nil
}
