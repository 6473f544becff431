package work

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// TestAStoppingServerBlamesNobody: what breaks off because the server stops is
// neither the file's fault nor a failure for good. The worker has no service
// here, so that any attempt to write down a failure would panic.
func TestAStoppingServerBlamesNobody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &OperationWorker{Log: slog.New(slog.DiscardHandler)}
	for _, cause := range []error{
		fault.New(fault.Invalid, "file_unprocessable", "The file cannot be processed."),
		fault.New(fault.Conflict, "action_not_allowed", "No."),
		errors.New("killed"),
	} {
		if err := w.settle(ctx, service.Call{}, service.Operation{}, cause, true); !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
			t.Errorf("%v: settled as %v, want the context's error, which the queue gives back", cause, err)
		}
	}
}

// mailboxes is a Postman to whom some mailboxes are full.
type mailboxes struct {
	full map[string]bool
	got  []string
}

func (m *mailboxes) Configured() bool { return true }

func (m *mailboxes) Deliver(_ context.Context, l Letter) error {
	if m.full[l.To] {
		return fault.New(fault.Unavailable, "mail_unavailable", "The mailbox is full.")
	}
	m.got = append(m.got, l.To)
	return nil
}

func TestOneFullMailboxNeitherStopsNorRepeatsTheOthers(t *testing.T) {
	t.Parallel()
	post := &mailboxes{full: map[string]bool{"b@example.com": true}}
	w := &MailWorker{Postman: post, Log: slog.New(slog.DiscardHandler)}
	letters := []Letter{{ID: "1", To: "a@example.com"}, {ID: "2", To: "b@example.com"}, {ID: "3", To: "c@example.com"}}
	delivered, err := w.deliver(t.Context(), letters, nil)
	if err == nil || !slices.Equal(delivered, []string{"1", "3"}) {
		t.Fatalf("the first attempt delivered %v, %v", delivered, err)
	}
	post.full = nil
	if _, err := w.deliver(t.Context(), letters, delivered); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a@example.com", "c@example.com", "b@example.com"}; !slices.Equal(post.got, want) {
		t.Errorf("delivered to %v, want %v", post.got, want)
	}
}

// TestAnUnreadPackageEndsItsPacking: the vault may stop reading half-way, when
// the disk is full. Nothing that was opened for the package may stay open.
func TestAnUnreadPackageEndsItsPacking(t *testing.T) {
	t.Parallel()
	b := &bag{open: map[string]func() (io.ReadCloser, error){}, sums: map[string]service.PackageFile{}}
	closed := make(closing)
	b.addStream("data/document.pdf", "", 1<<20, func() (io.ReadCloser, error) {
		return struct {
			io.Reader
			io.Closer
		}{bytes.NewReader(make([]byte, 1<<20)), closed}, nil
	})
	r := b.read()
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	<-closed
}

type closing chan struct{}

func (c closing) Close() error { close(c); return nil }
