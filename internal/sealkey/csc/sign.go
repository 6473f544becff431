package csc

import (
	"context"
	"crypto"
	"crypto/rsa"
	stdasn1 "encoding/asn1"
	"encoding/base64"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/internal/sealkey"
)

// Object identifiers as the API writes them.
const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidPSS = "1.2.840.113549.1.1.10"
	oidEC  = "1.2.840.10045.2.1"
)

var (
	hashOIDs  = map[crypto.Hash]string{crypto.SHA256: "2.16.840.1.101.3.4.2.1", crypto.SHA384: "2.16.840.1.101.3.4.2.2", crypto.SHA512: "2.16.840.1.101.3.4.2.3"}
	rsaOIDs   = map[crypto.Hash]string{crypto.SHA256: "1.2.840.113549.1.1.11", crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13"}
	ecdsaOIDs = map[crypto.Hash]string{crypto.SHA256: "1.2.840.10045.4.3.2", crypto.SHA384: "1.2.840.10045.4.3.3", crypto.SHA512: "1.2.840.10045.4.3.4"}
)

// transaction is an authorisation for more than one signature.
type transaction struct {
	sad   string
	left  int // signatures that it allows still
	until time.Time
}

// algorithm is how a signature is asked for (11.10).
type algorithm struct {
	sign, params, hash string
}

// algorithmFor chooses what the key offers for a signature.
func (c *Credential) algorithmFor(opts crypto.SignerOpts) (a algorithm, err error) {
	h := opts.HashFunc()
	if a.hash = hashOIDs[h]; a.hash == "" {
		return a, c.fail(sealkey.Unfit, "digests by %v are not signed", h)
	}
	offered := c.info.Key.Algo
	pss, isPSS := opts.(*rsa.PSSOptions)
	choices := []string{rsaOIDs[h], oidRSA}
	if isPSS {
		choices = []string{oidPSS}
	} else if !slices.Contains(offered, rsaOIDs[h]) && !slices.Contains(offered, oidRSA) {
		choices = []string{ecdsaOIDs[h], oidEC}
	}
	for _, oid := range choices {
		if slices.Contains(offered, oid) {
			a.sign = oid
			if isPSS {
				a.params = base64.StdEncoding.EncodeToString(pssParameters(h, pss))
			}
			return a, nil
		}
	}
	return a, c.fail(sealkey.Unfit, "the key offers no signature with %v, but %v", h, offered)
}

// pssParameters is RSASSA-PSS-params (RFC 4055, 3.1).
func pssParameters(h crypto.Hash, o *rsa.PSSOptions) []byte {
	salt := o.SaltLength
	if salt == rsa.PSSSaltLengthEqualsHash || salt == rsa.PSSSaltLengthAuto {
		salt = h.Size()
	}
	var digest stdasn1.ObjectIdentifier
	switch h {
	case crypto.SHA384:
		digest = stdasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	case crypto.SHA512:
		digest = stdasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	default:
		digest = stdasn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	}
	hash := func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(digest); b.AddASN1NULL() })
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).Constructed().ContextSpecific(), hash)
		b.AddASN1(asn1.Tag(1).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(stdasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}) // MGF1
				hash(b)
			})
		})
		b.AddASN1(asn1.Tag(2).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(salt)) })
	})
	return b.BytesOrPanic()
}

// SignDigest implements sealkey.Keeper. One signature is made at a time: each
// authorisation is for one digest, and some services end a transaction when the
// next begins.
func (c *Credential) SignDigest(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	a, err := c.algorithmFor(opts)
	if err != nil {
		return nil, err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, c.fail(sealkey.Unreachable, "the signatures before this one took too long: %w", ctx.Err())
	}
	hash := base64.StdEncoding.EncodeToString(digest)
	sad, extended, err := c.authorised(ctx, hash, a)
	if err != nil {
		return nil, err
	}
	signature, err := c.signHash(ctx, hash, a, sad)
	if extended && sealkey.ReasonOf(err) == sealkey.Refused { // the transaction may have ended over there
		if sad, err = c.authorise(ctx, hash, a); err != nil {
			return nil, err
		}
		return c.signHash(ctx, hash, a, sad)
	}
	return signature, err
}

// authorised gives the signature activation data for a digest: those of the open
// transaction, extended to this digest, or of a new one.
func (c *Credential) authorised(ctx context.Context, hash string, a algorithm) (sad string, extended bool, err error) {
	if t := &c.transaction; t.left > 0 && c.conf.Now().Before(t.until) {
		sad, err = c.extend(ctx, hash, a)
		if err == nil {
			return sad, true, nil
		}
		if sealkey.ReasonOf(err) != sealkey.Refused {
			return "", false, err
		}
	}
	sad, err = c.authorise(ctx, hash, a)
	return sad, false, err
}

// authData is one value of an explicit authorisation.
type authData struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// authorising is what credentials/authorize and credentials/extendTransaction take,
// in the words of either version of the API.
type authorising struct {
	CredentialID  string     `json:"credentialID"`
	SAD           string     `json:"SAD,omitempty"`
	NumSignatures int        `json:"numSignatures,omitempty"`
	Hashes        []string   `json:"hashes,omitempty"`
	HashAlgorithm string     `json:"hashAlgorithmOID,omitempty"`
	AuthData      []authData `json:"authData,omitempty"`

	Hash []string `json:"hash,omitempty"` // 1.0.4
	PIN  string   `json:"PIN,omitempty"`  // 1.0.4
}

type authorisation struct {
	SAD     string `json:"SAD"`
	Seconds int64  `json:"expiresIn"`
}

// authorise opens a transaction (11.6), bound to the digest: SCAL 2 demands that,
// and under SCAL 1 it does no harm.
func (c *Credential) authorise(ctx context.Context, hash string, a algorithm) (string, error) {
	c.transaction = transaction{}
	in := authorising{CredentialID: c.conf.Credential, NumSignatures: 1}
	if slices.Contains(c.service.Methods, "credentials/extendTransaction") {
		in.NumSignatures = max(1, min(c.conf.Batch, c.info.Multisign))
	}
	c.bind(&in, hash, a)
	if c.info.Auth.Mode == "explicit" && c.first {
		in.PIN = c.conf.AuthData["PIN"]
	} else if c.info.Auth.Mode == "explicit" {
		for _, o := range c.info.Auth.Objects {
			in.AuthData = append(in.AuthData, authData{o.ID, c.conf.AuthData[o.ID]})
		}
	}
	var out authorisation
	if err := c.call(ctx, "credentials/authorize", in, &out); err != nil {
		return "", err
	}
	return c.opened(out, in.NumSignatures)
}

// extend gets new activation data for the digest in the open transaction (11.9).
func (c *Credential) extend(ctx context.Context, hash string, a algorithm) (string, error) {
	in := authorising{CredentialID: c.conf.Credential, SAD: c.transaction.sad}
	c.bind(&in, hash, a)
	var out authorisation
	if err := c.call(ctx, "credentials/extendTransaction", in, &out); err != nil {
		return "", err
	}
	return c.opened(out, c.transaction.left)
}

// bind puts the digest into a request.
func (c *Credential) bind(in *authorising, hash string, a algorithm) {
	if c.first {
		in.Hash = []string{hash}
		return
	}
	in.Hashes, in.HashAlgorithm = []string{hash}, a.hash
}

// opened notes the transaction, of which one signature is made now.
func (c *Credential) opened(out authorisation, signatures int) (string, error) {
	if out.SAD == "" {
		return "", c.fail(sealkey.Malformed, "the authorisation holds no activation data")
	}
	life := time.Duration(out.Seconds) * time.Second
	if life <= 0 {
		life = defaultLife
	}
	c.transaction = transaction{out.SAD, signatures - 1, c.conf.Now().Add(life - min(tokenMargin, life/2))}
	return out.SAD, nil
}

// signHash has the digest signed (11.10), synchronously.
func (c *Credential) signHash(ctx context.Context, hash string, a algorithm, sad string) ([]byte, error) {
	in := struct {
		CredentialID  string   `json:"credentialID"`
		SAD           string   `json:"SAD"`
		Hashes        []string `json:"hashes,omitempty"`
		HashAlgorithm string   `json:"hashAlgorithmOID,omitempty"`
		SignAlgo      string   `json:"signAlgo"`
		SignParams    string   `json:"signAlgoParams,omitempty"`

		Hash     []string `json:"hash,omitempty"`     // 1.0.4
		HashAlgo string   `json:"hashAlgo,omitempty"` // 1.0.4
	}{CredentialID: c.conf.Credential, SAD: sad, SignAlgo: a.sign, SignParams: a.params}
	if c.first {
		in.Hash, in.HashAlgo = []string{hash}, a.hash
	} else {
		in.Hashes, in.HashAlgorithm = []string{hash}, a.hash
	}
	var out struct {
		Signatures []string `json:"signatures"`
		ResponseID string   `json:"responseID"`
	}
	if err := c.call(ctx, "signatures/signHash", in, &out); err != nil {
		return nil, err
	}
	if len(out.Signatures) != 1 {
		return nil, c.fail(sealkey.Malformed, "one digest was signed with %d signatures", len(out.Signatures))
	}
	signature, err := base64.StdEncoding.DecodeString(out.Signatures[0])
	if err != nil {
		return nil, c.fail(sealkey.Malformed, "the signature is not base64")
	}
	return signature, nil
}
