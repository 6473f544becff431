// Package mail puts messages to people into words and sends them by SMTP.
//
// A letter is one sentence, one button and one link in plain. Its text part and
// its HTML part are made from the same words, so they can't differ. There are
// no pictures and nothing that tells who read it.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/paraph/paraph/internal/fault"
)

// Config is how to reach the mail server.
type Config struct {
	Host     string // "": letters don't leave the house
	Port     int
	User     string // "": no login
	Password string
	From     string        // sender, as "Name <address>" or an address
	TLS      string        // "starttls" (required, never plain), "tls" or "none"
	Timeout  time.Duration // for each step of the conversation; 0: 30 s

	TLSConfig *tls.Config // nil: the system's roots and the host's name
}

// Message is a letter in its final words.
type Message struct {
	To        string // one address
	Subject   string
	Text      string
	HTML      string
	MessageID string // stable for one letter, so that a repeat can be told; "": a fresh one
}

// Sender sends letters through one mail server. It is safe for concurrent use;
// each letter is a conversation of its own.
type Sender struct {
	config Config
	from   *netmail.Address
}

// New checks the configuration; it doesn't reach out. Without a host it gives a
// Sender that is not Configured.
func New(c Config) (*Sender, error) {
	if c.Host == "" {
		return &Sender{}, nil
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fmt.Errorf("the sender %q of messages is not an e-mail address: %w", c.From, err)
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	s := &Sender{config: c, from: from}
	if _, err := s.client(); err != nil {
		return nil, fmt.Errorf("mail server %s: %w", c.Host, err)
	}
	return s, nil
}

// Configured tells whether letters leave the house at all.
func (s *Sender) Configured() bool { return s.config.Host != "" }

// Deliver puts a letter into words and sends it. Faults are those of Send, and
// Invalid (unknown_message, bad_link) for a letter that can't be put into words.
func (s *Sender) Deliver(ctx context.Context, l Letter) error {
	m, err := Compose(l)
	if err != nil {
		return err
	}
	if l.ID != "" {
		m.MessageID = l.ID + "." + l.Message + "@" + s.domain()
	}
	return s.Send(ctx, m)
}

// Send hands one message to the mail server.
//
// Faults: Invalid (bad_address, mail_refused) where the address or the message
// is refused for good; Unavailable (mail_unavailable) where sending may succeed
// later: the server is away, busy, refuses the login or breaks off. A message
// whose conversation broke off may have arrived all the same; a repeat carries
// the same Message-ID.
func (s *Sender) Send(ctx context.Context, m Message) error {
	if !s.Configured() {
		return fault.New(fault.Unavailable, "mail_unavailable", "No mail server is configured; set smtp-host.")
	}
	msg, err := s.build(m)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "mail_unavailable", "The mail server cannot be used as configured.")
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return classify(err)
	}
	return nil
}

// client makes the client of one conversation: go-mail's keeps state.
func (s *Sender) client() (*gomail.Client, error) {
	c := s.config
	options := []gomail.Option{gomail.WithPort(c.Port), gomail.WithTimeout(c.Timeout), gomail.WithHELO(helo(s.domain()))}
	switch c.TLS {
	case "tls":
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if c.TLSConfig != nil {
		options = append(options, gomail.WithTLSConfig(c.TLSConfig))
	}
	if c.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(c.User), gomail.WithPassword(c.Password))
	}
	return gomail.NewClient(c.Host, options...)
}

// messageID is what may stand in a Message-ID (RFC 5322, section 3.6.4).
var messageID = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9._-]+$`)

// build makes the message. Nothing a stranger wrote can start a header: the
// address is parsed, the subject loses its control characters, and the library
// encodes both.
func (s *Sender) build(m Message) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(m.To)
	if err != nil || strings.ContainsFunc(m.To, isControl) {
		return nil, fault.Wrap(err, fault.Invalid, "bad_address", "This is not an e-mail address that messages can be sent to.")
	}
	msg := gomail.NewMsg()
	if err := errors.Join(msg.FromFormat(s.from.Name, s.from.Address), msg.AddToFormat(to.Name, to.Address)); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_address", "This is not an e-mail address that messages can be sent to.")
	}
	msg.Subject(oneLine(m.Subject))
	msg.SetDate()
	if messageID.MatchString(m.MessageID) {
		msg.SetMessageIDWithValue(m.MessageID)
	} else {
		msg.SetMessageID()
	}
	// RFC 3834: answering machines shall not answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// classify tells a refusal for good from everything that may pass. Only what the
// server says of this recipient or this message is for good; trouble with the
// login, the sender or the line is the operator's to mend, and letters wait.
func classify(err error) error {
	var sent *gomail.SendError
	if errors.As(err, &sent) && !sent.IsTemp() && sent.ErrorCode() >= 500 {
		switch sent.Reason {
		case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
			return fault.Wrap(err, fault.Invalid, "mail_refused", "The mail server refuses this message for good.")
		}
	}
	return fault.Wrap(err, fault.Unavailable, "mail_unavailable", "The message could not be handed to the mail server; it will be tried again.")
}

// domain gives the sender's domain.
func (s *Sender) domain() string {
	if s.from == nil {
		return ""
	}
	return s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:]
}

// helo is the name to greet with; a sender without a real domain greets as localhost.
func helo(domain string) string {
	if domain == "" {
		return "localhost"
	}
	return domain
}

func isControl(r rune) bool {
	return r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u2028' || r == '\u2029'
}

// oneLine makes a line of any text: control characters become spaces, runs of
// spaces one.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
