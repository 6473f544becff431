package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/demodata"
	paraph "github.com/paraph/paraph/sdk/go"
)

// Names of the demo's files, in its folder and in the summary.
const (
	orderName      = "purchase-order.pdf"
	photoName      = "delivery-note.jpg"
	searchableName = "searchable.pdf"
	sealedName     = "sealed.pdf"
	packageName    = "package.zip"
)

// The people of the demo are invented.
var (
	demoApprovers = []string{"ines.aldana@tidewater.example", "tomas.rehn@tidewater.example"}
	demoSigners   = []paraph.RecipientRequest{
		{Name: "Mara Lind", Email: "mara.lind@tidewater.example", Order: 1},
		{Name: "Jonas Vik", Email: "jonas.vik@larkfield.example", Order: 2},
	}
)

// demoDocument is a file of the demo on its way.
type demoDocument struct {
	name     string
	bytes    []byte
	truth    []demodata.Page
	uploaded time.Time
	up       *paraph.Uploaded
}

func (d *demo) start(ctx context.Context, data string) (string, error) {
	var err error
	if d.server, err = startServer(ctx, d.self, data, os.Environ()); err != nil {
		return "", err
	}
	d.admin, err = d.client(d.server.ID, d.server.Secret)
	return d.server.URL, err
}

func (d *demo) client(id, secret string) (*paraph.Client, error) {
	return paraph.New(paraph.Config{URL: d.server.URL, ClientID: id, ClientSecret: secret, UserAgent: "paraph-demo"})
}

func (d *demo) credentials(ctx context.Context) (string, error) {
	make := func(name, principal string, scopes ...string) (*paraph.Client, error) {
		c, err := d.admin.CreateClient(ctx, paraph.ClientRequest{Name: name, Principal: principal, Scopes: scopes})
		if err != nil {
			return nil, err
		}
		return d.client(c.Client.ID, c.ClientSecret)
	}
	var err error
	if d.sender, err = make("Demo: purchasing", "purchasing@tidewater.example", "documents:read", "documents:write", "approvals:write",
		"tasks:read", "envelopes:read", "envelopes:write", "events:read", "archive:read"); err != nil {
		return "", err
	}
	for _, who := range demoApprovers {
		c, err := make("Demo: "+who, who, "tasks:read", "tasks:decide")
		if err != nil {
			return "", err
		}
		d.deciders = append(d.deciders, c)
	}
	_, err = d.admin.SaveDocumentType(ctx, "purchase_order", paraph.DocumentTypeRequest{Title: "Purchase order", Schema: json.RawMessage(
		`{"type":"object","required":["amount","currency"],"properties":{"amount":{"type":"integer"},"currency":{"type":"string","pattern":"^[A-Z]{3}$"},"cost_centre":{"type":"string"}},"additionalProperties":false}`)})
	return "and a document type whose metadata have a schema", err
}

func (d *demo) upload(ctx context.Context) (string, error) {
	d.order = &demoDocument{name: orderName, bytes: demodata.PurchaseOrder(), truth: demodata.Truth.PurchaseOrder}
	d.photo = &demoDocument{name: photoName, bytes: demodata.DeliveryPhoto(), truth: demodata.Truth.DeliveryPhoto}
	for _, f := range []struct {
		*demoDocument
		what      paraph.CreateDocumentParams
		mediaType string
	}{
		{d.order, paraph.CreateDocumentParams{Title: "Purchase order PO-2026-0417", ExternalID: "PO-2026-0417", Label: map[string]string{"cost_centre": "4410"}}, "application/pdf"},
		{d.photo, paraph.CreateDocumentParams{Title: "Delivery note DN-88213"}, "image/jpeg"},
	} {
		f.uploaded = time.Now()
		up, err := d.sender.CreateDocument(ctx, f.what, paraph.File{Content: bytes.NewReader(f.bytes), Name: f.name, MediaType: f.mediaType})
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.name, err)
		}
		f.up = up
		if got := up.Version.SHA256; got != hexOf(f.bytes) {
			return "", fmt.Errorf("the server has %s with SHA-256 %s, not %s", f.name, short(got), short(hexOf(f.bytes)))
		}
	}
	return fmt.Sprintf("%d KB and %d KB, neither with any text inside", len(d.order.bytes)/1000, len(d.photo.bytes)/1000), nil
}

func (d *demo) read(ctx context.Context) (string, error) {
	for _, f := range []*demoDocument{d.order, d.photo} {
		op, err := d.sender.WaitOperation(ctx, f.up.Operation.ID)
		if err != nil {
			return "", err
		}
		doc, err := d.sender.GetDocument(ctx, f.up.Document.ID)
		if err != nil {
			return "", err
		}
		d.sum.Pages[f.name] = doc.Pages
		if op.EndedAt == nil || doc.Pages != len(f.truth) {
			return "", fmt.Errorf("%s: %d pages were found, not %d", f.name, doc.Pages, len(f.truth))
		}
		d.sum.TimeToOCR[f.name] = op.EndedAt.Sub(f.uploaded).Seconds()
	}
	return fmt.Sprintf("order after %.1f s, photo after %.1f s", d.sum.TimeToOCR[orderName], d.sum.TimeToOCR[photoName]), nil
}

// compare holds every page against what stands on it, and lists all that is wrong.
func (d *demo) compare(ctx context.Context) (string, error) {
	var faults []error
	words, phrases, pages := 0, 0, 0
	for _, f := range []*demoDocument{d.order, d.photo} {
		for _, truth := range f.truth {
			page, err := d.sender.GetDocumentPage(ctx, f.up.Document.ID, truth.Number)
			if err != nil {
				return "", err
			}
			words, pages = words+page.WordCount, pages+1
			wrong := func(format string, args ...any) {
				faults = append(faults, fmt.Errorf("%s, page %d: %s", f.name, truth.Number, fmt.Sprintf(format, args...)))
			}
			text := pageText(page)
			for _, p := range truth.Phrases {
				if phrases++; !strings.Contains(text, p) {
					wrong("%q was not read", p)
				}
			}
			if page.Blank != truth.Blank || truth.Blank && len(page.Words) > 0 {
				wrong("blank is %v with %d words", page.Blank, len(page.Words))
			}
			if (page.Turned != 0) != truth.Turned {
				wrong("it is turned by %d degrees", page.Turned)
			}
		}
	}
	return fmt.Sprintf("%d words on %d pages; %d phrases found, page 3 blank, page 4 turned", words, pages, phrases), errors.Join(faults...)
}

// pageText joins a page's words by single blanks.
func pageText(p *paraph.DocumentPage) string {
	var b strings.Builder
	for _, w := range p.Words {
		b.WriteString(w.Text)
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

func (d *demo) search(ctx context.Context) (string, error) {
	var lines []string
	for _, q := range []struct {
		*demoDocument
		text string
		page int
	}{
		{d.order, "Total EUR 12,345.60", 1},
		{d.order, "takes about forty minutes", 4},
		{d.photo, "received in good order", 1},
	} {
		hits, err := d.sender.SearchDocument(ctx, q.up.Document.ID, paraph.SearchDocumentParams{Q: q.text})
		if err != nil {
			return "", err
		}
		if len(hits) != 1 || hits[0].Page != q.page || len(hits[0].Words) != len(strings.Fields(q.text)) {
			return "", fmt.Errorf("%q has %d hits on %s, want one on page %d with a box for each word", q.text, len(hits), q.name, q.page)
		}
		page, err := d.sender.GetDocumentPage(ctx, q.up.Document.ID, q.page)
		if err != nil {
			return "", err
		}
		var boxes []string
		for _, w := range hits[0].Words {
			if w.Width <= 0 || w.Height <= 0 || w.X < 0 || w.Y < 0 || w.X+w.Width > page.Width || w.Y+w.Height > page.Height {
				return "", fmt.Errorf("the box of %q lies outside its page", w.Text)
			}
			boxes = append(boxes, fmt.Sprintf("%s (%.0f %.0f %.0f×%.0f)", w.Text, w.X, w.Y, w.Width, w.Height))
		}
		lines = append(lines, fmt.Sprintf("%s, page %d: %s", q.name, q.page, strings.Join(boxes, " ")))
	}
	all, err := d.sender.SearchDocuments(ctx, paraph.SearchDocumentsParams{Q: "Larkfield Timber"})
	if err == nil && len(all) < 2 {
		err = fmt.Errorf("a search over all documents found %d places, want both documents", len(all))
	}
	return strings.Join(lines, "\n"), err
}

func (d *demo) searchable(ctx context.Context) (string, error) {
	id := d.order.up.Document.ID
	var original bytes.Buffer
	if _, err := d.sender.GetVersionContent(ctx, id, 1, &original); err != nil {
		return "", err
	}
	if !bytes.Equal(original.Bytes(), d.order.bytes) {
		return "", errors.New("the original is not what was uploaded")
	}
	if err := d.keep(orderName, d.order.bytes); err != nil {
		return "", err
	}
	if err := d.keep(photoName, d.photo.bytes); err != nil {
		return "", err
	}
	got, err := d.fetchVersion(ctx, id, "searchable", searchableName)
	return "SHA-256 " + short(got), err
}

// fetchVersion keeps the newest version of a kind, and gives its digest.
func (d *demo) fetchVersion(ctx context.Context, id string, kind paraph.VersionKind, name string) (string, error) {
	versions, err := d.sender.ListDocumentVersions(ctx, id)
	if err != nil {
		return "", err
	}
	for i := len(versions) - 1; i >= 0; i-- {
		v := versions[i]
		if v.Kind != kind {
			continue
		}
		f, err := os.Create(filepath.Join(d.out, name))
		if err != nil {
			return "", err
		}
		got, err := d.sender.GetVersionContent(ctx, id, v.Number, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
		if got.SHA256 != v.SHA256 {
			return "", fmt.Errorf("%s has SHA-256 %s, the version says %s", name, short(got.SHA256), short(v.SHA256))
		}
		d.sum.Digests[name], d.sum.Pages[name] = got.SHA256, v.Pages
		return got.SHA256, nil
	}
	return "", fmt.Errorf("there is no %s version", kind)
}

func (d *demo) keep(name string, data []byte) error {
	d.sum.Digests[name] = hexOf(data)
	return os.WriteFile(filepath.Join(d.out, name), data, 0o644)
}

func (d *demo) submit(ctx context.Context) (string, error) {
	a, err := d.sender.CreateApproval(ctx, paraph.ApprovalRequest{
		DocumentID: d.order.up.Document.ID, DocumentType: "purchase_order",
		Initiator: paraph.Initiator{UserID: "u_17", Email: "purchasing@tidewater.example"},
		Approvers: demoApprovers,
		Metadata:  json.RawMessage(`{"amount": 1234560, "currency": "EUR", "cost_centre": "4410"}`),
	})
	if err != nil {
		return "", err
	}
	if len(a.Tasks) != 2 || a.Tasks[0].State != "open" || a.Tasks[1].State != "waiting" {
		return "", fmt.Errorf("the second approver should wait for the first, but the tasks are %+v", a.Tasks)
	}
	return "waiting for Ines Aldana, then Tomas Rehn", nil
}

func (d *demo) decide(ctx context.Context, who int, comment string) (string, error) {
	c := d.deciders[who]
	tasks, err := c.ListTasks(ctx, paraph.ListTasksParams{Assignee: demoApprovers[who], State: paraph.TaskStateOpen})
	if err != nil {
		return "", err
	}
	if len(tasks.Items) != 1 {
		return "", fmt.Errorf("%s has %d open tasks, want 1", demoApprovers[who], len(tasks.Items))
	}
	a, err := c.DecideTask(ctx, tasks.Items[0].ID, paraph.Decision{Outcome: paraph.DecisionOutcomeApprove, Comment: comment})
	if err != nil {
		return "", err
	}
	want := paraph.ApprovalStateOpen
	if who == len(demoApprovers)-1 {
		want = paraph.ApprovalStateApproved
	}
	if a.State != want {
		return "", fmt.Errorf("the approval is %s, want %s", a.State, want)
	}
	return comment, nil
}

func (d *demo) send(ctx context.Context) (string, error) {
	e, err := d.sender.CreateEnvelope(ctx, paraph.EnvelopeRequest{
		DocumentID: d.order.up.Document.ID, Message: "Please sign the order, so that the timber can be loaded.", Recipients: demoSigners, Send: true,
	})
	if err != nil {
		return "", err
	}
	d.envelope = e
	if len(e.Recipients) != 2 {
		return "", fmt.Errorf("the envelope has %d recipients, want 2", len(e.Recipients))
	}
	if _, err := d.sender.CreateSigningLink(ctx, e.ID, e.Recipients[1].ID); !paraph.IsCode(err, "not_your_turn") {
		return "", fmt.Errorf("the second signer should wait for the first; asking for the link gave: %v", err)
	}
	return "Mara Lind first; Jonas Vik gets no link before her", nil
}

func (d *demo) sign(ctx context.Context, who int) (string, error) {
	r := d.envelope.Recipients[who]
	link, err := d.sender.CreateSigningLink(ctx, d.envelope.ID, r.ID)
	if err != nil {
		return "", err
	}
	seen, err := signInBrowser(ctx, d.browser, d.out, signer{
		url: link.URL, name: r.Name, file: fmt.Sprintf("signer-%d", who+1), draws: who == 0,
		phone: who == 0, last: who == len(d.envelope.Recipients)-1, truth: d.order.truth,
	})
	if err != nil {
		return "", err
	}
	e, err := d.sender.GetEnvelope(ctx, d.envelope.ID)
	if err == nil && e.Recipients[who].State != "signed" {
		err = fmt.Errorf("the page said thank you, but the envelope says %s is %q", r.Name, e.Recipients[who].State)
	}
	return seen, err
}

func (d *demo) await(ctx context.Context) (string, error) {
	doc, err := d.sender.WaitDocument(ctx, d.order.up.Document.ID, func(doc *paraph.Document) bool {
		return doc.State == "archived" || doc.Processing.Status == "failed"
	})
	if err != nil {
		return "", err
	}
	if doc.State != "archived" {
		return "", fmt.Errorf("the document is %s: %s (%s)", doc.State, doc.Processing.Reason, doc.Processing.Code)
	}
	e, err := d.sender.GetEnvelope(ctx, d.envelope.ID)
	if err != nil {
		return "", err
	}
	if e.State != "completed" || e.ClosedAt == nil {
		return "", fmt.Errorf("the envelope is %s", e.State)
	}
	d.sum.TimeToSign = e.ClosedAt.Sub(e.CreatedAt).Seconds()
	return fmt.Sprintf("sealed %.1f s after the request, and archived", d.sum.TimeToSign), nil
}
