package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
)

// BusinessUnit is a part of an organisation.
type BusinessUnit struct {
	Name      string     `json:"name" example:"purchasing"`
	Title     string     `json:"title" example:"Purchasing"`
	Weight    int        `json:"weight" doc:"Its share of the work on documents of one type beside other units."`
	Limits    UnitLimits `json:"limits" doc:"What it may take up; an absent member is without a limit."`
	CreatedAt time.Time  `json:"created_at"`
	ClosedAt  *time.Time `json:"closed_at,omitempty" doc:"Since when it takes no new documents."`
	Revision  int64      `json:"revision"`
}

// UnitLimits are what a business unit may take up.
type UnitLimits struct {
	Bytes     int64 `json:"bytes,omitempty" example:"53687091200" doc:"Stored, with everything that is made of what came in."`
	Documents int64 `json:"documents_per_month,omitempty" example:"10000" doc:"New ones in a calendar month (UTC)."`
	FileBytes int64 `json:"bytes_per_file,omitempty" example:"104857600" doc:"Of one uploaded file."`
	Pages     int   `json:"pages_per_document,omitempty" example:"500"`
}

func (l UnitLimits) limits() document.UnitLimits {
	return document.UnitLimits{Bytes: l.Bytes, Documents: l.Documents, FileBytes: l.FileBytes, Pages: l.Pages}
}

func unitOf(u *document.Unit) BusinessUnit {
	return BusinessUnit{Name: u.Name, Title: u.Title, Weight: u.Weight, CreatedAt: u.CreatedAt, ClosedAt: at(u.ClosedAt), Revision: u.Revision,
		Limits: UnitLimits{u.Limits.Bytes, u.Limits.Documents, u.Limits.FileBytes, u.Limits.Pages}}
}

// BusinessUnitState is a business unit with what it uses.
type BusinessUnitState struct {
	BusinessUnit
	Use UnitUse  `json:"use"`
	Key *UnitKey `json:"key,omitempty" doc:"The key that its documents' keys lie under; absent before anything was kept."`
}

// UnitUse is what a business unit takes up.
type UnitUse struct {
	Bytes     int64  `json:"bytes" doc:"Stored now."`
	Documents int64  `json:"documents" doc:"New ones in the month."`
	Month     string `json:"month" example:"2026-03" doc:"The month that is counted (UTC)."`
}

// UnitKey is the key of a business unit, without the key.
type UnitKey struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

func (a *api) units() {
	const tag = "settings"
	handle(a, route{id: "createBusinessUnit", method: http.MethodPost, path: "/v1/business-units", tag: tag, does: access.ManageSettings, status: http.StatusCreated,
		summary: "Make a business unit", about: "Units divide an organisation: documents lie in one, and clients can be confined to some.", codes: []string{"invalid_unit", "exists", "confined_to_units"}}, a.createUnit)
	handle(a, route{id: "getBusinessUnit", method: http.MethodGet, path: "/v1/business-units/{name}", tag: tag, does: access.ReadSettings,
		summary: "Get a business unit", about: "With its limits and what it uses of them.", codes: []string{"not_found"}}, a.getUnit)
	handle(a, route{id: "changeBusinessUnit", method: http.MethodPatch, path: "/v1/business-units/{name}", tag: tag, does: access.ManageSettings,
		summary: "Change a business unit", about: "What is left out stays as it is. Limits, and whether it is closed, are for administrators who are not confined to units.", codes: []string{"invalid_unit", "not_found", "precondition_failed", "confined_to_units", "stale"}}, a.changeUnit)
	handle(a, route{id: "rotateUnitKey", method: http.MethodPost, path: "/v1/business-units/{name}/rotate-key", tag: tag, does: access.ManageSettings, status: http.StatusAccepted,
		summary: "Rotate the key of a business unit", about: "A new key takes its place at once. The operation wraps the keys of the unit's documents by it, in small steps, and destroys the old one at the end; files are not touched. Both ends stand in the log.",
		codes: []string{"not_found", "unit_without_key"}}, a.rotateUnitKey)
	handle(a, route{id: "listBusinessUnits", method: http.MethodGet, path: "/v1/business-units", tag: tag, does: access.ReadSettings,
		summary: "List business units", about: "By name."}, a.listUnits)
}

// BusinessUnitRequest is what a business unit is made of.
type BusinessUnitRequest struct {
	Name   string     `json:"name" example:"purchasing" doc:"1 to 63 characters of a-z, 0-9, _ and -."`
	Title  string     `json:"title,omitempty" example:"Purchasing"`
	Weight *int       `json:"weight,omitempty" doc:"Its share of the work on documents of one type beside other units, 1 to 1000. Default 1."`
	Limits UnitLimits `json:"limits,omitzero" doc:"What it may take up. Absent: without limits."`
}

type createUnitInput struct {
	Keyed
	Body BusinessUnitRequest
}

type oneUnit struct {
	Replayed
	Tagged
	Body BusinessUnit
}

func (a *api) createUnit(ctx context.Context, in *createUnitInput) (*oneUnit, error) {
	u := service.UnitDetails{Title: in.Body.Title, Weight: 1, Limits: in.Body.Limits.limits()}
	if in.Body.Weight != nil {
		u.Weight = *in.Body.Weight
	}
	out, err := a.Service.CreateUnit(ctx, callOf(ctx), in.Body.Name, u)
	return unitAnswer(out, err)
}

func unitAnswer(out service.Result[document.Unit], err error) (*oneUnit, error) {
	if err != nil {
		return nil, err
	}
	return &oneUnit{replayed(out.Replayed), tagged(out.Value.Revision), unitOf(&out.Value)}, nil
}

// UnitPath is the path parameter of one business unit.
type UnitPath struct {
	Name string `path:"name" maxLength:"63" example:"purchasing"`
}

type unitState struct {
	Tagged
	Body BusinessUnitState
}

func (a *api) getUnit(ctx context.Context, in *UnitPath) (*unitState, error) {
	u, err := a.Service.Unit(ctx, actorOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	out := BusinessUnitState{BusinessUnit: unitOf(&u.Unit), Use: UnitUse{u.Bytes, u.Documents, u.Month}}
	if u.Key.ID != "" {
		out.Key = &UnitKey{u.Key.ID, u.Key.CreatedAt}
	}
	return &unitState{tagged(u.Revision), out}, nil
}

// BusinessUnitChange is what may be changed of a business unit.
type BusinessUnitChange struct {
	Title  *string          `json:"title,omitempty" example:"Purchasing"`
	Weight *int             `json:"weight,omitempty" doc:"1 to 1000."`
	Limits *UnitLimitChange `json:"limits,omitempty"`
	Closed *bool            `json:"closed,omitempty" doc:"Whether it takes no new documents. Those that it has go on."`
}

// UnitLimitChange is what may be changed of a business unit's limits; 0 takes one away.
type UnitLimitChange struct {
	Bytes     *int64 `json:"bytes,omitempty"`
	Documents *int64 `json:"documents_per_month,omitempty"`
	FileBytes *int64 `json:"bytes_per_file,omitempty"`
	Pages     *int   `json:"pages_per_document,omitempty"`
}

type changeUnitInput struct {
	UnitPath
	Keyed
	IfMatch
	Body BusinessUnitChange
}

func (a *api) changeUnit(ctx context.Context, in *changeUnitInput) (*oneUnit, error) {
	out, err := a.Service.ChangeUnit(ctx, callOf(ctx), in.Name, in.revision(), func(u *service.UnitDetails) error {
		lay(&u.Title, in.Body.Title)
		lay(&u.Weight, in.Body.Weight)
		lay(&u.Closed, in.Body.Closed)
		if l := in.Body.Limits; l != nil {
			lay(&u.Limits.Bytes, l.Bytes)
			lay(&u.Limits.Documents, l.Documents)
			lay(&u.Limits.FileBytes, l.FileBytes)
			lay(&u.Limits.Pages, l.Pages)
		}
		return nil
	})
	return unitAnswer(out, err)
}

// lay sets what a request names, and leaves what it does not.
func lay[T any](onto, value *T) {
	if value != nil {
		*onto = *value
	}
}

type rotateKeyInput struct {
	UnitPath
	Keyed
}

func (a *api) rotateUnitKey(ctx context.Context, in *rotateKeyInput) (*startedOperation, error) {
	out, err := a.Service.RotateUnitKey(ctx, callOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, in.awaited(), out)
}

func (a *api) listUnits(ctx context.Context, _ *struct{}) (*struct{ Body Items[BusinessUnit] }, error) {
	rows, err := a.Service.Units(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, unitOf), nil
}
