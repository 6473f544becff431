package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

func (a *api) logAudit() {
	handle(a, route{id: "getLogAudit", method: http.MethodGet, path: "/v1/log/audit", tag: "events", does: access.ReadEvent,
		summary: "See how far the log's audit is", about: "The whole log is re-read in the background, again and again, and compared with what was signed. Where it contradicts that, nothing is written any more until a later pass is clean.",
	}, a.getLogAudit)
}

// LogAudit is how far the background audit of the log is.
type LogAudit struct {
	Sound      bool       `json:"sound" doc:"Nothing found contradicts what was signed. Where false, writing has stopped."`
	Code       string     `json:"code,omitempty" example:"log_damaged" doc:"Why it is not sound."`
	Detail     string     `json:"detail,omitempty"`
	LogSize    int64      `json:"log_size" doc:"Entries of the newest checkpoint."`
	Position   int64      `json:"position" doc:"Entries that the present pass found to agree."`
	PassSize   int64      `json:"pass_size" doc:"Entries of the present pass; those that came later are the next one's."`
	BeganAt    *time.Time `json:"began_at,omitempty" doc:"When the present pass began."`
	PassedAt   *time.Time `json:"passed_at,omitempty" doc:"When the last whole pass without a fault ended."`
	PassedSize int64      `json:"passed_size" doc:"Entries of that pass."`
	Fault      *LogFault  `json:"fault,omitempty"`
}

// LogFault is the place where the log contradicts what was signed.
type LogFault struct {
	Code    string    `json:"code" example:"entry" doc:"gap, leaf, entry, hash, root, checkpoint, missing or beyond."`
	Index   int64     `json:"index" doc:"Of the entry; for a root, the size."`
	Detail  string    `json:"detail"`
	FoundAt time.Time `json:"found_at"`
}

func (a *api) getLogAudit(ctx context.Context, _ *struct{}) (*struct{ Body LogAudit }, error) {
	s, err := a.Service.AuditState(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	when := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	out := LogAudit{
		Sound: s.Sound == nil, LogSize: s.Size, Position: s.Audit.Position, PassSize: s.Audit.Size,
		BeganAt: when(s.Audit.BeganAt), PassedAt: when(s.Audit.PassedAt), PassedSize: s.Audit.PassedSize,
	}
	if s.Sound != nil {
		out.Code, out.Detail = fault.CodeOf(s.Sound), fault.From(s.Sound).Message
	}
	if f := s.Audit.Fault; f != nil {
		out.Fault = &LogFault{Code: f.Code, Index: f.Index, Detail: f.About, FoundAt: f.FoundAt}
	}
	return &struct{ Body LogAudit }{out}, nil
}
