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
	// ErrFieldExists: the form already has a field of the wanted name that is no empty signature field.
	ErrFieldExists = errors.New("the form already has a field of this name that cannot be signed")
	// ErrLocked: an earlier signature locks the field.
	ErrLocked = errors.New("an earlier signature locks this field")
	// ErrSeedValue: the field's author demands something of its signature that is not met; a *SeedValueError says what.
	ErrSeedValue = errors.New("the signature field demands something else")
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

	// Field is the full name of the signature field: an empty one of the form is
	// filled, keeping to its seed values and its lock; otherwise one is added.
	// The empty name adds a field with a free name.
	Field   string
	Certify int   // DocMDP level 1 to 3 of a certification signature; 0 is an approval signature
	Lock    *Lock // fields that this signature locks, where the field is new

	// Visible is the appearance of the signature field; nil leaves it without
	// one. A field of the form keeps its page and place; the mark is drawn in its size.
	Visible *mark.Mark
	// Marks are drawn as page content in the same revision. A file that
	// carries a signature refuses them with ErrSignedContent, since changed
	// pages would break that signature.
	Marks []mark.Mark
	// Fonts are asked for characters that the built-in faces lack.
	Fonts []*pdffont.Face

	// Reserve is room in bytes beyond what is computed, for unsigned attributes
	// that are put into the signature later. The room for a timestamp that
	// Protect asks for need not be counted in.
	Reserve int

	Password string  // opens an encrypted file
	Protect  Protect // how far the signature is protected, and by what
}

// check refuses what contradicts itself, before the file is read, and gives
// what the key decides.
func (o *Options) check() (cms.Template, error) {
	t, err := o.template()
	if err != nil {
		return t, err
	}
	return t, o.checkRest()
}

func (o *Options) checkRest() error {
	if o.Time.IsZero() {
		return fmt.Errorf("%w: the time of signing is missing", ErrOptions)
	}
	if o.Certify < 0 || o.Certify > 3 {
		return fmt.Errorf("%w: there is no DocMDP level %d", ErrOptions, o.Certify)
	}
	if o.Reserve < 0 || o.Reserve > 1<<20 {
		return fmt.Errorf("%w: %d bytes cannot be reserved", ErrOptions, o.Reserve)
	}
	if o.Lock != nil {
		if err := o.Lock.check(); err != nil {
			return err
		}
	}
	return o.Protect.check()
}

// template fills in what the key decides.
func (o *Options) template() (cms.Template, error) {
	t, err := cms.NewTemplate(o.Chain, o.Hash, o.PSS)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return t, err
}
