package pades

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/paraph/paraph/pades/internal/cms"
	"github.com/paraph/paraph/pades/mark"
	"github.com/paraph/paraph/pades/pdffont"
)

// Refusals to sign; those of the file itself are errors of package pdffile,
// those of a visible mark are mark.ErrMark.
var (
	// ErrNoChanges: a certification signature with DocMDP level 1 allows no further signature.
	ErrNoChanges = errors.New("the document is certified and allows no changes, not even a signature")
	// ErrSignedContent: page content of a file that carries a signature must not change.
	ErrSignedContent = errors.New("the document carries a signature; its pages must not be stamped any more")
	// ErrCertifyLate: only the first signature of a document can certify it.
	ErrCertifyLate = errors.New("a document that carries a signature cannot be certified any more")
	// ErrFieldExists: the form already has a field of the wanted name.
	ErrFieldExists = errors.New("the form already has a field of this name")
	// ErrOptions: the options contradict each other or lack something.
	ErrOptions = errors.New("unusable options")
	// ErrSignature: a signature from elsewhere does not fit what was prepared.
	ErrSignature = errors.New("the signature does not fit the prepared document")
)

// Options say how to sign. Chain and Time are required.
type Options struct {
	Chain []*x509.Certificate // the signer's certificate first, then its issuers
	Time  time.Time           // the claimed time of signing, /M

	Hash crypto.Hash // SHA-256, -384 or -512; 0 chooses by the key
	PSS  bool        // RSA keys sign with PSS instead of PKCS#1 v1.5

	Name, Reason, Location, Contact string // entries of the signature dictionary; empty is left out

	Field   string // name of the new signature field; empty makes a free one
	Certify int    // DocMDP level 1 to 3 of a certification signature; 0 is an approval signature

	// Visible is the appearance of the signature field; nil is an invisible field.
	Visible *mark.Mark
	// Marks are drawn as page content in the same revision. A file that
	// carries a signature refuses them with ErrSignedContent, since changed
	// pages would break that signature.
	Marks []mark.Mark
	// Fonts are asked for characters that the built-in faces lack.
	Fonts []*pdffont.Face

	// Reserve is room in bytes for unsigned attributes, such as a timestamp
	// token, that are put into the signature later.
	Reserve int
}

// template fills in what the key decides.
func (o *Options) template() (cms.Template, error) {
	t, err := cms.NewTemplate(o.Chain, o.Hash, o.PSS)
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if o.Time.IsZero() {
		return t, fmt.Errorf("%w: the time of signing is missing", ErrOptions)
	}
	if o.Certify < 0 || o.Certify > 3 {
		return t, fmt.Errorf("%w: there is no DocMDP level %d", ErrOptions, o.Certify)
	}
	if o.Reserve < 0 || o.Reserve > 1<<20 {
		return t, fmt.Errorf("%w: %d bytes cannot be reserved", ErrOptions, o.Reserve)
	}
	return t, nil
}
