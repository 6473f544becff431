package work

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/service"
)

// Codes of a witness' trouble, shown in the log's state.
const (
	codeUnreachable = "witness_unreachable"
	codeUnknownLog  = "witness_unknown_log"
	codeRefuses     = "witness_refuses"
	codeBadAnswer   = "witness_bad_answer"
	// codeContradicts: the witness says that it has seen another log, and cannot
	// show a checkpoint that proves it.
	codeContradicts = "witness_contradicts"
	// codeOutrun: a newer checkpoint of this very log was cosigned meanwhile.
	codeOutrun = "witness_outrun"
)

// witnessTries is how often one asking may be told another size to begin from:
// others may move it meanwhile.
const witnessTries = 4

// ask brings a checkpoint to a witness, beginning from the size it is believed
// to stand at.
func (w *Witnesses) ask(ctx context.Context, p *peer, cp journal.Checkpoint, old int64) outcome {
	sig, err := w.submit(ctx, p.PolicyWitness, cp, old)
	return outcome{peer: p, target: cp, sig: sig, err: err}
}

func (w *Witnesses) submit(ctx context.Context, to journal.PolicyWitness, cp journal.Checkpoint, old int64) (journal.Cosignature, error) {
	for range witnessTries {
		status, body, err := w.add(ctx, to, cp, old)
		if err != nil {
			return journal.Cosignature{}, err
		}
		switch status {
		case http.StatusOK:
			return w.Verifier.Cosigned(cp, body, to.Key)
		case http.StatusConflict:
			size, err := journal.ParseSize(body)
			if err != nil {
				return journal.Cosignature{}, err
			}
			if size == old || size > cp.Head.Size {
				return journal.Cosignature{}, w.confront(ctx, to, cp, size)
			}
			old = size
		case http.StatusUnprocessableEntity:
			return journal.Cosignature{}, w.confront(ctx, to, cp, old)
		case http.StatusNotFound:
			return journal.Cosignature{}, fault.New(fault.Unavailable, codeUnknownLog, "The witness %s does not watch this log. Give its owner the log's key, /.well-known/paraph/log.vkey; or the address is not that of a witness.", to.Name)
		default:
			return journal.Cosignature{}, fault.New(fault.Unavailable, codeRefuses, "The witness %s answered %d: %s", to.Name, status, oneLine(body))
		}
	}
	return journal.Cosignature{}, fault.New(fault.Unavailable, codeBadAnswer, "The witness %s names another size each time it is asked.", to.Name)
}

// add makes one request.
func (w *Witnesses) add(ctx context.Context, to journal.PolicyWitness, cp journal.Checkpoint, old int64) (int, []byte, error) {
	req := journal.AddCheckpoint{Old: old, Checkpoint: cp.Note}
	err := w.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		req.Proof, err = journal.ProveConsistency(old, cp.Head.Size, service.HashesOf(ctx, tx))
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return w.exchange(ctx, to, http.MethodPost, "/add-checkpoint", req.Encode())
}

func (w *Witnesses) exchange(ctx context.Context, to journal.PolicyWitness, method, path string, body []byte) (int, []byte, error) {
	away := func(err error) (int, []byte, error) {
		return 0, nil, fault.Wrap(err, fault.Unavailable, codeUnreachable, "The witness %s cannot be reached at %s.", to.Name, to.URL)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(to.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return away(err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := w.Client.Do(req)
	if err != nil {
		return away(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return away(err)
	}
	return res.StatusCode, answer, nil
}

// confront finds out what it means that a witness contradicts: it says it stands
// at size, or takes no proof. Whoever accuses has to show: where the witness can
// show a checkpoint that our own key has signed and our log does not extend, the
// log was rolled back or rewritten, and everything stops. Where it cannot, that
// is an alarm, but not one by which a witness could stop us.
func (w *Witnesses) confront(ctx context.Context, to journal.PolicyWitness, cp journal.Checkpoint, size int64) error {
	head, err := w.head(ctx)
	if err != nil {
		return err
	}
	if size > cp.Head.Size && size <= head.Size {
		return fault.New(fault.Unavailable, codeOutrun, "The witness %s has cosigned a newer checkpoint already.", to.Name)
	}
	status, body, err := w.exchange(ctx, to, http.MethodGet, "/checkpoint/"+journal.LogID(w.Verifier.Origin()), nil)
	if err != nil {
		return err
	}
	seen, err := w.Verifier.OpenCheckpoint(body)
	if status != http.StatusOK || err != nil {
		return fault.Wrap(err, fault.Unavailable, codeContradicts, "The witness %s stands at %d entries and says that this log of %d does not extend them, but shows no checkpoint of the log's key that proves it. Ask its owner; if they are right, this log was rolled back or rewritten.", to.Name, size, cp.Head.Size)
	}
	return w.weigh(ctx, to, seen)
}

// weigh compares a checkpoint our own key has signed with the log as it is.
func (w *Witnesses) weigh(ctx context.Context, to journal.PolicyWitness, seen journal.Checkpoint) error {
	head, err := w.head(ctx) // read after the witness has spoken: what it can have seen is there
	if err != nil {
		return err
	}
	if seen.Head.Size > head.Size {
		return shown{fault.New(fault.Unavailable, "log_rolled_back", "The log has %d entries, but the witness %s shows a checkpoint over %d with the log's own signature: the database is older than what was vouched for. Restore the newer database. Where there is none, accept the loss with `paraph audit accept-restore`, which gives the log a new name.", head.Size, to.Name, seen.Head.Size), string(seen.Note)}
	}
	var at journal.Head
	err = w.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		at, err = journal.HeadAt(seen.Head.Size, service.HashesOf(ctx, tx))
		return err
	})
	if err != nil {
		return err
	}
	if at.Root != seen.Head.Root {
		return shown{fault.New(fault.Unavailable, "log_forked", "This is not the log that was signed before: the witness %s shows a checkpoint with the log's own signature whose first %d entries are not those of the database. Restore the right database. Where there is none, accept the loss with `paraph audit accept-restore`, which gives the log a new name.", to.Name, seen.Head.Size), string(seen.Note)}
	}
	return fault.New(fault.Unavailable, codeBadAnswer, "The witness %s refuses a checkpoint that extends the one it shows, of %d entries.", to.Name, seen.Head.Size)
}

func (w *Witnesses) head(ctx context.Context) (head service.LogHead, err error) {
	err = w.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		head, err = tx.LogHead(ctx)
		return err
	})
	return head, err
}

// oneLine gives the beginning of a stranger's text, fit for a log.
func oneLine(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), 200)]), "\uFFFD")
	return strings.Join(strings.Fields(text), " ")
}
