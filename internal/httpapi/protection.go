package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// Protection is how one signed file of a document fares over the years.
type Protection struct {
	Version     int        `json:"version" doc:"The newest version of the signed file."`
	BeganWith   int        `json:"began_with" doc:"The version that was signed; what was added since stands behind its bytes."`
	Own         bool       `json:"own" doc:"The signature is a seal of this installation."`
	Level       string     `json:"level,omitempty" enum:"b,t,lt,lta" doc:"Reached, as a PAdES baseline level; absent until it was measured."`
	WantedLevel string     `json:"wanted_level" enum:"b,t,lt,lta"`
	Until       *time.Time `json:"protected_until,omitempty" doc:"Then the protection runs out, unless it is renewed before."`
	Because     string     `json:"because,omitempty" doc:"What ends then."`
	StampedAt   *time.Time `json:"stamped_at,omitempty" doc:"By the newest time stamp."`
	Lacking     *Lacking   `json:"lacking,omitempty" doc:"Why the level is not higher; nothing waits for it."`
	NextAt      *time.Time `json:"next_at,omitempty" doc:"When something is done about it next, by itself: another attempt, or a renewal."`
}

// Lacking is what could not be had.
type Lacking struct {
	Code     string     `json:"code" example:"timestamp_unreachable"`
	Reason   string     `json:"reason"`
	Since    *time.Time `json:"since,omitempty"`
	Attempts int        `json:"attempts"`
}

func protectionOf(p *document.Protection) Protection {
	out := Protection{
		Version: p.Version, BeganWith: p.Line, Own: p.Own, Level: string(p.Level), WantedLevel: string(p.Wanted), Until: at(p.Until), Because: p.Because,
		StampedAt: at(p.Stamped), NextAt: at(p.DueAt),
	}
	if p.Code != "" {
		out.Lacking = &Lacking{Code: p.Code, Reason: p.Reason, Since: at(p.Since), Attempts: p.Attempts}
	}
	return out
}

func (a *api) protection() {
	handle(a, route{id: "protectDocument", method: http.MethodPost, path: "/v1/documents/{id}/protect", tag: "documents", does: access.WriteDocument, status: http.StatusAccepted,
		summary: "Raise or renew the protection of signatures", about: "Of a signed or archived document, whoever signed it. Without a level, the one that is configured is tried again now; with renew, a further time stamp is added although the level is reached. What is added is a new version; the bytes before stay as they are. An operation that fails says what was lacking.",
		codes: []string{"not_found", "invalid_level", "action_not_allowed", "document_disposed", "document_unsigned", "level_reached", "timestamps_not_configured"}}, a.protectDocument)
	handle(a, route{id: "getProtectionReport", method: http.MethodGet, path: "/v1/protection", tag: "documents", does: access.ReadDocument,
		summary: "Report how signatures are protected", about: "Signed files by what they have, want and lack, and how many run out when. The documents themselves: `GET /v1/documents` with `protection_ends_before` or `protection_delayed`."}, a.protectionReport)
}

type protectInput struct {
	DocumentPath
	Keyed
	Awaited
	Body *struct {
		Level string `json:"level,omitempty" enum:"b,t,lt,lta" doc:"Default: the level that is configured."`
		Renew bool   `json:"renew,omitempty" doc:"Add a further time stamp, with the evidence for the one before."`
	}
}

func (a *api) protectDocument(ctx context.Context, in *protectInput) (*startedOperation, error) {
	level, renew := document.Unmeasured, false
	if in.Body != nil {
		level, renew = document.Level(in.Body.Level), in.Body.Renew
	}
	out, err := a.Service.Protect(ctx, callOf(ctx), in.ID, level, renew)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.Awaited, out)
}

// ProtectionReport is how the signed files of an organisation stand.
type ProtectionReport struct {
	At          time.Time         `json:"at"`
	WantedLevel string            `json:"wanted_level" enum:"b,t,lt,lta" doc:"By the settings."`
	RenewBefore string            `json:"renew_before" example:"2160h0m0s" doc:"How long before its end a protection is renewed."`
	Files       int64             `json:"files"`
	Counts      []ProtectionCount `json:"counts"`
	Stamping    Stamping          `json:"time_stamps"`
}

// ProtectionCount counts the files that have, want and lack the same.
type ProtectionCount struct {
	Level       string     `json:"level,omitempty" enum:"b,t,lt,lta" doc:"Absent: not measured yet."`
	WantedLevel string     `json:"wanted_level" enum:"b,t,lt,lta"`
	Lacking     string     `json:"lacking,omitempty" example:"evidence_unreachable" doc:"The code of what could not be had."`
	Files       int64      `json:"files"`
	Ended       int64      `json:"ended" doc:"Of them, those whose protection has run out."`
	In30Days    int64      `json:"ending_in_30_days" doc:"With those before."`
	In90Days    int64      `json:"ending_in_90_days"`
	In365Days   int64      `json:"ending_in_365_days"`
	FirstEnd    *time.Time `json:"first_end,omitempty"`
}

// Stamping tells whether time stamps for signatures can be had.
type Stamping struct {
	OverdueSince *time.Time `json:"overdue_since,omitempty" doc:"No authority has given one since."`
	Code         string     `json:"code,omitempty" example:"timestamp_unreachable"`
	Reason       string     `json:"reason,omitempty"`
	Attempts     int        `json:"attempts,omitempty"`
	NextAt       *time.Time `json:"next_at,omitempty"`
}

func (a *api) protectionReport(ctx context.Context, _ *struct{}) (*struct{ Body ProtectionReport }, error) {
	r, err := a.Service.ProtectionReport(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &struct{ Body ProtectionReport }{reportOf(&r)}, nil
}

func reportOf(r *service.ProtectionReport) ProtectionReport {
	out := ProtectionReport{At: r.At, WantedLevel: string(r.Plan.Level), RenewBefore: r.Plan.Margin.String(), Counts: []ProtectionCount{},
		Stamping: Stamping{OverdueSince: at(r.State.DueSince), Code: r.State.Code, Reason: r.State.Reason, Attempts: r.State.Attempts, NextAt: at(r.State.RetryAt)}}
	for _, c := range r.Counts {
		out.Files += c.Files
		out.Counts = append(out.Counts, ProtectionCount{Level: string(c.Level), WantedLevel: string(c.Wanted), Lacking: c.Code, Files: c.Files,
			Ended: c.Ended, In30Days: c.Month, In90Days: c.Quarter, In365Days: c.Year, FirstEnd: at(c.First)})
	}
	return out
}
