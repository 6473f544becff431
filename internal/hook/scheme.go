package hook

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/textproto"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/fault"
)

// Kind is how a request proves whom it comes from.
type Kind string

// The kinds of proof.
const (
	HMAC      Kind = "hmac"
	Ed25519   Kind = "ed25519"
	ECDSA     Kind = "ecdsa"    // ASN.1 signatures
	RSA       Kind = "rsa"      // PKCS #1 v1.5
	RSAPSS    Kind = "rsa_pss"  // salt as long as the digest, or of any length
	Token     Kind = "token"    // the secret itself stands in the request
	Basic     Kind = "basic"    // user name and password (RFC 7617); the secret is user:password
	Standard       = "{body}"   // what is signed where nothing else is said
	unnamed        = "{digest}" // the name of an event that has none
	maxEvents      = 500        // of one request
	maxProofs      = 100        // signatures looked at in one request
	maxKept        = 20         // headers kept
)

// Scheme says, as data, how a request proves whom it comes from, and what in it
// is an event.
type Scheme struct {
	Kind Kind `json:"kind"`
	// Hash is sha256 (where nothing is said), sha384, sha512, or sha1 for senders
	// that have nothing better.
	Hash string `json:"hash,omitempty"`
	// Payload is the template of what is signed; {body} where nothing is said.
	Payload string `json:"payload,omitempty"`
	// Signature is where signatures stand, or the token.
	Signature Pick `json:"signature,omitzero"`
	// Encoding of a signature: hex (where nothing is said), base64 or base64url.
	Encoding string `json:"encoding,omitempty"`
	// KeyEncoding is how the secret becomes the key of an HMAC: text (where nothing
	// is said), base64 or hex, after KeyPrefix was taken off where it is there.
	KeyEncoding string `json:"key_encoding,omitempty"`
	KeyPrefix   string `json:"key_prefix,omitempty"`
	// Digest is where a digest of the body stands, for senders that sign a digest
	// instead of the body. With {form} it is needed only of bodies that are no form.
	Digest *Digest `json:"digest,omitempty"`
	Time   *Time   `json:"time,omitempty"`

	// Each leads to the events of a body that holds several: body#/events/*.
	Each string `json:"each,omitempty"`
	// ID is the template of an event's name, by which a repetition is known.
	ID string `json:"id,omitempty"`
	// Type is the template of what happened, for people and filters.
	Type string `json:"type,omitempty"`
	// Keep names headers that are kept with the event.
	Keep []string `json:"keep,omitempty"`

	Handshakes []Handshake `json:"handshakes,omitempty"`
	Answer     Answer      `json:"answer,omitzero"`
}

// Pick says where values stand and which count: the place's value is cut at each
// Split, and of the pieces those count that begin with Prefix, which is taken off.
type Pick struct {
	Place  string `json:"place"`
	Split  string `json:"split,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// Digest says where a digest of the body stands.
type Digest struct {
	Pick
	Hash     string `json:"hash,omitempty"`
	Encoding string `json:"encoding,omitempty"`
}

// Time says where the time of signing stands. Unit is s (where nothing is said) or
// ms since 1970, or rfc3339.
type Time struct {
	Pick
	Unit string `json:"unit,omitempty"`
}

// Answer is what a sender wants to hear where its event was taken.
type Answer struct {
	Status    int    `json:"status,omitempty"` // 200 to 204; 200 where nothing is said
	MediaType string `json:"media_type,omitempty"`
	Body      string `json:"body,omitempty"`
	// Quiet: every answer comes without a body, refusals too.
	Quiet bool `json:"quiet,omitempty"`
}

var hashes = map[string]crypto.Hash{"": crypto.SHA256, "sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

// encodings write bytes as text. Each writes the same bytes in one way only.
var encodings = map[string]func([]byte) string{
	"": hex.EncodeToString, "hex": hex.EncodeToString,
	"base64": base64.StdEncoding.EncodeToString, "base64url": base64.RawURLEncoding.EncodeToString,
}

// decodings read what encodings write, and nothing else.
var decodings = map[string]func(string) ([]byte, error){
	"": hex.DecodeString, "hex": hex.DecodeString,
	"base64": base64.StdEncoding.Strict().DecodeString, "base64url": base64.RawURLEncoding.Strict().DecodeString,
}

// signs tells whether the kind signs, in contrast to a secret that is sent along.
func (s *Scheme) signs() bool { return s.Kind != Token && s.Kind != Basic }

// bearer tells whether whoever sends the secret is believed all else.
func (s *Scheme) bearer() bool { return !s.signs() }

// CoversBody tells whether nobody but the secret's holder can have changed
// anything in the body.
func (s *Scheme) CoversBody() bool {
	c, err := s.compile()
	return err == nil && c.coversBody()
}

// compiled is a scheme with its templates and places read.
type compiled struct {
	*Scheme
	payload, id, kind Template
	proof, digest     place
	time              place
	each              *Place
	shakes            []shake
}

// place is a Pick whose place was read.
type place struct {
	Pick
	at Place
}

func (s *Scheme) compile() (*compiled, error) {
	var l fault.List
	c := s.read(&l)
	return c, l.Err("invalid_scheme", "The scheme has faults.")
}

// check lists everything wrong with a scheme.
func (s *Scheme) check(l *fault.List) { s.read(l) }

func (s *Scheme) read(l *fault.List) *compiled {
	c := &compiled{Scheme: s}
	template := func(name, text, standard string) Template {
		if text == "" {
			text = standard
		}
		t, err := ParseTemplate(text)
		if err != nil {
			l.Add("/scheme/"+name, "bad_template", "%s.", err)
		}
		return t
	}
	pick := func(name string, p Pick) place {
		at, err := ParsePlace(p.Place)
		if err != nil {
			l.Add("/scheme/"+name+"/place", "bad_place", "%s.", err)
		}
		return place{p, at}
	}
	c.payload, c.id, c.kind = template("payload", s.Payload, Standard), template("id", s.ID, unnamed), template("type", s.Type, "")
	if s.Kind != Basic {
		c.proof = pick("signature", s.Signature)
	}
	if s.Digest != nil {
		c.digest = pick("digest", s.Digest.Pick)
	}
	if s.Time != nil {
		c.time = pick("time", s.Time.Pick)
	}
	if s.Each != "" {
		at, err := ParsePlace(s.Each)
		if err != nil || at.pointer == nil || (at.root != rootBody && at.root != rootForm) {
			l.Add("/scheme/each", "bad_place", "The events of a body stand at body#/… or form:NAME#/….")
		}
		c.each = &at
	}
	c.checkChoices(l)
	if l.Len() == 0 {
		c.checkCover(l)
	}
	c.readHandshakes(l)
	return c
}

func (c *compiled) checkChoices(l *fault.List) {
	choice := func(name, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			l.Add("/scheme/"+name, "bad_value", "%q is not one of %s.", value, strings.Join(allowed, ", "))
		}
	}
	known := func(name, value string) {
		if _, ok := hashes[value]; !ok {
			l.Add("/scheme/"+name, "bad_value", "The hash is sha256, sha384, sha512, or sha1 for senders that have nothing better.")
		}
	}
	choice("kind", string(c.Kind), string(HMAC), string(Ed25519), string(ECDSA), string(RSA), string(RSAPSS), string(Token), string(Basic))
	choice("encoding", c.Encoding, "", "hex", "base64", "base64url")
	choice("key_encoding", c.KeyEncoding, "", "text", "base64", "hex")
	known("hash", c.Hash)
	if c.Digest != nil {
		known("digest/hash", c.Digest.Hash)
		choice("digest/encoding", c.Digest.Encoding, "", "hex", "base64", "base64url")
	}
	if c.Time != nil {
		choice("time/unit", c.Time.Unit, "", "s", "ms", "rfc3339")
	}
	if a := c.Answer; a.Status != 0 && (a.Status < 200 || a.Status > 204) || len(a.Body) > 1000 || len(a.MediaType) > 100 || strings.ContainsAny(a.MediaType, "\r\n") {
		l.Add("/scheme/answer", "bad_answer", "An answer has a status of 200 to 204 and at most 1000 bytes.")
	}
	if len(c.Keep) > maxKept || slices.ContainsFunc(c.Keep, func(h string) bool { return !isToken(h) || secretHeader(h) }) {
		l.Add("/scheme/keep", "bad_header", "At most %d headers are kept, and none that carries a credential.", maxKept)
	}
}

// secretHeader tells whether a header carries credentials.
func secretHeader(name string) bool {
	return slices.Contains([]string{"Authorization", "Proxy-Authorization", "Cookie"}, textproto.CanonicalMIMEHeaderKey(name))
}

// checkCover refuses what would promise more than the proof covers.
func (c *compiled) checkCover(l *fault.List) {
	if !c.signs() {
		if c.Time != nil || c.Digest != nil || c.Payload != "" {
			l.Add("/scheme/kind", "nothing_signed", "A %s signs nothing, so it takes no payload, digest or time.", c.Kind)
		}
		return
	}
	if len(c.payload.at) == 0 {
		l.Add("/scheme/payload", "nothing_signed", "The signature would cover nothing of the request.")
	}
	for _, p := range c.payload.at {
		if slices.Contains([]string{rootItem, rootDigest, rootReceived}, p.root) || p.root == rootTimestamp && c.Time == nil {
			l.Add("/scheme/payload", "bad_place", "{%s} is nothing that a sender can have signed here.", p.root)
		}
	}
	if c.Time != nil && !c.payload.holds(rootTimestamp) && !c.covers(c.time.at) {
		l.Add("/scheme/time", "not_covered", "A time that the signature does not cover proves nothing.")
	}
	if c.Digest != nil && !c.covers(c.digest.at) {
		l.Add("/scheme/digest", "not_covered", "A digest that the signature does not cover proves nothing.")
	}
	if c.coversBody() && c.id.holds(rootReceived) {
		l.Add("/scheme/id", "bad_place", "{received} is for hints, which may come twice without harm.")
	}
	if c.coversBody() && !c.id.holds(rootDigest) && slices.ContainsFunc(c.id.at, func(p Place) bool { return !c.covers(p) }) {
		l.Add("/scheme/id", "not_covered", "The signature does not cover this name, so anybody could repeat an event under another. Add {digest} to it.")
	}
}

// covers tells whether the signature covers what stands at the place.
func (c *compiled) covers(p Place) bool {
	switch p.root {
	case rootTimestamp, rootDigest:
		return true
	case rootItem, rootBody, rootForm:
		if c.coversBody() {
			return true
		}
	}
	return slices.ContainsFunc(c.payload.at, func(signed Place) bool {
		return p.within(signed) || p.root == rootQuery && signed.root == rootURL
	})
}

func (c *compiled) coversBody() bool {
	if !c.signs() {
		return false
	}
	if c.payload.holds(rootBody) {
		return true
	}
	// A form's names and values joined do not tell where one ends and the next begins:
	// whoever has seen a signed form can move the borders.
	if c.payload.holds(rootForm) {
		return false
	}
	return c.digest.Place != "" && slices.ContainsFunc(c.payload.at, func(signed Place) bool {
		return c.digest.at.within(signed) || c.digest.at.root == rootQuery && signed.root == rootURL
	})
}

// errUnread is a value that is not written as the scheme says.
var errUnread = errors.New("it is not written as the scheme says")

// pick gives the values of a Pick that count.
func (m *message) pick(p place) ([]string, error) {
	all, err := m.values(p.at)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range all {
		pieces := []string{v}
		if p.Split != "" {
			pieces = strings.Split(v, p.Split)
		}
		for _, piece := range pieces {
			if value, ok := strings.CutPrefix(strings.TrimSpace(piece), p.Prefix); ok {
				out = append(out, value)
			}
		}
		if len(out) > maxProofs {
			return nil, errors.New("there are too many of them")
		}
	}
	return out, nil
}
