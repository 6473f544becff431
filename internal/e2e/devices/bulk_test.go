package devices

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

type noMeter struct{}

func (noMeter) TimeToOCR(string, time.Duration)  {}
func (noMeter) TimeToSign(string, time.Duration) {}
func (noMeter) ApprovalDecided(string)           {}

// read uploads a document and plays the worker that reads it.
func (r *rig) read(token string) string {
	r.Helper()
	made := r.api(token, "POST", "/v1/documents?file_name=rules.pdf", "%PDF-1.7 rules", nil, "Content-Type", "application/pdf").is("an upload", 202, "")
	var up struct {
		Document  struct{ ID string }
		Operation struct{ ID string }
	}
	r.must(json.Unmarshal([]byte(made.body), &up))
	org := r.admin.Client.Org
	put := func(text string) service.Blob {
		b, err := r.vault.Put(r.Context(), service.Place{Org: org, Unit: "general", Document: up.Document.ID}, strings.NewReader(text))
		r.must(err)
		return b
	}
	words, pdf := put("[]"), put("%PDF-1.7 rules that can be searched")
	r.must(r.svc.FinishCapture(r.Context(), service.SystemCall(org, "capture", ""), up.Operation.ID, 1, service.Captured{
		MediaType: "application/pdf", Blobs: []service.Blob{words}, Derived: []service.Derived{{Kind: document.Searchable, Blob: pdf, Pages: 1}},
		Pages: []document.Page{{No: 1, Width: 595, Height: 842, Source: "ocr", Engine: "test", Blob: words.ID}},
	}))
	return up.Document.ID
}

// bulkSend is a bulk send as the API shows it.
type bulkSend struct {
	ID, State, Code string
	SentBy          string `json:"sent_by"`
	Operation       string `json:"operation_id"`
	Rows            struct{ Waiting, Sent, Refused int }
}

func (p reply) bulk() (b bulkSend) {
	p.Helper()
	if err := json.Unmarshal([]byte(p.body), &b); err != nil {
		p.Fatal(err)
	}
	return b
}

// rows lets the worker send up to n rows of a bulk send, and looks at it then.
func (r *rig) rows(b bulkSend, n int) bulkSend {
	r.Helper()
	call := service.SystemCall(r.admin.Client.Org, service.OpBulkSend, "")
	_, _, err := r.svc.BeginWork(r.Context(), call, b.Operation)
	r.must(err)
	for more := true; more && n > 0; n-- {
		more, err = r.svc.SendBulkRow(r.Context(), call, b.Operation)
		r.must(err)
	}
	return r.api(r.own(r.admin, nil), "GET", "/v1/bulk-sends/"+b.ID, "", nil).is("the bulk send", 200, "").bulk()
}

// TestBulkSendOfAPerson: a person begins a bulk send by a program, at a device that a
// rule demands. Its rows come from no device, and are sent in the person's name for as
// long as the person lets the program, and may do so.
func TestBulkSendOfAPerson(t *testing.T) {
	onBoth(t, func(r *rig) {
		company := newAuthority(r.T, "Devices")
		laptop, phone := company.device("laptop"), newAuthority(r.T, "Somebody Else").device("phone")
		app := r.client(access.Profile{Grants: []access.GrantType{access.GrantCode, access.GrantRefresh}, RedirectURIs: []string{redirect}, Certificate: true},
			access.DocumentsRead, access.DocumentsWrite, access.ApprovalsWrite, access.EnvelopesRead, access.EnvelopesWrite)
		mara := r.join("mara@example.com", good, itself, access.RoleIntegration)
		source := r.read(r.own(r.admin, nil))
		r.rule("senders", map[string]any{"actions": []string{"envelope.write"}, "certificate": map[string]any{"roots": roots(company.cert)}}).is("a rule", 200, "")

		asked := `{"document_id":"` + source + `","recipients":[{"name":"{{name}}","email":"{{email}}"}],"rows":"name,email\nBen,ben@example.com\nEve,eve@example.com\nAnn,ann@example.com\nCid,cid@example.com\n"}`
		lacks := "device_certificate certificate_untrusted"
		stray := mara.lets(app, phone).at("access_token")
		r.api(stray, "POST", "/v1/bulk-sends", asked, phone).is("another device", 403, "device_required", lacks)
		token := mara.lets(app, laptop).at("access_token")
		b := r.api(token, "POST", "/v1/bulk-sends", asked, laptop).is("her device", 202, "").bulk()
		if b = r.rows(b, 1); b.SentBy != "mara@example.com" || b.Rows.Sent != 1 || b.Rows.Waiting != 3 {
			r.Fatalf("%+v", b)
		}
		if made := r.api(r.own(r.admin, nil), "GET", "/v1/documents?created_by=mara@example.com", "", nil); strings.Count(made.body, `"state":"approved"`) != 1 {
			r.Errorf("a row's document is not hers: %s", made.body)
		}

		// She takes back what she allowed the program: nothing more goes out in her name.
		org := r.admin.Client.Org
		var given []delegation.Delegation
		r.must(r.store.Read(r.Context(), func(ctx context.Context, tx service.Reader) (err error) {
			given, err = tx.Delegations(ctx, service.DelegationFilter{Org: org, UserID: mara.user.ID})
			return err
		}))
		for _, d := range given {
			_, err := r.svc.RevokeDelegation(r.Context(), service.Call{Actor: access.Actor{Kind: access.Human, Org: org, ID: mara.user.ID}}, d.ID)
			r.must(err)
		}
		if b = r.rows(b, 9); b.State != "paused" || b.Code != "invalid_token" || b.Rows.Sent != 1 {
			r.Fatalf("%+v", b)
		}
		r.settle()

		// She lets it again. Resuming is asked for a device, too.
		stray, token = mara.lets(app, phone).at("access_token"), mara.lets(app, laptop).at("access_token")
		r.api(stray, "POST", "/v1/bulk-sends/"+b.ID+"/resume", "", phone).is("resumed from another device", 403, "device_required", lacks)
		b = r.api(token, "POST", "/v1/bulk-sends/"+b.ID+"/resume", "", laptop).is("resumed from hers", 200, "").bulk()
		if b = r.rows(b, 1); b.Rows.Sent != 2 {
			r.Fatalf("%+v", b)
		}

		// Her role goes, and with it her right.
		r.api(r.own(r.admin, nil), "PATCH", "/v1/users/"+mara.user.ID, `{"roles":["viewer"]}`, nil).is("another role", 200, "")
		r.settle()
		if b = r.rows(b, 9); b.State != "paused" || b.Code != "missing_scope" || b.Rows.Sent != 2 || b.Rows.Waiting != 2 {
			r.Fatalf("%+v", b)
		}
	})
}
