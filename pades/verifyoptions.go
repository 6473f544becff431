package pades

import (
	"context"
	"crypto/x509"
	"image"
	"io"
	"time"

	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/validation"
)

// Policy says what may follow a signature.
type Policy int

// The policies. Both allow validation data (DSS) and document timestamps.
const (
	// AllowSignatures lets further signatures follow, and what a certification allows.
	AllowSignatures Policy = iota
	// Sealed lets nothing else follow the last signature, which is the seal, and
	// takes every doubt for a refusal: a seal by anybody else than Trust names is
	// invalid, not only unknown. Trust should hold nothing but the sealing authority.
	Sealed
)

// Renderer draws pages, as a reader shows them.
type Renderer interface {
	// Render draws a page, counted from 0, of the file that in's first size bytes
	// are, at about 72 pixels to the inch, on white. Password opens it.
	Render(ctx context.Context, in io.ReaderAt, size int64, password string, page int) (*image.Gray, error)
}

// VerifyOptions say whom to trust, what to allow, and what there is to help.
type VerifyOptions struct {
	Trust    trust.Source // nil leaves the certificates unchecked: never valid
	Policy   Policy
	Password string    // opens an encrypted file
	Time     time.Time // for which is judged; zero: now

	Certificates []*x509.Certificate  // that may belong to a path
	Evidence     *revocation.Evidence // answers and certificates from elsewhere
	Fetch        validation.Fetcher   // gets what is missing; nil: nothing is fetched
	Renderer     Renderer             // nil: pages cannot be compared as they are seen

	// RequireRevocation demands an answer also about certificates that name nobody
	// who would give one.
	RequireRevocation bool
}
