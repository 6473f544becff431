package soak

import (
	"io"
	"log"
	"net"
	netmail "net/mail"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// office is the mail server. It keeps, for each letter, which lives sent it: the
// program's sender address names its life.
type office struct {
	port int
	mu   sync.Mutex
	sent map[string][]int // id of the letter → lives, in the order of arrival
}

// NewSession implements smtp.Backend.
func (o *office) NewSession(*smtp.Conn) (smtp.Session, error) { return session{o}, nil }

type session struct{ *office }

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (session) Rcpt(string, *smtp.RcptOptions) error { return nil }

var fromLife = regexp.MustCompile(`life-(\d+)@`)

// Data implements smtp.Session.
func (s session) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.Trim(m.Header.Get("Message-Id"), "<>"), "@")
	found := fromLife.FindStringSubmatch(m.Header.Get("From"))
	if id == "" || found == nil {
		return &smtp.SMTPError{Code: 554, Message: "a letter without id or sender"}
	}
	no, err := strconv.Atoi(found[1])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[id] = append(s.sent[id], no)
	return nil
}

func postOffice(t testing.TB) *office {
	t.Helper()
	o := &office{sent: map[string][]int{}}
	server := smtp.NewServer(o)
	server.Domain, server.ErrorLog = "post.example", log.New(io.Discard, "", 0) // senders are cut off all the time
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.port = l.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }() // it ends by Close
	t.Cleanup(func() { _ = server.Close(); <-done })
	return o
}

// count tells how many different letters came.
func (o *office) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.sent)
}

// again tells how many letters came more than once.
func (o *office) again() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, lives := range o.sent {
		if len(lives) > 1 {
			n++
		}
	}
	return n
}

// told tells how many recipients have their letter about an entry. Its id is that
// of the entry, that of the recipient, and the kind of letter.
func (o *office) told(entry string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.sent {
		if strings.HasPrefix(id, entry+".rcp_") {
			n++
		}
	}
	return n
}
