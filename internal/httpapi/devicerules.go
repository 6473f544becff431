package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// DeviceRule is a demand that some things are done from trusted devices only.
type DeviceRule struct {
	Name string `json:"name" example:"board"`
	DeviceRuleRequest
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Revision  int64     `json:"revision"`
}

// DeviceRuleRequest is what a device rule is made of.
type DeviceRuleRequest struct {
	Title       string             `json:"title,omitempty" example:"The board signs from its own devices"`
	Off         bool               `json:"off,omitempty" doc:"It is kept, and demands nothing for now."`
	Clients     []string           `json:"clients,omitempty" example:"[\"cli_01kb0q7m4b1s9v3d8r5x2c6e7f\"]" doc:"Programs for which it holds; absent: all."`
	Roles       []string           `json:"roles,omitempty" example:"[\"approver\"]" doc:"Roles, of the person or of the program, for which it holds; absent: all."`
	Actions     []string           `json:"actions,omitempty" example:"[\"task.decide\"]" doc:"Actions for which it holds, such as document.dispose; absent: all. The table of entrances (docs/security/entrances.csv) says which operation does which."`
	Passkey     *PasskeyDemand     `json:"passkey,omitempty"`
	Certificate *CertificateDemand `json:"certificate,omitempty"`
}

// PasskeyDemand wants a login by a passkey of a known make.
type PasskeyDemand struct {
	Roots  string   `json:"roots" example:"-----BEGIN CERTIFICATE-----\n…" doc:"Certificates (PEM) to which the passkey's attestation must lead, such as its maker's root."`
	Models []string `json:"models,omitempty" example:"[\"2fc0579f-8113-47ea-b116-bb5a8db9202a\"]" doc:"AAGUIDs of the authenticators that do; absent: any that those roots vouch for."`
	MaxAge int      `json:"max_age_seconds,omitempty" minimum:"0" maximum:"86400" example:"300" doc:"How old the login may be; absent: as old as it lasts."`
}

// CertificateDemand wants a client certificate that a device authority has issued.
type CertificateDemand struct {
	Roots string `json:"roots" example:"-----BEGIN CERTIFICATE-----\n…" doc:"Certificates (PEM) of the device authorities. The access token has to be bound to the device's certificate (RFC 8705)."`
}

func (r *DeviceRuleRequest) rule(name string) access.DeviceRule {
	out := access.DeviceRule{Name: name, Title: r.Title, Off: r.Off, For: access.DeviceScope{Clients: r.Clients, Roles: named[access.Role](r.Roles), Actions: named[access.Action](r.Actions)}}
	if p := r.Passkey; p != nil {
		out.Demands.Passkey = &access.PasskeyDemand{Roots: p.Roots, Models: p.Models, MaxAge: time.Duration(p.MaxAge) * time.Second}
	}
	if c := r.Certificate; c != nil {
		out.Demands.Certificate = &access.CertificateDemand{Roots: c.Roots}
	}
	return out
}

func deviceRuleOf(r *access.DeviceRule) DeviceRule {
	out := DeviceRule{Name: r.Name, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Revision: r.Revision,
		DeviceRuleRequest: DeviceRuleRequest{Title: r.Title, Off: r.Off, Clients: r.For.Clients, Roles: texts(r.For.Roles), Actions: texts(r.For.Actions)}}
	if p := r.Demands.Passkey; p != nil {
		out.Passkey = &PasskeyDemand{Roots: p.Roots, Models: p.Models, MaxAge: int(p.MaxAge.Seconds())}
	}
	if c := r.Demands.Certificate; c != nil {
		out.Certificate = &CertificateDemand{Roots: c.Roots}
	}
	return out
}

func (a *api) deviceRules() {
	const tag = "settings"
	handle(a, route{id: "listDeviceRules", method: http.MethodGet, path: "/v1/device-rules", tag: tag, does: access.ManageSettings,
		summary: "List device rules", about: "What the organisation lets be done from trusted devices only; by name."}, a.listDeviceRules)
	handle(a, route{id: "getDeviceRule", method: http.MethodGet, path: "/v1/device-rules/{name}", tag: tag, does: access.ManageSettings,
		summary: "Get a device rule", about: "For whom it holds, and what it demands.", codes: []string{"not_found"}}, a.getDeviceRule)
	handle(a, route{id: "saveDeviceRule", method: http.MethodPut, path: "/v1/device-rules/{name}", tag: tag, does: access.ManageSettings,
		summary: "Make or change a device rule", about: "It holds within seconds, where all of its lists agree: for the program, for the role and for the action. Who does not meet it gets 403 device_required with everything that is missing. One that would shut out whoever saves it is not taken.",
		codes: []string{"invalid_device_rule", "locks_you_out", "precondition_failed", "confined_to_units", "stale"}}, a.saveDeviceRule)
	handle(a, route{id: "removeDeviceRule", method: http.MethodDelete, path: "/v1/device-rules/{name}", tag: tag, does: access.ManageSettings,
		summary: "Remove a device rule", about: "To keep it and demand nothing for now, save it with off.", codes: []string{"not_found", "precondition_failed", "confined_to_units", "stale"}}, a.removeDeviceRule)
}

func (a *api) listDeviceRules(ctx context.Context, _ *struct{}) (*struct{ Body Items[DeviceRule] }, error) {
	rows, err := a.Service.DeviceRules(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return itemsOf(rows, deviceRuleOf), nil
}

// DeviceRulePath is the path parameter of one device rule.
type DeviceRulePath struct {
	Name string `path:"name" maxLength:"63" example:"board" doc:"Its name: a-z, 0-9, _ and -, with a letter in front."`
}

type readDeviceRule struct {
	Tagged
	Body DeviceRule
}

func (a *api) getDeviceRule(ctx context.Context, in *DeviceRulePath) (*readDeviceRule, error) {
	r, err := a.Service.DeviceRule(ctx, actorOf(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	return &readDeviceRule{tagged(r.Revision), deviceRuleOf(&r)}, nil
}

type saveDeviceRuleInput struct {
	DeviceRulePath
	Keyed
	IfMatch
	Body DeviceRuleRequest
}

type oneDeviceRule struct {
	Replayed
	Tagged
	Body DeviceRule
}

func deviceRuleAnswer(out service.Result[access.DeviceRule], err error) (*oneDeviceRule, error) {
	if err != nil {
		return nil, err
	}
	return &oneDeviceRule{replayed(out.Replayed), tagged(out.Value.Revision), deviceRuleOf(&out.Value)}, nil
}

func (a *api) saveDeviceRule(ctx context.Context, in *saveDeviceRuleInput) (*oneDeviceRule, error) {
	return deviceRuleAnswer(a.Service.SaveDeviceRule(ctx, callOf(ctx), in.Body.rule(in.Name), in.revision()))
}

type removeDeviceRuleInput struct {
	DeviceRulePath
	Keyed
	IfMatch
}

func (a *api) removeDeviceRule(ctx context.Context, in *removeDeviceRuleInput) (*oneDeviceRule, error) {
	return deviceRuleAnswer(a.Service.RemoveDeviceRule(ctx, callOf(ctx), in.Name, in.revision()))
}
