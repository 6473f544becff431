package tsp

import (
	"crypto"
	"crypto/rand"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/paraph/paraph/pades/internal/cms"
)

// Request is a TimeStampReq (RFC 3161, 2.4.1).
type Request struct {
	Hash         crypto.Hash // SHA-256, SHA-384 or SHA-512
	Digest       []byte
	Policy       string   // dotted object identifier; "" leaves it to the authority
	Nonce        *big.Int // nil: none
	Certificates bool     // the token shall carry the signer's certificates
}

// nonceSize is the length of a nonce, in bytes.
const nonceSize = 16

// NewRequest makes a request with a random nonce for a token with certificates.
// random is crypto/rand.Reader where it is nil.
func NewRequest(h crypto.Hash, digest []byte, policy string, random io.Reader) (*Request, error) {
	if random == nil {
		random = rand.Reader
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	r := &Request{Hash: h, Digest: digest, Policy: policy, Nonce: new(big.Int).SetBytes(nonce), Certificates: true}
	_, err := r.Marshal()
	return r, err
}

// Marshal gives the request in DER. ReasonAlgorithm, ReasonImprint and
// ReasonPolicy say what cannot be asked for.
func (r *Request) Marshal() ([]byte, error) {
	if !cms.Allowed(r.Hash) {
		return nil, refuse(ReasonAlgorithm, "the digest %v is none of SHA-256, SHA-384 and SHA-512", r.Hash)
	}
	if len(r.Digest) != r.Hash.Size() {
		return nil, refuse(ReasonImprint, "a digest of %d bytes is none of %v", len(r.Digest), r.Hash)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		addImprint(b, r.Hash, r.Digest)
		if r.Policy != "" {
			addOID(b, r.Policy)
		}
		if r.Nonce != nil {
			b.AddASN1BigInt(r.Nonce)
		}
		if r.Certificates {
			b.AddASN1Boolean(true)
		}
	})
	return b.Bytes()
}

// ParseRequest reads a request strictly. ReasonTooLarge, ReasonMalformed,
// ReasonVersion, ReasonAlgorithm or ReasonExtension say why it is refused.
func ParseRequest(der []byte) (*Request, error) {
	if len(der) > MaxRequest {
		return nil, refuse(ReasonTooLarge, "a request has at most %d bytes", MaxRequest)
	}
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	var version int64
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1Integer(&version) {
		return nil, malformed("this is no time stamp request in DER")
	}
	if version != 1 {
		return nil, refuse(ReasonVersion, "the request has version %d instead of 1", version)
	}
	r := &Request{}
	var err error
	if r.Hash, r.Digest, err = readImprint(&seq, false); err != nil {
		return nil, err
	}
	ok := true
	if seq.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) {
		if r.Policy, ok = readOID(&seq); !ok {
			return nil, malformed("the policy")
		}
	}
	if r.Nonce, ok = readOptionalInteger(&seq); !ok {
		return nil, malformed("the nonce")
	}
	if r.Certificates, ok = readFlag(&seq); !ok {
		return nil, malformed("the flag certReq")
	}
	if seq.PeekASN1Tag(tag0) {
		return nil, refuse(ReasonExtension, "the request has an extension that is not known")
	}
	if !seq.Empty() {
		return nil, malformed("something follows the request's fields")
	}
	return r, nil
}

// matches tells whether a token has what was asked for.
func (r *Request) matches(info *Info) error {
	switch {
	case r.Hash != info.Hash || string(r.Digest) != string(info.Digest):
		return refuse(ReasonImprint, "the token is over another digest than was sent")
	case !sameInteger(r.Nonce, info.Nonce):
		return refuse(ReasonNonce, "the token does not carry the nonce that was sent: it answers another request")
	case r.Policy != "" && r.Policy != info.Policy:
		return refuse(ReasonPolicy, "the token is under the policy %s instead of %s", info.Policy, r.Policy)
	}
	return nil
}
