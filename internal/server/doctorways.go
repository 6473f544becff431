package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/blob/s3"
	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/store"
)

// way is a connection to another program, as the settings have it.
type way struct {
	about  string
	hosts  []string
	open   bool   // others on the network can read along, or it may come to that
	nobody bool   // whoever connects need not prove who they are
	mend   string // what closes it
}

// lookWays tells of connections over a network in the clear, and of services that ask
// nobody who they are. What stays on the machine is let be.
func lookWays(_ context.Context, c *config.Config) []Finding {
	var out []Finding
	for _, w := range waysOf(c) {
		if here(w.hosts) {
			continue
		}
		if w.open {
			out = append(out, Finding{About: w.about, Says: "what goes to " + strings.Join(w.hosts, ", ") + " can be read on the way", Mend: w.mend})
		}
		if w.nobody {
			out = append(out, Finding{About: w.about, Says: strings.Join(w.hosts, ", ") + " is spoken to without a login or certificate, so anybody on its network may", Mend: "give Paraph a login of its own there"})
		}
	}
	return out
}

// waysOf gives the connections. What is wrong with a setting, others tell. Time stamps and
// evidence about certificates are not among them: they are signed, and only digests go out.
func waysOf(c *config.Config) (out []way) {
	if url := c.Database.Reveal(); url != "" {
		w := way{about: "database", mend: "put sslmode=verify-full into PARAPH_DATABASE"}
		if p, err := store.ProtectionOf(url); err == nil {
			w.hosts, w.open, w.nobody = p.Hosts, !p.Encrypted, !p.Known
			out = append(out, w)
		}
	}
	if o, err := s3.Parse(c.Blobs); err == nil {
		out = append(out, plain("bucket of documents", o.Endpoint, "put an endpoint of https:// into PARAPH_BLOBS"))
	}
	if c.SMTPHost != "" {
		out = append(out, way{about: "mail", hosts: []string{c.SMTPHost}, open: c.SMTPTLS == "none", mend: "set PARAPH_SMTP_TLS to starttls"})
	}
	if p, err := bus.ProtectionOf(c.Bus.Reveal()); err == nil {
		out = append(out, way{about: "event bus", hosts: p.Hosts, open: !p.Encrypted, nobody: !p.Known, mend: "put tls=1 into PARAPH_BUS"})
	}
	if network, address, err := c.ScannerAddress(); err == nil && network == "tcp" {
		host, _, _ := net.SplitHostPort(address)
		out = append(out, way{about: "malware scanner", hosts: []string{host}, open: true, nobody: true, mend: "run clamd on this machine and set PARAPH_SCANNER to unix:/run/clamav/clamd.ctl"})
	}
	return append(out, plain("traces", c.OTLPEndpoint, "set PARAPH_OTLP_ENDPOINT to an address of https://"))
}

// plain is a way by an address that may be of http.
func plain(about, address, mend string) way {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return way{}
	}
	return way{about: about, hosts: []string{u.Hostname()}, open: u.Scheme != "https", mend: mend}
}

// here tells whether all hosts are this machine.
func here(hosts []string) bool {
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); h != "localhost" && !strings.HasPrefix(h, "/") && (err != nil || !a.IsLoopback()) {
			return false
		}
	}
	return true
}

// lookAddress looks at the address by which people come: links have to lead to it, and
// nobody on the way may read along.
func lookAddress(_ context.Context, c *config.Config) []Finding {
	if c.PublicURL == "" && !strings.HasPrefix(c.Listen, "127.") && !strings.HasPrefix(c.Listen, "localhost") {
		return []Finding{{About: "address", Says: "people are to reach " + c.Listen + ", but links in messages will name that very address", Mend: "set PARAPH_PUBLIC_URL to the address people use"}}
	}
	if w := plain("address", c.PublicURL, "have a proxy take https, and set PARAPH_PUBLIC_URL to its address"); w.open && !here(w.hosts) {
		return []Finding{{About: w.about, Says: "people come by " + c.PublicURL + ", so logins, links and documents can be read and changed on the way", Mend: w.mend}}
	}
	return []Finding{{About: "address", OK: true, Says: c.Listen}}
}

// soon is how many days before its end a certificate is told of.
const soon = 14

// lookCertificate looks at the certificate that people are shown, as their browsers do.
func lookCertificate(ctx context.Context, c *config.Config) []Finding {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" {
		return nil
	}
	return []Finding{certificateAt(ctx, u, nil)}
}

func certificateAt(ctx context.Context, u *url.URL, roots *x509.CertPool) Finding {
	f := Finding{About: "certificate of " + u.Host, Mend: "get one from an authority that browsers know, such as Let's Encrypt, and have the proxy use it"}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		f.Says = err.Error()
		return f
	}
	defer conn.Close()
	days := int(time.Until(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter).Hours() / 24)
	f.OK, f.Says = days >= soon, fmt.Sprintf("browsers take it; it ends in %d days", days)
	if f.OK {
		f.Mend = ""
	}
	return f
}

// guests are the devices of machines whose memory the processor encrypts, by the technique.
var guests = map[string]string{"dev/sev-guest": "AMD SEV-SNP", "dev/tdx_guest": "Intel TDX"}

// lookMemory tells whether what lies in memory, keys and documents too, is encrypted there.
// Only the machine can do that.
func lookMemory(context.Context, *config.Config) []Finding { return []Finding{memoryUnder("/")} }

func memoryUnder(root string) Finding {
	for device, name := range guests {
		if _, err := os.Stat(root + device); err == nil {
			return Finding{About: "memory", OK: true, Says: "the processor encrypts it (" + name + ")"}
		}
	}
	return Finding{About: "memory", OK: true, Says: "it is not known to be encrypted; where whoever runs the host must not read it, use a confidential machine (SEV-SNP, TDX)"}
}
