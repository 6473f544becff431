package pades

import (
	"context"
	"crypto"
	"errors"
	"io"
)

// ErrUnsigned: the file carries no signature that could be protected.
var ErrUnsigned = errors.New("the file carries no signature")

// UpgradeOptions say how far the signatures of a file are to be protected.
type UpgradeOptions struct {
	Protect  Protect
	Password string // opens an encrypted file
	// Renew adds a timestamp, with evidence for the one before, although the
	// level is reached already: StandingOf tells when it is time for that.
	Renew bool
}

// Upgrade copies a signed file, whoever signed it, and adds the revisions that
// bring all its signatures to a level: a document timestamp for B-T, evidence
// for B-LT, another document timestamp for B-LTA. What is there already is not
// added again. A timestamp authority or a responder that fails ends the work
// without an error: what could be added is, and the Result says what is missing.
// Nothing is judged: an invalid signature stays one.
func Upgrade(ctx context.Context, in io.ReaderAt, size int64, out io.Writer, opts UpgradeOptions) (Result, error) {
	if err := opts.Protect.check(); err != nil {
		return Result{}, err
	}
	f, err := open(in, size, opts.Password)
	if err != nil {
		return Result{}, err
	}
	found, err := surveyOf(f)
	if err != nil {
		return Result{}, err
	}
	g := guard{output: newOutput(ctx, in, size, out, opts.Password), protect: opts.Protect}
	if _, err := g.copy(crypto.SHA256); err != nil {
		return Result{}, err
	}
	g.subjects = found.subjects()
	standing := found.standing()
	g.Level, g.Stamped = standing.Level, standing.Stamped
	if err := g.raise(opts.Renew); err != nil {
		return Result{}, err
	}
	return Result{Size: g.total(), SHA256: g.sum(), Protection: g.Protection}, nil
}

// raise brings the file to the level that is wanted, from the one it has.
func (g *guard) raise(renew bool) error {
	want := g.protect.Level
	if want <= g.Level && !(renew && want == BLTA) {
		return nil
	}
	if g.Level < BT {
		if err := g.addTimestamp(); err != nil || g.Delayed != nil {
			return err
		}
		g.Level = BT
	}
	had := g.Level
	if err := g.preserve(); err != nil {
		return err
	}
	g.Level = max(g.Level, had)
	return nil
}
