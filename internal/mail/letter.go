package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	texttemplate "text/template"

	"github.com/paraph/paraph/internal/fault"
)

// Letter is a message to one person, before it is put into words. It has the
// shape of the workers' letter, so that one converts into the other.
type Letter struct {
	Message   string // sign_request, reminder, completed, declined, task, attention, invitation or login
	ID        string // stable per entry and person, so that repeats can be told
	To        string
	Name      string // of the person, where known
	Sender    string // who asks
	Subject   string // what it is about: the envelope's subject or the document's title
	Note      string // the sender's own words, or a reason
	Link      string // the one link
	Pages     int
	ExpiresAt string // in words, "" where nothing expires
	Digest    string // SHA-256 of the sealed PDF, for completed
	Check     string // where it stands how a sealed PDF is checked, for completed
}

// words is a letter in its words. Both parts are made from it.
type words struct {
	Subject  string
	Greeting string
	Sentence string   // what is so, and what to do
	Note     string   // in the sender's own words
	NoteBy   string   // whose words they are
	Button   string   // names what the link does
	Link     string   // an http or https address
	Small    []string // what else one may need to know, a sentence each
	Digest   string   // stands alone, to be copied
}

//go:embed templates
var files embed.FS

var (
	textPart = texttemplate.Must(texttemplate.ParseFS(files, "templates/letter.txt"))
	htmlPart = htmltemplate.Must(htmltemplate.ParseFS(files, "templates/letter.html"))
)

// Compose puts a letter into words. It gives an Invalid fault for a message it
// doesn't know, and for a link that is not an http or https address.
func Compose(l Letter) (Message, error) {
	w, err := say(clean(l))
	if err != nil {
		return Message{}, err
	}
	if u, err := url.Parse(w.Link); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Message{}, fault.New(fault.Invalid, "bad_link", "The letter's link is not an http or https address.")
	}
	var text, html strings.Builder
	if err := textPart.Execute(&text, w); err != nil {
		return Message{}, fmt.Errorf("the text of %s: %w", l.Message, err)
	}
	if err := htmlPart.Execute(&html, w); err != nil {
		return Message{}, fmt.Errorf("the HTML of %s: %w", l.Message, err)
	}
	return Message{To: l.To, Subject: w.Subject, Text: text.String(), HTML: html.String()}, nil
}

// clean makes single lines of everything that others wrote, so that nobody can
// lay out a letter in our name, and keeps it short.
func clean(l Letter) Letter {
	for _, s := range []*string{&l.Name, &l.Sender, &l.Subject, &l.Note} {
		*s = oneLine(*s)
	}
	l.Name, l.Sender = cut(l.Name, 120), cut(l.Sender, 120)
	l.Subject, l.Note = cut(l.Subject, 160), cut(l.Note, 2000)
	if l.Subject == "" {
		l.Subject = "a document"
	}
	return l
}

// cut shortens s to at most n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// say finds the words of each message.
func say(l Letter) (words, error) {
	w := words{Link: l.Link, Note: l.Note, NoteBy: l.Sender}
	if l.Name != "" {
		w.Greeting = "Hello " + l.Name + ","
	}
	title := "“" + l.Subject + "”"
	who := or(l.Sender, "The sender")
	switch l.Message {
	case "sign_request":
		w.Subject = "Please sign: " + l.Subject
		w.Sentence = who + " asks you to sign " + title + pages(l.Pages) + "."
		w.Button = "Read and sign"
		w.Small = linkCare(l)
	case "reminder":
		w.Subject = "Still waiting for your signature: " + l.Subject
		w.Sentence = who + " is waiting for your signature on " + title + pages(l.Pages) + "."
		w.Button = "Read and sign"
		w.Small = linkCare(l)
	case "completed":
		w.Subject = "Signed by everyone: " + l.Subject
		w.Sentence = "Everyone has signed " + title + ", and it is sealed."
		w.Button = "Get the sealed PDF"
		w.Small = []string{"Anyone can check it: a PDF reader that shows signatures tells whether a byte was changed since. How to check it without asking us: " + l.Check}
		w.Digest = l.Digest
	case "declined":
		w.Subject = "Declined: " + l.Subject
		who, w.Greeting = or(l.Name, l.Sender, "A signer"), "" // Name is the signer's here
		w.Sentence = who + " declined to sign " + title + ". Nothing was sealed."
		w.NoteBy = who
		w.Button = "See the envelope"
	case "task":
		w.Subject = "Please decide: " + l.Subject
		w.Sentence = who + " asks you to approve " + title + pages(l.Pages) + "."
		w.Button = "See the task"
	case "invitation":
		w.Subject = "Your account at " + l.Subject
		w.Sentence = who + " has made an account for you at " + l.Subject + ". Set up how you will log in."
		w.NoteBy, w.Button = "", "Set up my account"
		w.Small = accountCare(l, "set up your account in your place")
	case "login":
		w.Subject = "Log in at " + l.Subject
		w.Sentence = "Somebody, we hope you, wants to log in as you at " + l.Subject + ". Go on in the browser where you began, and type a code there."
		w.NoteBy, w.Button = "", "Go on with the login"
		w.Small = accountCare(l, "try to log in as you")
	case "attention":
		w.Subject = "Needs a look: " + l.Subject
		w.Sentence = title + " could not be processed and waits for you."
		w.NoteBy = "The reason"
		w.Button = "See the document"
	default:
		return words{}, fault.New(fault.Invalid, "unknown_message", "There is no message %q.", l.Message)
	}
	return w, nil
}

// linkCare says what to know of a personal link.
func linkCare(l Letter) []string {
	small := []string{"The link is for you alone; whoever has it can sign in your name, so don't pass it on."}
	if l.ExpiresAt != "" {
		small = append(small, "It works until "+l.ExpiresAt+".")
	}
	return small
}

// accountCare says what to know of a link by which one gets in.
func accountCare(l Letter, harm string) []string {
	return []string{"It works once, until " + l.ExpiresAt + ".", "Whoever has it can " + harm + ", so don't pass it on. If you did not expect it, do nothing."}
}

// pages says how long a document is, where that is known.
func pages(n int) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return " (1 page)"
	}
	return fmt.Sprintf(" (%d pages)", n)
}

func or(candidates ...string) string {
	for _, s := range candidates {
		if s != "" {
			return s
		}
	}
	return ""
}
