// Command preview shows the signing page in every state, on made-up data, so
// that one can look at it and so that the browser judge can. It prints one line
// per state: its name, a tab, and the address.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/signing"
	"github.com/paraph/paraph/internal/signpage"
	"github.com/paraph/paraph/internal/signpage/signpagetest"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	// Each state has a handler of its own, chosen by the token, which is the
	// state's name.
	handlers := map[string]http.Handler{}
	for _, s := range states() {
		f := signpagetest.New()
		token := s.name
		f.Links = map[string]string{token: "rcp_1", "other": "rcp_2"}
		s.set(f, token)
		handlers[token] = signpage.New(signpage.Config{Service: f, Renderer: &signpagetest.Renderer{}, SourceOf: source, LogKey: sampleKey, CAPEM: sampleRoot, Log: slog.New(slog.DiscardHandler)})
		fmt.Printf("%s\thttp://%s/sign/%s\n", s.name, listener.Addr(), token)
	}
	fmt.Printf("text\thttp://%s/sign/sign/text\n", listener.Addr())
	fmt.Printf("verify\thttp://%s%s\n", listener.Addr(), signpage.VerifyPath)
	fmt.Println("ready")
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, signpage.Prefix), "/")
		h, ok := handlers[token]
		if !ok {
			h = handlers["sign"]
		}
		h.ServeHTTP(w, r)
	})))
}

// What stands for the log's key and the root certificate on the page that shows them.
const sampleKey = "sign.example.org+2b8a4f4b+AVKtz1Qq8dPq0aHh8Y3mJ3bVnq9l0m3w8m1b2c3d4e5f"

var sampleRoot = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

func source(r *http.Request) access.Source {
	return access.Source{Address: r.RemoteAddr, Peer: r.RemoteAddr, UserAgent: r.UserAgent()}
}

type state struct {
	name string
	set  func(f *signpagetest.Fake, token string)
}

func states() []state {
	signed := func(id string) func(*signpagetest.Fake, string) {
		return func(f *signpagetest.Fake, _ string) { sign(f, id) }
	}
	return []state{
		{"sign", func(*signpagetest.Fake, string) {}},
		{"typed", func(*signpagetest.Fake, string) {}},
		{"drawn", func(f *signpagetest.Fake, _ string) { sign(f, "rcp_2") }},
		{"plain", func(*signpagetest.Fake, string) {}},
		{"decline", func(*signpagetest.Fake, string) {}},
		{"waiting", func(f *signpagetest.Fake, _ string) { f.Envelope.Recipients[0].State = signing.RecipientWaiting }},
		{"signed", signed("rcp_1")},
		{"sealing", func(f *signpagetest.Fake, _ string) { sign(f, "rcp_1"); sign(f, "rcp_2") }},
		{"seal-failed", func(f *signpagetest.Fake, _ string) {
			sign(f, "rcp_1")
			sign(f, "rcp_2")
			f.Document.Processing.Status = document.StatusFailed
		}},
		{"completed", func(f *signpagetest.Fake, _ string) { sign(f, "rcp_1"); sign(f, "rcp_2"); f.Seal() }},
		{"declined", func(f *signpagetest.Fake, _ string) {
			must(f.Envelope.Decline("rcp_1", "The delivery date is not the one we agreed on.", signing.Evidence{}, signpagetest.Now))
		}},
		{"other-declined", func(f *signpagetest.Fake, _ string) {
			must(f.Envelope.Decline("rcp_2", "No.", signing.Evidence{}, signpagetest.Now))
		}},
		{"voided", func(f *signpagetest.Fake, _ string) {
			must(f.Envelope.End(signing.Voided, "We send a corrected order tomorrow.", signpagetest.Now))
		}},
		{"expired", func(f *signpagetest.Fake, _ string) {
			must(f.Envelope.End(signing.Expired, "", signpagetest.Now))
		}},
		{"link-expired", func(f *signpagetest.Fake, token string) { f.Expires[token] = signpagetest.Now }},
		{"link-unknown", func(f *signpagetest.Fake, token string) { delete(f.Links, token) }},
		{"trouble", func(f *signpagetest.Fake, _ string) { f.Fail = errors.New("made-up trouble") }},
	}
}

func sign(f *signpagetest.Fake, id string) {
	_, _, err := f.Envelope.Sign(id, signing.Signature{Kind: signing.Typed, Text: "Somebody"}, signing.Evidence{}, signpagetest.Now)
	must(err)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
