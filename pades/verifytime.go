package pades

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/pdffile"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/validation"
)

// stamp is a timestamp inside a signature.
type stamp struct {
	token  *tsp.Token
	signer *x509.Certificate // nil where the token is not whole
	result *validation.Result
	report TimestampReport
}

// kept is an object of the file's store with the revision in which it stands.
type kept struct {
	der      []byte
	revision int
}

// storeOf is the file's document security store as a verifier reads it.
type storeOf struct{ certs, ocsps, crls []kept }

// Bounds of the store: objects in it, and bytes of all of them together.
const (
	maxKept      = 4000
	maxKeptBytes = 256 << 20
)

// times judges what depends on time: timestamps from the newest to the oldest, each
// proving what stands under it (EN 319 102-1, 5.6.3), then the signatures.
func (v *verifier) times() error {
	store, err := v.readStore()
	if err != nil {
		return err
	}
	if v.opts.Trust == nil {
		v.withoutTrust(store)
		return nil
	}
	j := validation.New(v.ctx, v.opts.Time, validation.Options{
		Trust: v.opts.Trust, Fetch: v.opts.Fetch, RequireRevocation: v.opts.RequireRevocation,
	})
	v.gather(j, store)
	var above *found // the timestamp judged before, which is newer
	for _, f := range byRevision(v.found) {
		if f.token == nil || !f.sound {
			continue
		}
		v.judgeTimestamp(j, f, above)
		if f.passed {
			above = f
			v.prove(j, f, store)
		}
	}
	for _, f := range v.found {
		if f.cms == nil || f.cert == nil || !f.sound {
			continue
		}
		v.readStamps(f)
		v.judgeStamps(j, f)
		v.judgeSignature(j, f)
		f.report.Level = v.level(j, f, store)
	}
	for _, w := range j.Wanted() {
		want := Want{Certificate: w.Certificate.Raw}
		if w.Issuer != nil {
			want.Issuer = w.Issuer.Raw
		}
		v.report.Wanted = append(v.report.Wanted, want)
	}
	return v.ctx.Err()
}

// withoutTrust says what cannot be judged where nobody is trusted.
func (v *verifier) withoutTrust(store *storeOf) {
	j := validation.New(v.ctx, v.opts.Time, validation.Options{Trust: &trust.Set{}})
	v.gather(j, store)
	for _, f := range v.found {
		switch {
		case !f.sound:
			continue
		case f.token != nil:
			f.checks.notRun(CheckCertificate, "no trusted certificates were given, so nobody can say who made the timestamp")
			continue
		case f.cert == nil:
			continue
		}
		v.readStamps(f)
		if problem := usage(f.cert); problem != "" {
			f.checks.fail(CheckKeyUsage, problem)
		}
		f.checks.notRun(CheckCertificate, "no trusted certificates were given, so nobody can say who signed")
		f.report.Level = v.level(j, f, store)
	}
}

// gather hands all certificates and answers of the file to the judge.
func (v *verifier) gather(j *validation.Judge, store *storeOf) {
	const stored, inside, given = "in the document's store", "inside the signature", "given with the document"
	j.Know(v.opts.Certificates...)
	var lists [2][][]byte
	for i, list := range [2][]kept{store.ocsps, store.crls} {
		for _, k := range list {
			lists[i] = append(lists[i], k.der)
		}
	}
	for _, k := range store.certs {
		if c, err := x509.ParseCertificate(k.der); err == nil {
			j.Know(c)
		}
	}
	unread := j.Evidence(stored, lists[0], lists[1])
	for _, f := range v.found {
		if f.token != nil {
			j.Know(f.token.Certificates...)
			ocsps, crls := f.token.Revocations()
			j.Evidence(inside, ocsps, crls)
		}
		if f.cms == nil {
			continue
		}
		j.Know(f.cms.Certificates...)
		ocsps, crls := f.cms.Revocations()
		unread += j.Evidence(inside, ocsps, crls)
		tokens, err := f.cms.Timestamps()
		if err != nil {
			continue // which reading them again tells
		}
		for _, der := range tokens {
			if t, err := tsp.ParseAny(der); err == nil {
				j.Know(t.Certificates...)
				ocsps, crls := t.Revocations()
				j.Evidence(inside, ocsps, crls)
			}
		}
	}
	if e := v.opts.Evidence; e != nil {
		for _, der := range e.Certs {
			if c, err := x509.ParseCertificate(der); err == nil {
				j.Know(c)
			}
		}
		j.Evidence(given, e.OCSPs, e.CRLs)
	}
	if unread > 0 {
		v.checks.note(CheckRevocation, fmt.Sprintf("%d OCSP answers or CRLs in the file cannot be read and were passed over", unread))
	}
}

// readStore reads the objects of the document security store.
func (v *verifier) readStore() (*storeOf, error) {
	s := &storeOf{}
	catalog, err := v.file.Catalog()
	if err != nil {
		return s, v.judge(&v.checks, CheckStructure, err)
	}
	dss, err := v.file.Dict(catalog["DSS"])
	if err != nil {
		return s, v.judge(&v.checks, CheckStructure, err)
	}
	bytes := int64(0)
	for _, part := range []struct {
		key  pdffile.Name
		into *[]kept
	}{{"Certs", &s.certs}, {"OCSPs", &s.ocsps}, {"CRLs", &s.crls}} {
		list, err := v.file.Array(dss[part.key])
		if err != nil {
			return s, v.judge(&v.checks, CheckStructure, err)
		}
		for _, o := range list {
			if len(*part.into) == maxKept || bytes > maxKeptBytes {
				v.checks.note(CheckRevocation, "the document's store is larger than what is read of it")
				break
			}
			k, err := v.keptObject(o)
			if err != nil {
				return s, v.judge(&v.checks, CheckStructure, err)
			}
			if k.der != nil {
				bytes += int64(len(k.der))
				*part.into = append(*part.into, k)
			}
		}
	}
	return s, nil
}

func (v *verifier) keptObject(o pdffile.Object) (kept, error) {
	resolved, err := v.file.Resolve(o)
	if err != nil {
		return kept{}, err
	}
	stream, ok := resolved.(*pdffile.Stream)
	if !ok {
		return kept{}, nil
	}
	k := kept{revision: len(v.revisions) - 1}
	if k.der, err = v.file.Decoded(stream); err != nil {
		return kept{}, err
	}
	for i, r := range v.revisions {
		if stream.Offset >= r.Start && stream.Offset < r.End {
			k.revision = i
		}
	}
	return k, nil
}

// timestamp checks the cryptography of a document timestamp.
func (v *verifier) timestamp(f *found) {
	list := &f.checks
	if !bytes.Equal(f.digest, f.token.Digest) {
		list.fail(CheckDigest, "the bytes before the timestamp were changed: their digest is not the stamped one")
		return
	}
	list.ok(CheckDigest, "the stamped bytes are unchanged")
	verified, err := f.token.Verify(f.token.Digest, tsp.VerifyOptions{Others: v.certificates()})
	if err != nil {
		list.failAs(CheckTimestamp, tokenSub(err), err.Error())
		return
	}
	f.cert, f.sound = verified.Signer, true
	f.report.Signer, f.report.Subject, f.report.Issuer = f.cert.Subject.CommonName, f.cert.Subject.String(), f.cert.Issuer.String()
	f.report.Serial = f.cert.SerialNumber.Text(16)
	list.ok(CheckSignature, "the timestamp was made with the key of the authority's certificate")
}

// tokenSub gives the standard's word for what is wrong with a token.
func tokenSub(err error) validation.SubIndication {
	switch tsp.ReasonOf(err) {
	case tsp.ReasonImprint, tsp.ReasonContent:
		return validation.HashFailure
	case tsp.ReasonSignature:
		return validation.CryptoFailure
	case tsp.ReasonNoSigner, tsp.ReasonBinding:
		return validation.NoSigner
	case tsp.ReasonUsage, tsp.ReasonKey:
		return validation.ChainConstraints
	case tsp.ReasonExpired:
		return validation.OutOfBoundsNoPOE
	}
	return validation.FormatFailure
}

// certificates are those from the file's signatures and from elsewhere.
func (v *verifier) certificates() []*x509.Certificate {
	list := v.opts.Certificates[:len(v.opts.Certificates):len(v.opts.Certificates)]
	for _, f := range v.found {
		if f.cms != nil {
			list = append(list, f.cms.Certificates...)
		}
	}
	return list
}

// judgeTimestamp judges a document timestamp at the time for which it is proven,
// which is that of a newer timestamp over it, or the time of the validation.
func (v *verifier) judgeTimestamp(j *validation.Judge, f, above *found) {
	at := j.POE.Of(f.value)
	r := j.Certificate(f.cert, trust.Stamping, at, at.Before(j.Now))
	f.report.Chain = chainReport(r)
	if r.Problem == nil {
		r.Problem = weakToken(j, f.token, f.cert, at)
	}
	switch {
	case r.Problem != nil:
		f.failed(r.Problem)
	case f.token.Time.After(j.Now.Add(maxSkew)):
		f.checks.failAs(CheckTimestamp, validation.TimestampOrder, "the timestamp is from the future, "+moment(f.token.Time))
	case above != nil && f.token.Time.After(above.token.Time.Add(maxSkew)):
		f.checks.failAs(CheckTimestamp, validation.TimestampOrder, fmt.Sprintf("the timestamp says %s, but a later one over it says %s", moment(f.token.Time), moment(above.token.Time)))
	default:
		f.passed = true
		f.checks.ok(CheckTimestamp, fmt.Sprintf("everything before it is proven to have been there on %s", moment(f.token.Time)))
		f.chainPassed(r, at)
	}
}

// maxSkew is how far clocks of authorities may be apart.
const maxSkew = 5 * time.Minute

func moment(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

func weakToken(j *validation.Judge, t *tsp.Token, signer *x509.Certificate, at time.Time) *validation.Problem {
	if p := validation.Reliable(signer.PublicKey, t.SignedWith(), at, j.Now, "the timestamp"); p != nil {
		return p
	}
	return validation.Reliable(nil, t.Hash, at, j.Now, "the timestamp's digest of the document")
}

// prove notes what a document timestamp proves: everything that stood under it.
func (v *verifier) prove(j *validation.Judge, by *found, store *storeOf) {
	at := by.token.Time
	for _, f := range v.found {
		if f == by || f.revision < 0 || f.revision >= by.revision || f.value == nil {
			continue
		}
		j.POE.Prove(f.value, at)
		switch {
		case f.cms != nil:
			proveSignature(j, f.cms, at)
		case f.token != nil:
			proveCertificates(j, f.token.Certificates, at)
			proveRevocations(j, f.token, at)
		}
	}
	for _, list := range [3][]kept{store.certs, store.ocsps, store.crls} {
		for _, k := range list {
			if k.revision <= by.revision {
				j.POE.Prove(k.der, at)
			}
		}
	}
}

func proveSignature(j *validation.Judge, s *cms.Signature, at time.Time) {
	proveCertificates(j, s.Certificates, at)
	proveRevocations(j, s, at)
	tokens, err := s.Timestamps()
	if err != nil {
		return // no token is read then
	}
	for _, der := range tokens {
		j.POE.Prove(der, at)
		if t, err := tsp.ParseAny(der); err == nil {
			proveCertificates(j, t.Certificates, at)
			proveRevocations(j, t, at)
		}
	}
}

func proveCertificates(j *validation.Judge, list []*x509.Certificate, at time.Time) {
	for _, c := range list {
		j.POE.Prove(c.Raw, at)
	}
}

func proveRevocations(j *validation.Judge, of interface {
	Revocations() (ocsps, crls [][]byte)
}, at time.Time) {
	ocsps, crls := of.Revocations()
	for _, der := range append(ocsps, crls...) {
		j.POE.Prove(der, at)
	}
}
