package e2e

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/paraph/paraph/internal/config"
)

// post is a mail server that hands on what it gets, or is down.
type post struct {
	port    int
	down    atomic.Bool
	refused chan struct{}
	letters chan letter
}

type letter struct{ to, subject, text string }

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &postSession{p}, nil }

type postSession struct{ *post }

func (postSession) Reset()                                 {}
func (postSession) Logout() error                          { return nil }
func (postSession) Mail(string, *smtp.MailOptions) error   { return nil }
func (s postSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s postSession) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	if s.down.Load() {
		select {
		case s.refused <- struct{}{}:
		default:
		}
		return &smtp.SMTPError{Code: 451, Message: "come again later"}
	}
	text, err := plainText(m)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return err
	}
	s.letters <- letter{m.Header.Get("To"), subject, text}
	return nil
}

func plainText(m *netmail.Message) (string, error) {
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			return "", errors.New("no plain text")
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/plain") {
			continue
		}
		var r io.Reader = p
		if strings.EqualFold(p.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			r = quotedprintable.NewReader(p)
		}
		raw, err := io.ReadAll(r)
		return string(raw), err
	}
}

func postOffice(t *testing.T) *post {
	t.Helper()
	p := &post{refused: make(chan struct{}, 1), letters: make(chan letter, 100)}
	server := smtp.NewServer(p)
	server.Domain = "post.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return p
}

// await gives the next letter to somebody; others are passed over.
func (p *post) await(t *testing.T, to string) letter {
	t.Helper()
	patience := time.NewTimer(2 * time.Minute)
	defer patience.Stop()
	for {
		select {
		case l := <-p.letters:
			if strings.Contains(l.to, to) {
				return l
			}
		case <-patience.C:
			t.Fatalf("no letter to %s", to)
		}
	}
}

var signLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+/sign/[A-Za-z0-9_-]+`)

// TestMail: people hear of what they are to sign, by a link that works, and of
// how it ended; while the mail server is down the work goes on.
func TestMail(t *testing.T) {
	t.Parallel()
	office := postOffice(t)
	s := start(t, "", setup{conf: func(c *config.Config) {
		c.SMTPHost, c.SMTPPort, c.SMTPTLS = "127.0.0.1", office.port, "none"
	}})
	d := s.approved("Order by post")
	office.down.Store(true)
	s.envelope(d.ID, person("ben", 1))
	<-office.refused
	other := s.draft("Meanwhile") // a mail server that is down holds nothing up
	office.down.Store(false)
	asked := office.await(t, "ben@example.com")
	link := signLink.FindString(asked.text)
	if link == "" || !strings.Contains(asked.subject, "Order by post") {
		t.Fatalf("no link in %q: %s", asked.subject, asked.text)
	}
	s.open(link).sign()
	s.until(d.ID, "document.signed")
	if done := office.await(t, "ben@example.com"); done.subject == asked.subject || !strings.Contains(done.subject+done.text, "Order by post") {
		t.Errorf("of the completion Ben hears %q: %s", done.subject, done.text)
	}

	sender := s.client("ana@example.com", nil, everyScope...)
	sender.submit(other.ID, nil)
	sender.envelope(other.ID, person("cleo", 1))
	cleo := s.open(signLink.FindString(office.await(t, "cleo@example.com").text))
	if status, body := cleo.send(http.MethodPost, "/decline", url.Values{"reason": {"Not my order."}}); status != 200 {
		t.Fatalf("declining answered %d %s", status, body)
	}
	if told := office.await(t, "ana@example.com"); !strings.Contains(told.text, "Not my order.") {
		t.Errorf("of the refusal Ana hears %q: %s", told.subject, told.text)
	}
}
