package bus

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyTheNamedAuthorityIsBelieved: a bus with a certificate of our own making is known
// by the file that ca names, and no other is taken for it.
func TestOnlyTheNamedAuthorityIsBelieved(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	address := strings.TrimPrefix(s.URL, "https://")
	file := func(of *pem.Block) string {
		name := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(name, pem.EncodeToMemory(of), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	own := file(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for parameters, believed := range map[string]bool{"?ca=" + own: true, "?tls=1": false} {
		set, err := read("nats://" + address + parameters)
		if err != nil {
			t.Fatal(err)
		}
		c := set.tls.Clone()
		c.ServerName, _, _ = net.SplitHostPort(address)
		conn, err := tls.Dial("tcp", address, c)
		if (err == nil) != believed {
			t.Errorf("%s: %v", parameters, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	set, err := read("nats://" + address + "?ca=" + own)
	if err != nil {
		t.Fatal(err)
	}
	c := set.tls.Clone()
	c.ServerName = "bus.of.somebody.else"
	if conn, err := tls.Dial("tcp", address, c); err == nil {
		conn.Close()
		t.Error("a certificate for another name is taken")
	}
}
