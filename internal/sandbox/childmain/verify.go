package childmain

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/pades"
)

// opVerify checks the signatures of a file.
const opVerify = "pades.verify"

type verifyArgs struct {
	Roots  [][]byte `json:"roots"` // DER
	Sealed bool     `json:"sealed"`
}

// VerifyFile checks every signature of a file against the given roots (DER).
// With sealed, nothing but validation data may follow the last signature.
func VerifyFile(ctx context.Context, tools *pdf.Tools, file *os.File, roots [][]byte, sealed bool) (*pades.Report, error) {
	out := &pades.Report{}
	if err := tools.Do(ctx, sandbox.Job{Op: opVerify, Args: verifyArgs{roots, sealed}, Files: []*os.File{file}}, out); err != nil {
		return nil, err
	}
	return out, nil
}

func verifyFile(task *sandbox.Task, args verifyArgs) (*pades.Report, error) {
	if len(task.Files) != 1 {
		return nil, fmt.Errorf("the job needs 1 file, not %d", len(task.Files))
	}
	info, err := task.Files[0].Stat()
	if err != nil {
		return nil, err
	}
	opts := pades.VerifyOptions{Roots: x509.NewCertPool()}
	for _, der := range args.Roots {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		opts.Roots.AddCert(cert)
	}
	if args.Sealed {
		opts.Policy = pades.Sealed
	}
	return pades.Verify(context.Background(), task.Files[0], info.Size(), opts)
}
