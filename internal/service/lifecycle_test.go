package service_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/store/storetest"
)

// bench is the service over a real store, with a vault in memory and no workers:
// the tests play those.
type bench struct {
	t     *testing.T
	clock *clock.Fake
	store *flaky
	vault *memory
	svc   *service.Service
	user  service.Call
	work  service.Call
}

// flaky is a store whose connection can break right after a commit.
type flaky struct {
	*store.Store
	breaks bool
}

func (f *flaky) Write(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	return f.broken(f.Store.Write(ctx, fn))
}

func (f *flaky) Propose(ctx context.Context, fn func(context.Context, service.Tx) error) error {
	return f.broken(f.Store.Propose(ctx, fn))
}

func (f *flaky) broken(err error) error {
	if err == nil && f.breaks {
		return fault.New(fault.Unavailable, "store_unavailable", "The connection broke.")
	}
	return err
}

// memory is a vault that counts what is removed; its objects cannot be read.
type memory struct {
	service.Vault
	mu      sync.Mutex
	removed []string
}

func (m *memory) Put(_ context.Context, at service.Place, r io.Reader) (service.Blob, error) {
	raw, err := io.ReadAll(r)
	sum := sha256.Sum256(raw)
	key := &service.DocumentKey{ID: id.New("dky", time.Now()), Org: at.Org, DocumentID: at.Document, KeyID: "key_1", Wrapped: []byte{1}, CreatedAt: storetest.Start}
	return service.Blob{ID: id.New("blb", time.Now()), Org: at.Org, KeyID: key.ID, DataKey: []byte{1}, Size: int64(len(raw)), SHA256: hex.EncodeToString(sum[:]), CreatedAt: storetest.Start, Key: key}, err
}

func (m *memory) NewKey(_ context.Context, at service.Place) (service.DocumentKey, error) {
	return service.DocumentKey{ID: id.New("dky", time.Now()), Org: at.Org, DocumentID: at.Document, KeyID: "key_1", Wrapped: []byte{1}, CreatedAt: storetest.Start}, nil
}

func (m *memory) Remove(_ context.Context, blob string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.removed = append(m.removed, blob)
	return nil
}

type noMeter struct{}

func (noMeter) TimeToOCR(string, time.Duration)  {}
func (noMeter) TimeToSign(string, time.Duration) {}
func (noMeter) ApprovalDecided(string)           {}

func each(t *testing.T, fn func(*bench)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		b := &bench{t: t, clock: clock.NewFake(storetest.Start), vault: &memory{}}
		b.store = &flaky{Store: open(storetest.With(b.clock))}
		ring, err := crypt.NewRing(crypt.NamedKey{ID: "master-1", Key: crypt.NewKey()})
		b.must(err)
		b.svc = service.New(service.Config{Store: b.store, Vault: b.vault, Clock: b.clock, Box: crypt.NewBox(ring), Meter: noMeter{}, Log: slog.New(slog.DiscardHandler), PublicURL: "https://paraph.example"})
		admin, _, err := b.svc.Bootstrap(t.Context(), "Test Works")
		b.must(err)
		b.must(b.store.Write(t.Context(), func(ctx context.Context, tx service.Tx) error {
			return tx.InsertKey(ctx, service.Key{ID: "key_1", Org: admin.Client.Org, Unit: "general", Class: "standard", MasterID: "master-1", Wrapped: []byte{1}, CreatedAt: tx.Now()})
		}))
		b.user.Actor = access.Actor{Kind: access.Client, Org: admin.Client.Org, ID: admin.Client.ID, Principal: admin.Client.Principal, Scopes: admin.Client.Scopes}
		b.work = service.SystemCall(admin.Client.Org, "worker", "")
		fn(b)
	})
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) refused(err error, code string) {
	b.t.Helper()
	if fault.CodeOf(err) != code {
		b.t.Errorf("got %v, want fault %s", err, code)
	}
}

func (b *bench) upload() service.Uploaded {
	b.t.Helper()
	out, err := b.svc.Upload(b.t.Context(), b.user, service.NewDocument{Title: "A letter"}, service.File{Name: "a.pdf", MediaType: "application/pdf", Body: strings.NewReader("first")})
	b.must(err)
	return out.Value
}

// read plays the worker that captures a file.
func (b *bench) read(op string, no int) error {
	if _, _, err := b.svc.BeginWork(b.t.Context(), b.work, op); err != nil {
		return err
	}
	return b.svc.FinishCapture(b.t.Context(), b.work, op, no, service.Captured{MediaType: "application/pdf", Pages: []document.Page{{No: 1, Width: 595, Height: 842, Source: "none"}}})
}

// approved gives a document that nobody had to approve.
func (b *bench) approved() document.Document {
	b.t.Helper()
	up := b.upload()
	b.must(b.read(up.Operation.ID, 1))
	_, err := b.svc.Submit(b.t.Context(), b.user, approval.Payload{DocumentID: up.Document.ID, DocumentType: "document", Initiator: approval.Initiator{UserID: "u1", Email: "u1@example.com"}, Approvers: []string{}})
	b.must(err)
	return b.document(up.Document.ID)
}

func (b *bench) document(docID string) document.Document {
	b.t.Helper()
	d, err := b.svc.Document(b.t.Context(), b.user.Actor, docID)
	b.must(err)
	return d
}

func (b *bench) operation(opID string) service.Operation {
	b.t.Helper()
	op, err := b.svc.Operation(b.t.Context(), b.user.Actor, opID)
	b.must(err)
	return op
}

func (b *bench) envelope(docID string, send bool) (signing.Envelope, error) {
	out, err := b.svc.CreateEnvelope(b.t.Context(), b.user, service.NewEnvelope{DocumentID: docID, Recipients: []service.NewRecipient{{Name: "Ada", Email: "ada@example.com"}}, Send: send})
	return out.Value, err
}

func TestAReplacedFileEndsTheReadingOfTheFirst(t *testing.T) {
	each(t, func(b *bench) {
		first := b.upload()
		_, _, err := b.svc.BeginWork(b.t.Context(), b.work, first.Operation.ID)
		b.must(err)
		second, err := b.svc.Replace(b.t.Context(), b.user, first.Document.ID, service.File{Name: "b.pdf", MediaType: "application/pdf", Body: strings.NewReader("second")})
		b.must(err)
		if op := b.operation(first.Operation.ID); op.State != service.OperationFailed || op.Code != "superseded" || op.Retryable {
			b.t.Errorf("the first operation is %s (%s, retryable %t), want failed, superseded for good", op.State, op.Code, op.Retryable)
		}
		b.refused(b.svc.Progress(b.t.Context(), b.work, first.Operation.ID, "read", 1, 9), "operation_ended")
		b.refused(b.read(first.Operation.ID, 1), "operation_ended") // a late second attempt
		b.refused(b.svc.FinishCapture(b.t.Context(), b.work, first.Operation.ID, 1, service.Captured{}), "operation_ended")
		b.must(b.read(second.Value.Operation.ID, 2))
		if d := b.document(first.Document.ID); d.Current != 2 || d.Processing.Status != document.StatusDone {
			b.t.Errorf("the document shows version %d, %s", d.Current, d.Processing.Status)
		}
		_, err = b.svc.RetryOperation(b.t.Context(), b.user, first.Operation.ID)
		b.refused(err, "operation_not_retryable")
	})
}

func TestAFailedReadingIsNotRetriedUnderANewFile(t *testing.T) {
	each(t, func(b *bench) {
		first := b.upload()
		b.must(b.svc.FailWork(b.t.Context(), b.work, first.Operation.ID, service.Failure{Code: "x", Reason: "x", Retryable: true}))
		_, err := b.svc.Replace(b.t.Context(), b.user, first.Document.ID, service.File{Name: "b.pdf", MediaType: "application/pdf", Body: strings.NewReader("second")})
		b.must(err)
		_, err = b.svc.RetryOperation(b.t.Context(), b.user, first.Operation.ID)
		b.refused(err, "operation_not_retryable")
	})
}

func TestARetryCountsItsOwnAttempts(t *testing.T) {
	each(t, func(b *bench) {
		op := b.upload().Operation.ID
		for range 3 {
			_, _, err := b.svc.BeginWork(b.t.Context(), b.work, op)
			b.must(err)
		}
		b.must(b.svc.FailWork(b.t.Context(), b.work, op, service.Failure{Code: "x", Reason: "x", Retryable: true}))
		_, err := b.svc.RetryOperation(b.t.Context(), b.user, op)
		b.must(err)
		if got := b.operation(op); got.Attempts != 0 || !got.EndedAt.IsZero() {
			b.t.Errorf("the retried operation has %d attempts and ended at %v", got.Attempts, got.EndedAt)
		}
	})
}

func TestNothingElseBeginsWhileADocumentIsBeingArchived(t *testing.T) {
	each(t, func(b *bench) {
		d := b.approved()
		_, err := b.svc.Archive(b.t.Context(), b.user, d.ID)
		b.must(err)
		_, err = b.svc.Archive(b.t.Context(), b.user, d.ID)
		b.refused(err, "action_not_allowed")
		_, err = b.envelope(d.ID, true)
		b.refused(err, "action_not_allowed")
	})
}

func TestAFileStaysWhereItsCommandMayHaveTakenEffect(t *testing.T) {
	each(t, func(b *bench) {
		b.store.breaks = true
		_, err := b.svc.Upload(b.t.Context(), b.user, service.NewDocument{}, service.File{Name: "a.pdf", Body: strings.NewReader("x")})
		b.refused(err, "store_unavailable")
		if len(b.vault.removed) > 0 {
			b.t.Error("the file was removed, but its document exists")
		}
		b.store.breaks = false
		_, err = b.svc.Replace(b.t.Context(), b.user, b.approved().ID, service.File{Name: "a.pdf", Body: strings.NewReader("x")})
		b.refused(err, "document_not_draft")
		if len(b.vault.removed) != 1 {
			b.t.Errorf("%d files were removed after a refusal, want 1", len(b.vault.removed))
		}
	})
}

func TestAWithdrawnRequestShowsNothingMore(t *testing.T) {
	each(t, func(b *bench) {
		e, err := b.envelope(b.approved().ID, true)
		b.must(err)
		link, err := b.svc.NewLink(b.t.Context(), b.user, e.ID, e.Recipients[0].ID, "api")
		b.must(err)
		token := strings.TrimPrefix(link.Value.URL, "https://paraph.example/sign/")
		if v, err := b.svc.OpenLink(b.t.Context(), token); err != nil || len(v.Pages) != 1 {
			b.t.Fatalf("%d pages are shown before, %v", len(v.Pages), err)
		}
		_, err = b.svc.VoidEnvelope(b.t.Context(), b.user, e.ID, "the wrong Ada")
		b.must(err)
		v, err := b.svc.OpenLink(b.t.Context(), token)
		b.must(err)
		if v.Envelope.State != signing.Voided || len(v.Pages) != 0 {
			b.t.Errorf("the envelope is %s and shows %d pages", v.Envelope.State, len(v.Pages))
		}
		_, _, err = b.svc.LinkContent(b.t.Context(), token, false)
		b.refused(err, "link_expired")
		_, _, err = b.svc.LinkWords(b.t.Context(), token, 1)
		b.refused(err, "not_found")
	})
}

func TestWhoIsHandedASigningLinkStandsInTheJournal(t *testing.T) {
	each(t, func(b *bench) {
		e, err := b.envelope(b.approved().ID, true)
		b.must(err)
		count := func() (n int) {
			b.must(b.store.Write(b.t.Context(), func(ctx context.Context, tx service.Tx) error {
				waiting, err := tx.Unnumbered(ctx, 1000)
				n = len(waiting)
				return err
			}))
			return n
		}
		before := count()
		_, err = b.svc.NewLink(b.t.Context(), b.work, e.ID, e.Recipients[0].ID, "email")
		b.must(err)
		if got := count(); got != before {
			b.t.Errorf("a link in a message made %d entries of its own", got-before)
		}
		_, err = b.svc.NewLink(b.t.Context(), b.user, e.ID, e.Recipients[0].ID, "api")
		b.must(err)
		if got := count(); got != before+1 {
			b.t.Errorf("a link handed to a client made %d entries, want 1", got-before)
		}
	})
}

func TestAnEnvelopeIsNotSentAfterItsTime(t *testing.T) {
	each(t, func(b *bench) {
		d := b.approved()
		e, err := b.envelope(d.ID, false)
		b.must(err)
		b.clock.Advance(service.DefaultLimits.EnvelopeTTL)
		_, err = b.svc.SendEnvelope(b.t.Context(), b.user, e.ID)
		b.refused(err, "envelope_not_open")
	})
}

func TestRemindersKeepTheirDistance(t *testing.T) {
	each(t, func(b *bench) {
		e, err := b.envelope(b.approved().ID, true)
		b.must(err)
		every := service.DefaultLimits.ReminderInterval
		due := func() time.Time {
			next, err := b.svc.RemindDue(b.t.Context(), b.work, e.ID, e.Recipients[0].ID)
			b.must(err)
			return next
		}
		b.clock.Advance(every)
		first := due()
		b.clock.Advance(time.Hour)
		if again := due(); !again.Equal(first) {
			b.t.Errorf("the timer that fired twice is set to %v, want %v", again, first)
		}
		for range service.DefaultLimits.MaxReminders {
			b.clock.Advance(every)
			due()
		}
		got, err := b.svc.Envelope(b.t.Context(), b.user.Actor, e.ID)
		b.must(err)
		if n := got.Recipients[0].Reminders; n != service.DefaultLimits.MaxReminders {
			b.t.Errorf("%d reminders were sent, want %d", n, service.DefaultLimits.MaxReminders)
		}
	})
}

func TestConfinedAdministratorsManageTheirOwnClientsOnly(t *testing.T) {
	each(t, func(b *bench) {
		made, err := b.svc.CreateClient(b.t.Context(), b.user, service.NewClient{Name: "own", Principal: "own", Scopes: []access.Scope{access.DocumentsRead}, Units: []string{"general"}})
		b.must(err)
		confined := b.user
		confined.Actor.Units = []string{"general"}
		seen, err := b.svc.Clients(b.t.Context(), confined.Actor)
		b.must(err)
		if !slices.EqualFunc(seen, []string{made.Value.Client.ID}, func(c access.OAuthClient, id string) bool { return c.ID == id }) {
			b.t.Errorf("a confined administrator sees %d clients, want its own one", len(seen))
		}
		_, err = b.svc.RevokeClient(b.t.Context(), confined, b.user.Actor.ID)
		b.refused(err, "not_found")
		_, err = b.svc.RevokeClient(b.t.Context(), confined, made.Value.Client.ID)
		b.must(err)
	})
}
