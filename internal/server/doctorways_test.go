package server

import (
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/config"
)

// said gives what was found about something, "" for nothing.
func said(all []Finding, about string) (says []string) {
	for _, f := range all {
		if f.About == about && !f.OK {
			says = append(says, f.Says)
			if f.Mend == "" {
				says = append(says, "nobody knows how to mend it")
			}
		}
	}
	return says
}

// TestDoctorSeesPlainWays: connections over a network that others can read along with are
// told one by one; those that are encrypted, or stay on the machine, are not.
func TestDoctorSeesPlainWays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set         func(*config.Config)
		about, host string // "": nothing is said
	}{
		"database in the clear":  {func(c *config.Config) { c.Database = "postgres://u:p@db.example/x?sslmode=disable" }, "database", "db.example"},
		"database that may fall": {func(c *config.Config) { c.Database = "postgres://u:p@db.example/x?sslmode=prefer" }, "database", "db.example"},
		"database over TLS":      {func(c *config.Config) { c.Database = "postgres://u:p@db.example/x?sslmode=verify-full" }, "database", ""},
		"database on a socket":   {func(c *config.Config) { c.Database = "postgres:///x?host=/run/postgresql&user=u" }, "database", ""},
		"bucket by http":         {func(c *config.Config) { c.Blobs = "s3://b?endpoint=http://s3.example&region=r" }, "bucket of documents", "s3.example"},
		"bucket by https":        {func(c *config.Config) { c.Blobs = "s3://b?endpoint=https://s3.example&region=r" }, "bucket of documents", ""},
		"bucket on the loopback": {func(c *config.Config) { c.Blobs = "s3://b?endpoint=http://127.0.0.1:9000&region=r" }, "bucket of documents", ""},
		"mail in the clear":      {func(c *config.Config) { c.SMTPHost, c.SMTPTLS = "mail.example", "none" }, "mail", "mail.example"},
		"mail by STARTTLS":       {func(c *config.Config) { c.SMTPHost = "mail.example" }, "mail", ""},
		"NATS in the clear":      {func(c *config.Config) { c.Bus = "nats://u:p@bus.example:4222" }, "event bus", "bus.example"},
		"NATS over TLS":          {func(c *config.Config) { c.Bus = "nats://u:p@bus.example:4222?tls=1" }, "event bus", ""},
		"Kafka in the clear":     {func(c *config.Config) { c.Bus = "kafka://u:p@a.example:1,localhost:1?sasl=plain" }, "event bus", "a.example"},
		"traces by http":         {func(c *config.Config) { c.OTLPEndpoint = "http://otel.example:4318" }, "traces", "otel.example"},
		"traces by https":        {func(c *config.Config) { c.OTLPEndpoint = "https://otel.example:4318" }, "traces", ""},
		"scanner on a socket":    {func(c *config.Config) { c.Scanner = "unix:/run/clamd" }, "malware scanner", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := config.Default()
			c.set(&conf)
			got := said(lookWays(t.Context(), &conf), c.about)
			if c.host == "" && got != nil || c.host != "" && (len(got) != 1 || !strings.Contains(got[0], c.host) || strings.Contains(got[0], "u:p")) {
				t.Errorf("%q is said", got)
			}
		})
	}
}

// TestDoctorSeesServicesThatAskNobody: a service on the network that takes anybody in, too.
func TestDoctorSeesServicesThatAskNobody(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]int{"nats://bus.example:4222?tls=1": 1, "nats://bus.example:4222?tls=1&creds=/etc/paraph/bus.creds": 0, "kafka://u:p@bus.example:1?tls=1&sasl=plain": 0, "nats://127.0.0.1:4222": 0} {
		conf := config.Default()
		conf.Bus = config.Secret(address)
		if got := said(lookWays(t.Context(), &conf), "event bus"); len(got) != want {
			t.Errorf("%s: %q", address, got)
		}
	}
	for address, want := range map[string]int{"postgres://u@db.example/x?sslmode=verify-full": 1, "postgres://u:p@db.example/x?sslmode=verify-full": 0} {
		conf := config.Default()
		conf.Database = config.Secret(address)
		if got := said(lookWays(t.Context(), &conf), "database"); len(got) != want {
			t.Errorf("%s: %q", address, got)
		}
	}
	conf := config.Default()
	conf.Scanner = "tcp://clam.example:3310"
	if got := said(lookWays(t.Context(), &conf), "malware scanner"); len(got) != 2 {
		t.Errorf("the scanner: %q", got)
	}
}

// TestDoctorSeesAPlainAddress: people come by https, unless the server is for its own
// machine only.
func TestDoctorSeesAPlainAddress(t *testing.T) {
	t.Parallel()
	for address, plain := range map[string]bool{"http://paraph.example": true, "http://10.0.0.7:8080": true, "https://paraph.example": false, "http://localhost:8080": false, "http://127.0.0.1:8080": false, "": false} {
		conf := config.Default()
		conf.PublicURL = address
		if got := said(lookAddress(t.Context(), &conf), "address"); (got != nil) != plain {
			t.Errorf("%q: %q", address, got)
		}
	}
	conf := config.Default()
	conf.Listen = "0.0.0.0:8080"
	if said(lookAddress(t.Context(), &conf), "address") == nil {
		t.Error("links that name 0.0.0.0 are let be")
	}
}

// TestDoctorSeesAForeignCertificate: one that no authority known to browsers has issued.
func TestDoctorSeesAForeignCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	conf := config.Default()
	conf.PublicURL = s.URL
	f := lookCertificate(t.Context(), &conf)
	if len(f) != 1 || f[0].OK || !strings.Contains(f[0].Says, "certificate") {
		t.Errorf("%+v", f)
	}
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if f := certificateAt(t.Context(), at, roots); !f.OK || !strings.Contains(f.Says, "days") {
		t.Errorf("one that is known: %+v", f)
	}
	conf.PublicURL = "http://127.0.0.1:1"
	if f := lookCertificate(t.Context(), &conf); f != nil {
		t.Errorf("there is none: %+v", f)
	}
}

// TestDoctorTellsOfMemory: whether the processor encrypts it.
func TestDoctorTellsOfMemory(t *testing.T) {
	t.Parallel()
	root := t.TempDir() + "/"
	if f := memoryUnder(root); !strings.Contains(f.Says, "not known to be encrypted") {
		t.Errorf("%+v", f)
	}
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "dev", "sev-guest"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := memoryUnder(root); f.Says != "the processor encrypts it (AMD SEV-SNP)" {
		t.Errorf("%+v", f)
	}
}
