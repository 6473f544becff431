// Package tsptest is a time stamping authority for tests: it keeps to the protocol
// until it is told to misbehave.
package tsptest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/testca"
	"github.com/paraph/paraph/pades/tsp"
)

// Policy and OtherPolicy are those of the authority; the first is its own choice.
const (
	Policy      = "1.2.3.4.1"
	OtherPolicy = "1.2.3.4.2"
)

// Fault is a way to misbehave.
type Fault string

// The faults. Reasons says how a client that trusts the authority's root, and
// that asks for Policy, refuses each.
const (
	None               Fault = ""
	WrongNonce         Fault = "wrong nonce"
	NoNonce            Fault = "no nonce"
	WrongImprint       Fault = "wrong imprint"
	WrongPolicy        Fault = "wrong policy"
	WrongClock         Fault = "wrong clock"
	ExpiredCertificate Fault = "expired certificate"
	ForeignRoot        Fault = "foreign root"
	NoUsage            Fault = "certificate without usage"
	MoreUsages         Fault = "certificate with more usages"
	UncriticalUsage    Fault = "certificate with uncritical usage"
	OtherCertificate   Fault = "attributes name another certificate"
	NoCertificate      Fault = "no certificate"
	BadSignature       Fault = "bad signature"
	Rejects            Fault = "rejects"
	RejectsRequest     Fault = "rejects this request"
	Waits              Fault = "waits"
	Garbage            Fault = "garbage"
	GarbageToken       Fault = "garbage for a token"
	Empty              Fault = "empty answer"
	Long               Fault = "long answer"
	HalfAnswer         Fault = "half an answer"
	Status500          Fault = "status 500"
	Redirects          Fault = "redirects"
	WrongType          Fault = "wrong media type"
	Slow               Fault = "slow"
)

// Reasons are the reasons for which a good client refuses.
var Reasons = map[Fault]tsp.Reason{
	WrongNonce: tsp.ReasonNonce, NoNonce: tsp.ReasonNonce, WrongImprint: tsp.ReasonImprint, WrongPolicy: tsp.ReasonPolicy, WrongClock: tsp.ReasonClock,
	ExpiredCertificate: tsp.ReasonExpired, ForeignRoot: tsp.ReasonUntrusted, NoUsage: tsp.ReasonUsage, MoreUsages: tsp.ReasonUsage,
	UncriticalUsage: tsp.ReasonUsage, OtherCertificate: tsp.ReasonBinding, NoCertificate: tsp.ReasonNoSigner, BadSignature: tsp.ReasonSignature,
	Rejects: tsp.ReasonRejected, RejectsRequest: tsp.ReasonRejected, Waits: tsp.ReasonRejected,
	Garbage: tsp.ReasonMalformed, GarbageToken: tsp.ReasonMalformed, Empty: tsp.ReasonMalformed, Long: tsp.ReasonTooLarge, HalfAnswer: tsp.ReasonUnreachable,
	Status500: tsp.ReasonHTTP, Redirects: tsp.ReasonHTTP, WrongType: tsp.ReasonMediaType, Slow: tsp.ReasonUnreachable,
}

// Options say what authority to make. The zero value works.
type Options struct {
	Kind string           // of the key, as testca.CA.Issue; "" is p256
	Now  func() time.Time // nil: time.Now
	// Served is the authority that issues its certificate and tells whether it was
	// revoked; nil: one that tells nothing.
	Served *testca.Served
	// Certificate changes its certificate before it is issued.
	Certificate func(*x509.Certificate)
	// Config is changed before the authority is made, where it is not nil.
	Config func(*tsp.AuthorityConfig)
}

// TSA is an authority with a root of its own.
type TSA struct {
	*tsp.Authority
	CA *testca.CA

	identity testca.Identity
	now      func() time.Time

	mu    sync.Mutex
	fault Fault
	asked int
}

// New makes an authority.
func New(t testing.TB, o Options) *TSA {
	t.Helper()
	if o.Kind == "" {
		o.Kind = "p256"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &TSA{now: o.Now}
	var err error
	changes := []func(*x509.Certificate){Usage(true, timeStamping)}
	if o.Certificate != nil {
		changes = append(changes, o.Certificate)
	}
	if o.Served != nil {
		a.CA = o.Served.CA
		a.identity, err = o.Served.Issue("Test TSA", o.Kind, changes...)
	} else if a.CA, err = testca.NewAt(o.Now()); err == nil {
		a.identity, err = a.CA.Issue("Test TSA", o.Kind, changes...)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := tsp.AuthorityConfig{Key: a.identity.Key, Chain: a.identity.Chain, Policies: []string{Policy, OtherPolicy}, Accuracy: time.Second, Now: o.Now}
	if o.Config != nil {
		o.Config(&c)
	}
	if a.Authority, err = tsp.NewAuthority(c); err != nil {
		t.Fatal(err)
	}
	return a
}

// Serve serves the authority until the test ends and gives its address.
func (a *TSA) Serve(t testing.TB) string {
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return s.URL
}

// Misbehave makes all answers from now on faulty; None ends that.
func (a *TSA) Misbehave(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

// Asked tells how many requests came so far.
func (a *TSA) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// RootsPEM gives the root certificate for a file.
func (a *TSA) RootsPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.CA.Root.Raw})
}

// Chain trusts the authority's root.
func (a *TSA) Chain() tsp.ChainVerifier { return tsp.Roots(a.CA.Roots()) }

var (
	tstInfo        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	timeStamping   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	codeSigning    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
)

// Usage gives a certificate an extended key usage, as testca.CA.Issue takes it.
func Usage(critical bool, usages ...asn1.ObjectIdentifier) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		der, err := asn1.Marshal(usages)
		if err != nil {
			panic(err) // object identifiers written above
		}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Critical: critical, Value: der})
	}
}

// ServeHTTP implements http.Handler.
func (a *TSA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fault := a.fault
	a.asked++
	a.mu.Unlock()
	switch fault {
	case Status500:
		http.Error(w, "<html>out of order</html>", http.StatusInternalServerError)
		return
	case Redirects:
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return
	case WrongType:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>maintenance</html>"))
		return
	}
	tsp.Serve(w, r, func(request []byte) []byte {
		switch fault {
		case Slow:
			<-r.Context().Done()
			return nil
		case HalfAnswer:
			w.Header().Set("Content-Length", "10000")
			return []byte{0x30, 0x82}
		}
		return a.answer(fault, request)
	})
}

// answer gives the body of an answer.
func (a *TSA) answer(fault Fault, request []byte) []byte {
	switch fault {
	case Garbage:
		return []byte("this is no DER at all")
	case Empty:
		return nil
	case Long:
		return make([]byte, tsp.MaxResponse)
	case None:
		response, _, _ := a.Respond(request) // it says itself what went wrong
		return response
	}
	response := tsp.Response{Status: tsp.Granted}
	switch fault {
	case Rejects:
		response = tsp.Response{Status: tsp.Rejection, Failures: []tsp.Failure{tsp.SystemFailure}, Text: []string{"out of\norder"}}
	case RejectsRequest:
		response = tsp.Response{Status: tsp.Rejection, Failures: []tsp.Failure{tsp.BadAlgorithm}}
	case Waits:
		response = tsp.Response{Status: tsp.Waiting}
	case GarbageToken:
		response.Token = []byte{0x30, 3, 2, 1, 1}
	default:
		response.Token = a.badToken(fault, request)
	}
	der, err := response.Marshal()
	if err != nil {
		panic(err) // a response written above
	}
	return der
}

// badToken gives a token with a fault.
func (a *TSA) badToken(fault Fault, request []byte) []byte {
	r := must(tsp.ParseRequest(request))
	info := &tsp.Info{Policy: Policy, Hash: r.Hash, Digest: append([]byte{}, r.Digest...), Serial: big.NewInt(1), Time: a.now(), Nonce: r.Nonce}
	switch fault {
	case WrongNonce:
		info.Nonce = new(big.Int).Add(r.Nonce, big.NewInt(1))
	case NoNonce:
		info.Nonce = nil
	case WrongImprint:
		info.Digest[0] ^= 1
	case WrongPolicy:
		info.Policy = OtherPolicy
	case WrongClock:
		info.Time = info.Time.Add(-time.Hour)
	}
	token := must(a.Sign(info, fault != NoCertificate))
	content := must(cms.ParseAttached(token, tstInfo)).Content
	past := func(c *x509.Certificate) { c.NotAfter = info.Time.Add(-time.Minute) }
	switch fault {
	case ExpiredCertificate:
		return resign(content, must(a.CA.Issue("Expired", "p256", Usage(true, timeStamping), past)))
	case ForeignRoot:
		return resign(content, must(must(testca.NewAt(a.now())).Issue("Foreign", "p256", Usage(true, timeStamping))))
	case NoUsage:
		return resign(content, must(a.CA.Issue("No usage", "p256")))
	case MoreUsages:
		return resign(content, must(a.CA.Issue("Usages", "p256", Usage(true, timeStamping, codeSigning))))
	case UncriticalUsage:
		return resign(content, must(a.CA.Issue("Uncritical", "p256", Usage(false, timeStamping))))
	case OtherCertificate:
		return otherCertificate(content, a.identity)
	case BadSignature:
		token[len(token)-1] ^= 1
	}
	return token
}

// resign signs a TSTInfo with whatever identity.
func resign(content []byte, id testca.Identity) []byte {
	t := must(cms.NewTemplate(id.Chain, 0, false))
	t.ContentType, t.Content = tstInfo, content
	attrs := must(t.SignedAttributes(digest(t, content)))
	return must(t.Build(attrs, must(t.Sign(id.Key, attrs))))
}

// otherCertificate makes a token whose signed attributes name the issuer's
// certificate instead of the signer's.
func otherCertificate(content []byte, id testca.Identity) []byte {
	t := must(cms.NewTemplate(id.Chain, 0, false))
	t.ContentType, t.Content = tstInfo, content
	named := t
	named.Chain = id.Chain[1:]
	attrs := must(named.SignedAttributes(digest(t, content)))
	return must(t.Build(attrs, must(t.Sign(id.Key, attrs))))
}

func digest(t cms.Template, content []byte) []byte {
	h := t.Hash.New()
	h.Write(content)
	return h.Sum(nil)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // only what the package itself has made goes in
	}
	return v
}
