package work

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/failpoint"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// Letter is a message to one person, before it is put into words.
type Letter struct {
	Message   string // one of the Mail… constants
	ID        string // stable per entry and person, so that repeats can be told
	To        string
	Name      string // of the person, where known
	Sender    string // who asks
	Subject   string // what it is about: the envelope's subject or the document's title
	Note      string // the sender's own words, or a reason
	Link      string // the one link
	Pages     int
	ExpiresAt string // in words, "" where nothing expires
	Digest    string // SHA-256 of the sealed PDF, for completed
	Check     string // where it stands how a sealed PDF is checked, for completed
}

// Postman puts a letter into words and sends it. Implemented over internal/mail.
// Faults: Unavailable where sending may succeed later; Invalid where the address
// or the message is refused for good.
type Postman interface {
	Deliver(ctx context.Context, l Letter) error
	// Configured tells whether letters leave the house at all.
	Configured() bool
}

// MailWorker tells people about journal entries.
type MailWorker struct {
	river.WorkerDefaults[MailArgs]
	Service *service.Service
	Postman Postman
	// VerifyURL is where it stands how a sealed PDF is checked.
	VerifyURL string
	Tracer    Tracer
	Meter     Meter
	Log       *slog.Logger
}

// Work implements river.Worker.
func (w *MailWorker) Work(ctx context.Context, job *river.Job[MailArgs]) (err error) {
	ctx, end := w.Tracer.Job(ctx, job.Args.Trace, "mail "+job.Args.Message)
	defer func() { end(err) }()
	letters, err := w.letters(ctx, job.Args)
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.Gone || k == fault.Conflict && fault.CodeOf(err) != "stale") {
		return nil // it was voided, signed or deleted meanwhile: nothing to tell
	}
	if err != nil {
		return err
	}
	var before struct {
		Delivered []string `json:"delivered"`
	}
	if err := json.Unmarshal(job.Metadata, &before); err != nil && len(job.Metadata) > 0 {
		return err
	}
	delivered, err := w.deliver(ctx, letters, before.Delivered)
	if err == nil {
		if len(delivered) > 0 {
			w.noteDone(ctx, job)
		}
		return nil
	}
	w.Meter.Retry("mail")
	if len(delivered) > 0 {
		if noted := river.MetadataSet(ctx, deliveredKey, delivered); noted != nil {
			w.Log.Warn("who has a message already was not noted; they may receive it again", "event", job.Args.EventID, "error", noted)
		}
	}
	return err
}

// noteDone ends the job at once. The queue by itself notes ends in batches, up to
// a quarter of a second later, and would send everything again if the process
// died before that.
func (w *MailWorker) noteDone(ctx context.Context, job *river.Job[MailArgs]) {
	err := w.Service.Store.Write(ctx, func(ctx context.Context, tx service.Tx) error { return completeJob(ctx, tx, job) })
	if err != nil {
		w.Log.Warn("that a message went out was not noted at once; the queue notes it later", "event", job.Args.EventID, "error", err)
	}
}

// deliveredKey is where a job that has to be repeated keeps the ids of the
// letters that have gone out, so that nobody receives one again because another
// person's mailbox was full.
const deliveredKey = "delivered"

// deliver sends the letters that have not gone out before, each whatever becomes
// of the others. It returns the ids of all that have gone out, and why the rest
// has to be tried again.
func (w *MailWorker) deliver(ctx context.Context, letters []Letter, before []string) (delivered []string, failed error) {
	delivered = slices.Clone(before)
	for _, l := range letters {
		if !strings.Contains(l.To, "@") || slices.Contains(delivered, l.ID) {
			continue // a user id is told in the inbox only
		}
		if !w.Postman.Configured() {
			w.show(l)
			continue
		}
		err := w.send(ctx, l)
		switch {
		case err == nil:
			delivered = append(delivered, l.ID)
		case fault.KindOf(err) == fault.Invalid:
			w.Log.Warn("a message was refused for good", "message", l.Message, "letter", l.ID, "error", err)
		default:
			failed = errors.Join(failed, err)
		}
	}
	return delivered, failed
}

// send hands one letter to the postman.
func (w *MailWorker) send(ctx context.Context, l Letter) error {
	if err := failpoint.Hit(failpoint.MailBefore); err != nil {
		return err
	}
	if err := w.Postman.Deliver(ctx, l); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.MailAfter)
}

// show writes what would have been sent to the log, so that a first trial works
// without a mail server.
func (w *MailWorker) show(l Letter) {
	w.Log.Info("no mail server is configured; this would have been sent", "message", l.Message, "to", l.To, "subject", l.Subject, "link", l.Link)
}

func (w *MailWorker) letters(ctx context.Context, args MailArgs) ([]Letter, error) {
	call := service.SystemCall(args.Org, "mail", args.Trace)
	switch args.Message {
	case MailTask:
		return w.taskLetter(ctx, call.Actor, args)
	case MailAttention:
		return w.attentionLetter(ctx, call.Actor, args)
	case MailRequest, MailReminder:
		return w.requestLetter(ctx, call, args)
	case MailCompleted:
		return w.completedLetters(ctx, call, args)
	case MailDeclined:
		return w.declinedLetter(ctx, call.Actor, args)
	case MailInvitation:
		return w.linkLetter(ctx, call, args, people.ToJoin)
	case MailLogin:
		return w.linkLetter(ctx, call, args, people.ToLogIn)
	}
	return nil, fault.New(fault.Internal, "internal", "There is no message %q.", args.Message)
}

func (w *MailWorker) taskLetter(ctx context.Context, a access.Actor, args MailArgs) ([]Letter, error) {
	t, err := w.Service.Task(ctx, a, args.TaskID)
	if err != nil || t.State != approval.Open {
		return nil, err // decided, or not needed, before the message could go out
	}
	d, err := w.Service.Document(ctx, a, t.DocumentID)
	if err != nil {
		return nil, err
	}
	return []Letter{{Message: args.Message, ID: args.EventID, To: t.Assignee, Sender: d.CreatedBy, Subject: d.Title, Pages: d.Pages,
		Link: w.Service.PublicURL + "/v1/tasks/" + t.ID}}, nil
}

func (w *MailWorker) attentionLetter(ctx context.Context, a access.Actor, args MailArgs) ([]Letter, error) {
	d, err := w.Service.Document(ctx, a, args.DocumentID)
	if err != nil {
		return nil, err
	}
	return []Letter{{Message: args.Message, ID: args.EventID, To: d.CreatedBy, Subject: d.Title, Note: d.Processing.Reason,
		Link: w.Service.PublicURL + "/v1/documents/" + d.ID}}, nil
}

// requestLetter asks a recipient to sign, with a link made for this letter.
func (w *MailWorker) requestLetter(ctx context.Context, call service.Call, args MailArgs) ([]Letter, error) {
	e, err := w.Service.Envelope(ctx, call.Actor, args.EnvelopeID)
	if err != nil {
		return nil, err
	}
	link, err := w.Service.NewLink(ctx, call, e.ID, args.RecipientID, "email")
	if err != nil {
		return nil, err
	}
	r := e.Recipient(args.RecipientID)
	d, err := w.Service.Document(ctx, call.Actor, e.DocumentID)
	if err != nil {
		return nil, err
	}
	return []Letter{{Message: args.Message, ID: args.EventID, To: r.Email, Name: r.Name, Sender: e.SenderID, Subject: e.Subject, Note: e.Message,
		Link: link.Value.URL, Pages: d.Pages, ExpiresAt: link.Value.ExpiresAt.Format("2 January 2006")}}, nil
}

// completedLetters gives every signer, and the sender, the way to the sealed PDF.
func (w *MailWorker) completedLetters(ctx context.Context, call service.Call, args MailArgs) ([]Letter, error) {
	e, err := w.Service.Envelope(ctx, call.Actor, args.EnvelopeID)
	if err != nil {
		return nil, err
	}
	v, content, err := w.Service.Content(ctx, call.Actor, e.DocumentID, e.SealedVersion)
	if err != nil {
		return nil, err
	}
	content.Close()
	letter := Letter{Message: args.Message, Sender: e.SenderID, Subject: e.Subject, Digest: v.SHA256, Check: w.VerifyURL, Pages: v.Pages}
	var out []Letter
	for i := range e.Recipients {
		l := letter
		r := &e.Recipients[i]
		l.ID, l.To, l.Name = args.EventID+"."+r.ID, r.Email, r.Name
		if l.Link, err = w.viewLink(ctx, call, &e, r); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	letter.ID, letter.To = args.EventID, e.SenderID
	letter.Link = w.Service.PublicURL + "/v1/documents/" + e.DocumentID + "/content"
	return append(out, letter), nil
}

func (w *MailWorker) viewLink(ctx context.Context, call service.Call, e *signing.Envelope, r *signing.Recipient) (string, error) {
	link, err := w.Service.NewViewLink(ctx, call, e.ID, r.ID)
	return link.Value.URL, err
}

func (w *MailWorker) declinedLetter(ctx context.Context, a access.Actor, args MailArgs) ([]Letter, error) {
	e, err := w.Service.Envelope(ctx, a, args.EnvelopeID)
	if err != nil {
		return nil, err
	}
	r := e.Recipient(args.RecipientID)
	if r == nil {
		return nil, access.NotFound()
	}
	return []Letter{{Message: args.Message, ID: args.EventID, To: e.SenderID, Name: r.Name, Sender: r.Email, Subject: e.Subject, Note: r.Reason,
		Link: w.Service.PublicURL + "/v1/envelopes/" + e.ID}}, nil
}

// linkLetter brings a user the link by which to get in, made for this letter.
func (w *MailWorker) linkLetter(ctx context.Context, call service.Call, args MailArgs, purpose people.Purpose) ([]Letter, error) {
	link, err := w.Service.NewestLink(ctx, call, args.UserID, purpose)
	if err != nil {
		return nil, err
	}
	expires := link.ExpiresAt.Format("2 January 2006, 15:04 MST")
	return []Letter{{Message: args.Message, ID: args.EventID, To: link.To, Name: link.Name, Sender: link.By, Subject: hostOf(w.Service.PublicURL), Link: link.URL, ExpiresAt: expires}}, nil
}

// hostOf names this server as people see it in their browsers.
func hostOf(address string) string {
	_, host, _ := strings.Cut(address, "://")
	return host
}
