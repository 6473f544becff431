package tsp

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
)

// AuthorityConfig is what an Authority is made of. Key, Chain and Policies are required.
type AuthorityConfig struct {
	Key   crypto.Signer       // RSA of 2048 bits or more, P-256, P-384 or Ed25519
	Chain []*x509.Certificate // the key's certificate first, then its issuers

	// Policies are the ones it issues under, dotted; a request that names none gets the first.
	Policies []string

	Hash     crypto.Hash   // of the signature; 0 chooses by the key
	PSS      bool          // RSA keys sign with PSS instead of PKCS#1 v1.5
	Accuracy time.Duration // said in each token; 0: not said
	Ordering bool          // give each token a later time than the one before it, and say so

	Serial func() (*big.Int, error) // gives a number never given before; nil: 127 random bits
	Now    func() time.Time         // the time; the zero time where it is not known; nil: time.Now
}

// Authority issues time stamps: for tests, and for networks that reach no other.
// Its methods are safe for concurrent use.
type Authority struct {
	c        AuthorityConfig
	template cms.Template

	mu   sync.Mutex
	last time.Time // of the newest token, where they are ordered
}

// NewAuthority makes an Authority. The error says what does not fit: the key, its
// certificate, or a policy.
func NewAuthority(c AuthorityConfig) (*Authority, error) {
	t, err := cms.NewTemplate(c.Chain, c.Hash, c.PSS)
	if err != nil {
		return nil, err
	}
	if pub, ok := c.Key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(c.Chain[0].PublicKey) {
		return nil, errors.New("the key is not that of the authority's certificate")
	}
	for _, why := range []string{usage(c.Chain[0]), weakness(c.Chain[0])} {
		if why != "" {
			return nil, errors.New(why)
		}
	}
	if len(c.Policies) == 0 {
		return nil, errors.New("an authority needs a policy")
	}
	for _, p := range c.Policies {
		if _, err := x509.ParseOID(p); err != nil {
			return nil, fmt.Errorf("the policy %q is no object identifier", p)
		}
	}
	if c.Serial == nil {
		c.Serial = randomSerial
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t.ContentType = oidTSTInfo
	return &Authority{c: c, template: t}, nil
}

func randomSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

// Certificate gives that of the authority.
func (a *Authority) Certificate() *x509.Certificate { return a.c.Chain[0] }

// Sign makes a token that says what info says, whatever that is; Issue is what
// answers requests. certificates puts the chain in, without its root.
func (a *Authority) Sign(info *Info, certificates bool) ([]byte, error) {
	content, err := info.marshal()
	if err != nil {
		return nil, err
	}
	t := a.template
	t.Content, t.Bare = content, !certificates
	h := t.Hash.New()
	h.Write(content)
	attrs, err := t.SignedAttributes(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	signature, err := t.Sign(a.c.Key, attrs)
	if err != nil {
		return nil, err
	}
	return t.Build(attrs, signature)
}

// Issue gives a token for a request. The error has a *StatusError, what to
// answer, in its chain.
func (a *Authority) Issue(r *Request) (*Info, []byte, error) {
	info := &Info{Policy: a.c.Policies[0], Hash: r.Hash, Digest: r.Digest, Accuracy: a.c.Accuracy, Ordering: a.c.Ordering, Nonce: r.Nonce}
	if r.Policy != "" {
		if !slices.Contains(a.c.Policies, r.Policy) {
			return nil, nil, &StatusError{Rejection, []Failure{UnacceptedPolicy}, "this authority has no such policy"}
		}
		info.Policy = r.Policy
	}
	info.Time = a.time()
	if info.Time.IsZero() {
		return nil, nil, &StatusError{Rejection, []Failure{TimeNotAvailable}, "this authority has no time at the moment"}
	}
	if cert := a.Certificate(); info.Time.Before(cert.NotBefore) || info.Time.After(cert.NotAfter) {
		return nil, nil, &StatusError{Rejection, []Failure{SystemFailure}, "the certificate of this authority is not valid now"}
	}
	broken := func(err error) (*Info, []byte, error) {
		return nil, nil, fmt.Errorf("%w: %w", &StatusError{Rejection, []Failure{SystemFailure}, "this authority cannot sign at the moment"}, err)
	}
	var err error
	if info.Serial, err = a.c.Serial(); err != nil {
		return broken(err)
	}
	token, err := a.Sign(info, r.Certificates)
	if err != nil {
		return broken(err)
	}
	return info, token, nil
}

// time gives the time for the next token, to the microsecond.
func (a *Authority) time() time.Time {
	now := a.c.Now()
	if now.IsZero() {
		return now
	}
	now = now.UTC().Truncate(time.Microsecond)
	if !a.c.Ordering {
		return now
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !now.After(a.last) {
		now = a.last.Add(time.Microsecond)
	}
	a.last = now
	return now
}

// Respond answers a request in DER with a response in DER, always. info is what
// was issued; where that is nil, err says why.
func (a *Authority) Respond(request []byte) (response []byte, info *Info, err error) {
	answer := &Response{Status: Granted}
	r, err := ParseRequest(request)
	if err == nil {
		info, answer.Token, err = a.Issue(r)
	} else {
		err = unreadable(err)
	}
	if err != nil {
		refusal := &StatusError{Rejection, []Failure{SystemFailure}, ""}
		errors.As(err, &refusal)
		answer = &Response{Status: refusal.Status, Failures: refusal.Failures, Text: []string{refusal.Text}}
	}
	response, merr := answer.Marshal()
	return response, info, errors.Join(err, merr)
}

// unreadable gives the answer to a request that ParseRequest has refused.
func unreadable(err error) error {
	failure := BadDataFormat
	switch ReasonOf(err) {
	case ReasonAlgorithm:
		failure = BadAlgorithm
	case ReasonVersion:
		failure = BadRequest
	case ReasonExtension:
		failure = UnacceptedExtension
	}
	return fmt.Errorf("%w: %w", &StatusError{Rejection, []Failure{failure}, "this authority does not take the request"}, err)
}
