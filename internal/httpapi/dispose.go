package httpapi

import (
	"context"
	"net/http"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// Disposal says why a document is destroyed, and on whose authority.
type Disposal struct {
	Authority string `json:"authority" example:"Data protection officer, case 2026-118" doc:"On whose authority. It stays in the log for ever."`
	Reason    string `json:"reason,omitempty" example:"Erasure requested under GDPR Art. 17." doc:"It stays in the log for ever: name nobody whose data are to go."`
}

func (a *api) disposal() {
	handle(a, route{id: "disposeDocument", method: http.MethodPost, path: "/v1/documents/{id}/dispose", tag: "documents", does: access.DisposeDocument, status: http.StatusAccepted,
		summary: "Destroy a document for good", about: "For archived documents and those that ended otherwise. Its key is destroyed at once, and with it its files wherever their bytes live on, backups included; so is everything personal in its rows, its events and the search index. A tombstone stays: id, digests, state, and its place in the log, whose proofs remain valid. Its content, pages and package then answer 410 `document_disposed`. The operation deletes the bytes themselves. It cannot be undone; to repeat it does nothing.",
		codes: []string{"not_found", "invalid_disposal", "action_not_allowed", "retention_runs"}}, a.disposeDocument)
}

type disposeInput struct {
	DocumentPath
	Keyed
	Awaited
	Body Disposal
}

func (a *api) disposeDocument(ctx context.Context, in *disposeInput) (*startedOperation, error) {
	out, err := a.Service.Dispose(ctx, callOf(ctx), in.ID, service.Disposal{Authority: in.Body.Authority, Reason: in.Body.Reason})
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.Awaited, out)
}
