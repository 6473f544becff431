package work

import (
	"context"
	"crypto"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/tsp"
)

// Protector adds to signed files what protects their signatures: evidence for
// later, and document timestamps; each as a revision behind the bytes that are
// there, and as a version of its own. The files are read in the child, which
// reaches nobody; authorities are asked from here, where no file is read. A document
// in the archive gets an addition to its package.
type Protector struct {
	Service  *service.Service
	Vault    service.Vault
	Tools    *pdf.Tools
	Stamping *Stamping
	Evidence pades.EvidenceSource
	Roots    [][]byte // DER, of the seals made here
	Archiver *Archiver
	Meter    Meter
	Log      *slog.Logger
}

// Handle implements Handler for operations of kind protect.
func (p *Protector) Handle(ctx context.Context, job Job) (err error) {
	in, err := p.Service.ProtectInput(ctx, job.Operation.Org, job.Document.ID)
	if err != nil {
		return err
	}
	files := newFiles(p.Vault, p.Tools, p.Log, &in.Document)
	defer func() { files.done(ctx, err) }()
	if err := p.Stamping.again(ctx); err != nil {
		return err
	}
	var made []service.Protected
	for _, line := range in.Lines {
		if line.DueAt.IsZero() || line.DueAt.After(p.Service.Clock.Now()) {
			continue // an attempt before this one has seen to it
		}
		one, err := p.line(ctx, files, &in, line)
		if err != nil {
			return err
		}
		made = append(made, one)
	}
	if len(made) > 0 {
		if err := failpoint.Hit(failpoint.ProtectStored); err != nil {
			return err
		}
		files.naming()
		if err := p.Service.AddProtection(ctx, job.Call, job.Operation.ID, made); err != nil {
			return err
		}
		files.settled()
		if err := failpoint.Hit(failpoint.ProtectAdded); err != nil {
			return err
		}
	}
	if err := p.finish(ctx, job, files); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.ProtectFinished)
}

// finish ends the operation, after the archive has got what is new.
func (p *Protector) finish(ctx context.Context, job Job, files *Files) error {
	if !job.Document.State.Allows(document.Archive) { // it is there already
		ready, err := p.Service.AwaitEvidence(ctx, job.Operation.Org, job.Document.ID, evidencePatience)
		if err != nil {
			return err
		}
		if !ready {
			return ErrTurnOver
		}
	}
	in, err := p.Service.ProtectInput(ctx, job.Operation.Org, job.Document.ID)
	if err != nil {
		return err
	}
	addition, err := p.Archiver.addition(ctx, files, &in)
	if err != nil {
		return err
	}
	files.naming()
	return p.Service.FinishProtection(ctx, job.Call, job.Operation.ID, addition.row, addition.files, addition.blob)
}

// guarded is a file on its way to a level.
type guarded struct {
	file *os.File
	size int64
	x    *pades.Examination
}

// line brings one line as far as it is wanted and can be had.
func (p *Protector) line(ctx context.Context, files *Files, in *service.ProtectInput, line document.Protection) (service.Protected, error) {
	out := service.Protected{Line: line}
	v := in.Versions[line.Version-1]
	file, err := files.fetch(ctx, in.Blobs[v.No])
	if err != nil {
		return out, err
	}
	g, err := p.look(ctx, file)
	if err != nil {
		return out, protectFault(err)
	}
	before := standingOf(&g.x.Standing)
	out.Standing = before
	renewed, fresh := line.Renew, 0
	for step := range nextSteps(&g, levelOf(line.Wanted), &renewed) {
		next, err := p.step(ctx, files, &g, step, line, before)
		if err != nil {
			if out.Lack = lack(err); out.Lack.Code == "" || ctx.Err() != nil {
				return out, protectFault(err)
			}
			p.Stamping.Meter.ProtectionLacks(out.Lack.Code)
			if out.Lack.Lasting && step == stepPreserve {
				continue // a time stamp is worth having without evidence too
			}
			break
		}
		if next == nil {
			continue // the file has all of it
		}
		g = *next
		one, err := p.keep(ctx, files, &g, v, line)
		if err != nil {
			return out, err
		}
		if out.Made = append(out.Made, one); step == stepStamp {
			fresh = len(out.Made)
		}
	}
	if line.Renew && out.Lack.Code != "" {
		out.Made = out.Made[:fresh] // evidence alone would take the level back
	}
	return out, nil
}

// look reads a file in the child.
func (p *Protector) look(ctx context.Context, file *os.File) (g guarded, err error) {
	info, err := file.Stat()
	if err != nil {
		return g, err
	}
	g = guarded{file: file, size: info.Size()}
	g.x, err = childmain.Examine(ctx, p.Tools, file)
	return g, err
}

// step is one thing that can be added to a file.
type step int

const (
	stepStamp step = iota + 1
	stepPreserve
)

// nextSteps gives what is to be added to a file until it has the level, looking
// at it anew after each; with renew evidence and a further time stamp in any case.
func nextSteps(g *guarded, want pades.Level, renew *bool) func(yield func(step) bool) {
	return func(yield func(step) bool) {
		if *renew && g.x.Level >= pades.BT {
			if want >= pades.BLT && !yield(stepPreserve) {
				return
			}
			if !yield(stepStamp) {
				return
			}
		}
		for _, next := range []struct {
			to   pades.Level
			step step
		}{{pades.BT, stepStamp}, {pades.BLT, stepPreserve}, {pades.BLTA, stepStamp}} {
			if g.x.Level == next.to-1 && want >= next.to && !yield(next.step) {
				return
			}
		}
	}
}

// step adds one revision; nil where the file has what it would hold.
func (p *Protector) step(ctx context.Context, files *Files, g *guarded, step step, line document.Protection, before document.Standing) (*guarded, error) {
	began := time.Now()
	defer func() {
		p.Meter.Step([...]string{stepStamp: "timestamp", stepPreserve: "evidence"}[step], "", time.Since(began))
	}()
	if err := failpoint.Hit(failpoint.ProtectPrepared); err != nil {
		return nil, err
	}
	out, err := files.spool()
	if err != nil {
		return nil, err
	}
	if step == stepPreserve {
		if err := p.preserve(ctx, files, g, out); err != nil {
			return nil, err
		}
	} else {
		prepared, err := childmain.PrepareTimestamp(ctx, p.Tools, g.file, p.Stamping.room())
		if err != nil {
			return nil, err
		}
		from := pades.Stamper(p.Stamping)
		if line.Renew {
			from = renewing{p.Stamping, before.Until}
		}
		if _, err := prepared.Stamp(ctx, g.file, out, from); err != nil {
			return nil, err
		}
		if err := failpoint.Hit(failpoint.ProtectStamped); err != nil {
			return nil, err
		}
	}
	next, err := p.look(ctx, out)
	if err != nil || next.size == g.size {
		return nil, err
	}
	return &next, nil
}

// renewing takes only time stamps that last longer than what is there.
type renewing struct {
	pades.Stamper
	until time.Time
}

// Stamp implements pades.Stamper.
func (r renewing) Stamp(ctx context.Context, h crypto.Hash, digest []byte) (*tsp.Stamp, error) {
	s, err := r.Stamper.Stamp(ctx, h, digest)
	if err == nil && !outlives(s, r.until) {
		return nil, errNoLater
	}
	return s, err
}

// preserve writes the file with the evidence behind it.
func (p *Protector) preserve(ctx context.Context, files *Files, g *guarded, out *os.File) error {
	collected, err := g.x.Collect(ctx, p.Evidence)
	if err != nil {
		return err
	}
	update, err := files.spool()
	if err != nil {
		return err
	}
	if err := childmain.Preserve(ctx, p.Tools, g.file, update, collected); err != nil {
		return err
	}
	if _, err := update.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(g.file, 0, g.size)); err != nil {
		return err
	}
	_, err = io.Copy(out, update)
	return err
}

// keep verifies a file that was added to and stores it.
func (p *Protector) keep(ctx context.Context, files *Files, g *guarded, v document.Version, line document.Protection) (service.Derived, error) {
	made := service.Derived{Kind: document.Protected, Pages: v.Pages, Signatures: v.Signatures, Standing: standingOf(&g.x.Standing)}
	report, err := childmain.VerifyFile(ctx, p.Tools, g.file, childmain.Verification{Roots: p.Roots, Sealed: line.Own, Time: p.Service.Clock.Now()}, nil)
	if err != nil {
		return made, err
	}
	if line.Own {
		if err := unharmed(report); err != nil {
			return made, err
		}
	}
	made.Blob, err = files.keepFile(ctx, g.file)
	return made, err
}

// unharmed tells whether what was added left everything as it was: no signature is
// invalid. One that nobody can judge by now, since its certificate has ended or its
// root is not known here, was not harmed by that.
func unharmed(report *pades.Report) error {
	for i := range report.Signatures {
		if report.Signatures[i].Verdict == pades.Invalid {
			return fault.New(fault.Internal, "seal_unsound", "With what was added the file does not verify: %v", report.Failures())
		}
	}
	for _, c := range report.Checks {
		if c.Status == pades.Failed {
			return fault.New(fault.Internal, "seal_unsound", "With what was added the file does not verify: %s", c.Message)
		}
	}
	return nil
}

// protectFault keeps an error about a file from putting its document aside: what
// is signed and kept stays as it is, and the reason is told.
func protectFault(err error) error {
	if fault.KindOf(err) != fault.Internal || fault.CodeOf(err) != "internal" {
		return err
	}
	return fileFault(err, 1)
}
