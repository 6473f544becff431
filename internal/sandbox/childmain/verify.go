package childmain

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/engine"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/revocation"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/trust/tsl"
	"github.com/paraph/paraph/pades/validation"
)

// opVerify checks the signatures of a file.
const opVerify = "pades.verify"

// Verification says how the signatures of a file are to be judged.
type Verification struct {
	Roots [][]byte   `json:"roots,omitempty"` // DER of certificates that are trusted
	From  string     `json:"from,omitempty"`  // where those come from, for people
	Trust *trust.Set `json:"trust,omitempty"` // more of them
	Lists *tsl.Set   `json:"lists,omitempty"` // services of trusted lists

	Sealed            bool      `json:"sealed"`
	Time              time.Time `json:"time,omitzero"` // zero: now
	Password          string    `json:"password,omitempty"`
	RequireRevocation bool      `json:"require_revocation,omitempty"`

	Evidence *revocation.Evidence `json:"evidence,omitempty"`
	Draw     bool                 `json:"draw,omitempty"` // whether pages may be drawn to be compared
}

// maxRounds bounds how often a file is verified anew with what was fetched for it.
const maxRounds = 6

// VerifyFile checks every signature of a file. The child has no way out, so what it
// misses is fetched here, where fetch is given, and the file verified again; pages
// are drawn only where that is needed.
func VerifyFile(ctx context.Context, tools *pdf.Tools, file *os.File, order Verification, fetch validation.Fetcher) (*pades.Report, error) {
	if order.Evidence == nil {
		order.Evidence = &revocation.Evidence{}
	}
	var out *pades.Report
	for range maxRounds {
		run := tools.DoPlain
		if order.Draw {
			run = tools.Do
		}
		out = &pades.Report{}
		if err := run(ctx, sandbox.Job{Op: opVerify, Args: order, Files: []*os.File{file}}, out); err != nil {
			return nil, err
		}
		again, err := fetchWanted(ctx, out.Wanted, order.Evidence, fetch)
		if err != nil {
			return nil, err
		}
		if !order.Draw && slices.ContainsFunc(out.NotRun(), func(c pades.Check) bool { return c.Code == pades.CheckVisible }) {
			order.Draw, again = true, true
		}
		if !again {
			break
		}
	}
	return out, nil
}

// fetchWanted gets what a verification missed; more tells whether anything came.
func fetchWanted(ctx context.Context, wanted []pades.Want, into *revocation.Evidence, fetch validation.Fetcher) (more bool, err error) {
	if fetch == nil {
		return false, nil
	}
	before := len(into.Certs) + len(into.OCSPs) + len(into.CRLs)
	for _, w := range wanted {
		cert, err := x509.ParseCertificate(w.Certificate)
		if err != nil {
			return false, err
		}
		if w.Issuer == nil {
			list, err := fetch.Issuers(ctx, cert)
			if err == nil {
				got := &revocation.Evidence{}
				for _, c := range list {
					got.Certs = append(got.Certs, c.Raw)
				}
				into.Merge(got)
			}
			continue
		}
		issuer, err := x509.ParseCertificate(w.Issuer)
		if err != nil {
			return false, err
		}
		if got, err := fetch.Status(ctx, cert, issuer); err == nil {
			into.Merge(got)
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
	return len(into.Certs)+len(into.OCSPs)+len(into.CRLs) > before, nil
}

func verifyFile(documents *engine.Engine) sandbox.Op {
	return sandbox.Handle(func(task *sandbox.Task, order Verification) (*pades.Report, error) {
		if len(task.Files) != 1 {
			return nil, fmt.Errorf("the job needs 1 file, not %d", len(task.Files))
		}
		info, err := task.Files[0].Stat()
		if err != nil {
			return nil, err
		}
		opts := pades.VerifyOptions{Time: order.Time, Password: order.Password, Evidence: order.Evidence, RequireRevocation: order.RequireRevocation}
		var roots []*x509.Certificate
		for _, der := range order.Roots {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			roots = append(roots, cert)
		}
		var sources []trust.Source
		if len(roots) > 0 {
			sources = append(sources, trust.Of(order.From, roots...))
		}
		if order.Trust != nil {
			sources = append(sources, order.Trust)
		}
		if order.Lists != nil {
			sources = append(sources, order.Lists)
		}
		if len(sources) > 0 {
			opts.Trust = trust.Merge(sources...)
		}
		if order.Sealed {
			opts.Policy = pades.Sealed
		}
		if order.Draw {
			opts.Renderer = engine.Drawer{Engine: documents}
		}
		report, err := pades.Verify(context.Background(), task.Files[0], info.Size(), opts)
		if err != nil {
			return nil, errors.Join(errors.New("the file could not be read"), err)
		}
		return report, nil
	})
}
