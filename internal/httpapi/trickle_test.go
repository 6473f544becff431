package httpapi

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/entrance"
)

// TestATricklingFormIsCutOff: anybody may post to the token endpoint and to a
// signing link, so nobody may take for ever to send the form.
func TestATricklingFormIsCutOff(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	server := httptest.NewServer(New(Config{Idle: 20 * time.Millisecond, Mounts: []Mount{{Pattern: "/form", Room: entrance.Behind(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	}), &entrance.Mux{})}}}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !os.IsTimeout(err) {
		t.Errorf("the body ended with %v, want a timeout", err)
	}
}
