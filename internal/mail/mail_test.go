package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/paraph/paraph/internal/fault"
)

// sink is a mail server that keeps what it gets, or misbehaves as told.
type sink struct {
	mu       sync.Mutex
	mails    [][]byte
	rcptTo   []string
	rcpt     error
	data     error
	hangUp   bool
	password string
}

func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{s, c}, nil }

type session struct {
	*sink
	conn *smtp.Conn
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if password != s.password {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}
func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcptTo = append(s.rcptTo, to)
	return s.rcpt
}

func (s *session) Data(r io.Reader) error {
	if s.hangUp {
		return s.conn.Conn().Close()
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.mails = append(s.mails, raw)
	}
	return s.data
}

// start serves the sink and gives a configuration that reaches it. mode is one
// of the configuration's TLS modes.
func start(t *testing.T, s *sink, mode string) Config {
	t.Helper()
	server := smtp.NewServer(s)
	server.Domain = "sink.example"
	server.AllowInsecureAuth = mode == "none"
	c := Config{From: "Paraph <paraph@example.com>", TLS: mode, Host: "127.0.0.1"}
	var serverTLS *tls.Config
	if mode != "none" {
		serverTLS, c.TLSConfig = certificate(t)
		server.TLSConfig = serverTLS
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Port = l.Addr().(*net.TCPAddr).Port
	if mode == "tls" {
		l = tls.NewListener(l, serverTLS)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = l.Close(); _ = server.Close(); <-done })
	return c
}

func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

func letter() Letter {
	return Letter{Message: "sign_request", ID: "evt_1", To: "mara@example.com", Name: "Mara Lind", Sender: "Ola Berg",
		Subject: "Purchase order 4711", Note: "Before Friday, please.", Link: "https://paraph.example/sign/abc?x=1&y=2", Pages: 4, ExpiresAt: "7 December 2026"}
}

func TestALetterArrives(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"none", "starttls", "tls"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := &sink{password: "open sesame"}
			c := start(t, s, mode)
			if mode != "none" { // a password never travels in plain
				c.User, c.Password = "paraph", "open sesame"
			}
			sender, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := sender.Deliver(context.Background(), letter()); err != nil {
				t.Fatal(err)
			}
			if len(s.mails) != 1 || s.rcptTo[0] != "mara@example.com" {
				t.Fatalf("%d mails to %v", len(s.mails), s.rcptTo)
			}
			header, text, html := read(t, s.mails[0])
			if got := header.Get("Message-ID"); got != "<evt_1.sign_request@example.com>" {
				t.Errorf("Message-ID %s", got)
			}
			if header.Get("Auto-Submitted") != "auto-generated" {
				t.Error("answering machines would answer")
			}
			for _, want := range []string{"Ola Berg asks you to sign “Purchase order 4711” (4 pages).", "https://paraph.example/sign/abc?x=1&y=2", "Before Friday", "7 December 2026"} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
			if !strings.Contains(html, `href="https://paraph.example/sign/abc?x=1&amp;y=2"`) {
				t.Errorf("the HTML lacks the link:\n%s", html)
			}
		})
	}
}

// read takes a message apart: its header, its text and its HTML.
func read(t *testing.T, raw []byte) (h netmail.Header, text, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = string(body)
		} else {
			text = string(body)
		}
	}
}

func TestTroubleIsToldApart(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cases := []struct {
		name string
		sink *sink
		mode string
		edit func(*Config, *Letter)
		kind fault.Kind
		code string
	}{
		{name: "the mailbox is full", sink: &sink{rcpt: &smtp.SMTPError{Code: 452, Message: "full"}}, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "nobody of that name", sink: &sink{rcpt: &smtp.SMTPError{Code: 550, Message: "who?"}}, kind: fault.Invalid, code: "mail_refused"},
		{name: "greylisted", sink: &sink{data: &smtp.SMTPError{Code: 451, Message: "later"}}, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "the message is refused", sink: &sink{data: &smtp.SMTPError{Code: 554, Message: "no"}}, kind: fault.Invalid, code: "mail_refused"},
		{name: "the line breaks", sink: &sink{hangUp: true}, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "a wrong password is the operator's to mend", sink: &sink{password: "right"}, mode: "starttls", edit: func(c *Config, _ *Letter) { c.User, c.Password = "u", "wrong" }, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "no server there", sink: &sink{}, edit: func(c *Config, _ *Letter) { c.Port = closed.Addr().(*net.TCPAddr).Port }, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "starttls is never left out", sink: &sink{}, edit: func(c *Config, _ *Letter) { c.TLS = "starttls" }, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "an unknown certificate", sink: &sink{}, mode: "tls", edit: func(c *Config, _ *Letter) { c.TLSConfig = nil }, kind: fault.Unavailable, code: "mail_unavailable"},
		{name: "not an address", sink: &sink{}, edit: func(_ *Config, l *Letter) { l.To = "mara" }, kind: fault.Invalid, code: "bad_address"},
		{name: "an address with a header in it", sink: &sink{}, edit: func(_ *Config, l *Letter) { l.To = "mara@example.com\r\nBcc: eve@example.com" }, kind: fault.Invalid, code: "bad_address"},
		{name: "a link that runs something", sink: &sink{}, edit: func(_ *Config, l *Letter) { l.Link = "javascript:alert(1)" }, kind: fault.Invalid, code: "bad_link"},
		{name: "an unknown message", sink: &sink{}, edit: func(_ *Config, l *Letter) { l.Message = "poem" }, kind: fault.Invalid, code: "unknown_message"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mode := c.mode
			if mode == "" {
				mode = "none"
			}
			config, l := start(t, c.sink, mode), letter()
			if c.edit != nil {
				c.edit(&config, &l)
			}
			sender, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			err = sender.Deliver(context.Background(), l)
			if err == nil || fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s %s", err, c.kind, c.code)
			}
			if len(c.sink.mails) > 0 {
				t.Error("a mail got through")
			}
		})
	}
}

// TestNobodyWritesOurHeaders: what strangers wrote stays inside its line.
func TestNobodyWritesOurHeaders(t *testing.T) {
	t.Parallel()
	s := &sink{}
	sender, err := New(start(t, s, "none"))
	if err != nil {
		t.Fatal(err)
	}
	l := letter()
	l.Subject = "Order\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>\u2028"
	l.Note = "Hi\n\nPay here:\nhttps://evil.example"
	l.ID = "evt\r\nX-Evil: 1"
	if err := sender.Deliver(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	header, text, html := read(t, s.mails[0])
	if header.Get("Bcc") != "" || header.Get("X-Evil") != "" {
		t.Errorf("a header was smuggled in: %v", header)
	}
	if strings.Contains(html, "<script>") {
		t.Error("the HTML runs what a stranger wrote")
	}
	if strings.Contains(text, "\nhttps://evil.example") {
		t.Error("a note can lay out the letter")
	}
}

func TestEveryMessageSaysTheSameTwice(t *testing.T) {
	t.Parallel()
	for _, message := range []string{"sign_request", "reminder", "completed", "declined", "task", "attention", "invitation", "login"} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			l := letter()
			l.Message, l.Digest, l.Link, l.Check = message, strings.Repeat("ab", 32), "https://paraph.example/x", "https://paraph.example/verify"
			m, err := Compose(l)
			if err != nil {
				t.Fatal(err)
			}
			w, err := say(clean(l))
			if err != nil {
				t.Fatal(err)
			}
			for _, piece := range append([]string{w.Greeting, w.Sentence, w.Note, w.Button, w.Link, w.Digest}, w.Small...) {
				plain := strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&").Replace(m.HTML)
				if !strings.Contains(m.Text, piece) || !strings.Contains(plain, piece) {
					t.Errorf("%q does not stand in both parts", piece)
				}
			}
			if message == "completed" && !strings.Contains(m.Text, l.Check) {
				t.Error("it does not say how the file is checked")
			}
			if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "ZgotmplZ") {
				t.Error("a picture or a blotted value in the HTML")
			}
			if strings.Contains(m.Text, "\n\n\n") {
				t.Errorf("gaps in the text:\n%s", m.Text)
			}
		})
	}
}

func TestWithoutAServer(t *testing.T) {
	t.Parallel()
	s, err := New(Config{})
	if err != nil || s.Configured() {
		t.Fatal(err, s.Configured())
	}
	if err := s.Deliver(context.Background(), letter()); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	if _, err := New(Config{Host: "h", Port: 25, From: "nobody"}); err == nil {
		t.Error("a sender that is no address was taken")
	}
}
