package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// Envelope is one request to sign exactly one version of one document.
type Envelope struct {
	ID              string      `json:"id" example:"env_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	DocumentID      string      `json:"document_id"`
	DocumentVersion int         `json:"document_version" doc:"With document_sha256: exactly the bytes that are shown and signed."`
	DocumentSHA256  string      `json:"document_sha256"`
	BusinessUnit    string      `json:"business_unit"`
	Subject         string      `json:"subject"`
	Message         string      `json:"message,omitempty"`
	State           string      `json:"state" enum:"created,sent,sealing,completed,declined,voided,expired"`
	Reason          string      `json:"reason,omitempty" doc:"Of a decline or a withdrawal."`
	SealedVersion   int         `json:"sealed_version,omitempty" doc:"The document's version that holds the sealed PDF."`
	Recipients      []Recipient `json:"recipients"`
	SentBy          string      `json:"sent_by"`
	ExpiresAt       time.Time   `json:"expires_at"`
	CreatedAt       time.Time   `json:"created_at"`
	SentAt          *time.Time  `json:"sent_at,omitempty"`
	ClosedAt        *time.Time  `json:"closed_at,omitempty"`
}

// Recipient is one person who is asked to sign.
type Recipient struct {
	ID          string     `json:"id" example:"rcp_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Name        string     `json:"name" example:"Ben Okafor"`
	Email       string     `json:"email" example:"ben@example.com"`
	Order       int        `json:"order" example:"1"`
	State       string     `json:"state" enum:"waiting,sent,delivered,viewed,signed,declined,cancelled"`
	Fields      []Field    `json:"fields,omitempty" doc:"Where its marks go. Absent: where there is room."`
	SentAt      *time.Time `json:"sent_at,omitempty"`
	DeliveredAt *time.Time `json:"delivered_at,omitempty" doc:"Opened the link."`
	ViewedAt    *time.Time `json:"viewed_at,omitempty" doc:"Saw the pages."`
	ConsentedAt *time.Time `json:"consented_at,omitempty"`
	SignedAt    *time.Time `json:"signed_at,omitempty"`
	DeclinedAt  *time.Time `json:"declined_at,omitempty"`
	Reason      string     `json:"reason,omitempty" doc:"Of a decline."`
	Reminders   int        `json:"reminders"`
	RemindedAt  *time.Time `json:"reminded_at,omitempty"`
}

func envelopeOf(e *signing.Envelope) Envelope {
	out := Envelope{
		ID: e.ID, DocumentID: e.DocumentID, DocumentVersion: e.Version, DocumentSHA256: e.SHA256, BusinessUnit: e.Unit,
		Subject: e.Subject, Message: e.Message, State: string(e.State), Reason: e.Reason, SealedVersion: e.SealedVersion,
		Recipients: []Recipient{}, SentBy: e.SenderID, ExpiresAt: e.ExpiresAt.UTC(), CreatedAt: e.CreatedAt, SentAt: at(e.SentAt), ClosedAt: at(e.ClosedAt),
	}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		out.Recipients = append(out.Recipients, Recipient{
			ID: r.ID, Name: r.Name, Email: r.Email, Order: r.Order, State: string(r.State), Fields: fieldsOf(r.Fields), SentAt: at(r.SentAt), DeliveredAt: at(r.DeliveredAt),
			ViewedAt: at(r.ViewedAt), ConsentedAt: at(r.ConsentedAt), SignedAt: at(r.SignedAt), DeclinedAt: at(r.DeclinedAt),
			Reason: r.Reason, Reminders: r.Reminders, RemindedAt: at(r.RemindedAt),
		})
	}
	return out
}

func (a *api) envelopes() {
	handle(a, route{id: "createEnvelope", atomic: true, method: http.MethodPost, path: "/v1/envelopes", tag: "envelopes", does: access.WriteEnvelope, status: http.StatusCreated,
		summary: "Ask for signatures", about: "On the current version of an approved document. With send: true the first recipients are asked at once. Signatures that are complete already are looked up first: nobody is asked twice.",
		codes: []string{"not_found", "invalid_envelope", "action_not_allowed", "already_signed", "envelope_open", "document_without_file", "fields_not_possible"}}, a.createEnvelope)
	handle(a, route{id: "listEnvelopes", method: http.MethodGet, path: "/v1/envelopes", tag: "envelopes", does: access.ReadEnvelope,
		summary: "List envelopes", about: "Newest first."}, a.listEnvelopes)
	handle(a, route{id: "getEnvelope", method: http.MethodGet, path: "/v1/envelopes/{id}", tag: "envelopes", does: access.ReadEnvelope,
		summary: "Get an envelope with its recipients", about: "With what each recipient has done and when.", codes: []string{"not_found"}}, a.getEnvelope)
	handle(a, route{id: "sendEnvelope", atomic: true, method: http.MethodPost, path: "/v1/envelopes/{id}/send", tag: "envelopes", does: access.WriteEnvelope,
		summary: "Send an envelope that was made but not sent", about: "Asks the recipients of the lowest order; the others follow as those before them have signed.", codes: []string{"not_found", "envelope_not_open"}}, a.sendEnvelope)
	handle(a, route{id: "voidEnvelope", atomic: true, method: http.MethodPost, path: "/v1/envelopes/{id}/void", tag: "envelopes", does: access.WriteEnvelope,
		summary: "Withdraw an envelope", about: "The document stays approved and can be sent again.", codes: []string{"not_found", "envelope_not_open"}}, a.voidEnvelope)
	handle(a, route{id: "remindRecipient", atomic: true, method: http.MethodPost, path: "/v1/envelopes/{id}/recipients/{recipient_id}/remind", tag: "envelopes", does: access.WriteEnvelope,
		summary: "Remind a recipient", about: "Sends another message to a recipient whose turn it is; at most one a minute.", codes: []string{"not_found", "not_your_turn", "already_signed", "envelope_not_open", "reminded_enough"}}, a.remindRecipient)
	handle(a, route{id: "createSigningLink", method: http.MethodPost, path: "/v1/envelopes/{id}/recipients/{recipient_id}/links", tag: "envelopes", does: access.WriteEnvelope, status: http.StatusCreated,
		summary: "Make a signing link", about: "For a caller that brings the person to it. The URL is a secret: who has it can sign. It is not kept, so a repeated request answers 409 result_not_repeatable.",
		codes: []string{"not_found", "not_your_turn", "already_signed", "envelope_not_open", "result_not_repeatable"}}, a.createLink)
}

// EnvelopeRequest asks for signatures.
type EnvelopeRequest struct {
	DocumentID string             `json:"document_id" example:"doc_01kb0q7m4b1s9v3d8r5x2c6e7f"`
	Subject    string             `json:"subject,omitempty" doc:"Default: the document's title."`
	Message    string             `json:"message,omitempty" doc:"To the recipients; at most 4000 bytes."`
	Recipients []RecipientRequest `json:"recipients"`
	ExpiresAt  *time.Time         `json:"expires_at,omitempty" doc:"Default: 30 days from now."`
	Send       bool               `json:"send,omitempty" doc:"Ask at once; otherwise with the send operation."`
}

// RecipientRequest is somebody who is to sign.
type RecipientRequest struct {
	Name  string `json:"name" example:"Ben Okafor"`
	Email string `json:"email" example:"ben@example.com"`
	Order int    `json:"order,omitempty" example:"1" doc:"Lower orders are asked first, equal ones at once. Default: 1."`

	Fields []Field `json:"fields,omitempty" doc:"Where its marks go; each shows the signature. Default: where there is room, on the last page that has text."`
}

// Field is a place on a page, in points (1/72 inch) from its upper left corner as it
// is shown.
type Field struct {
	Page   int     `json:"page" minimum:"1" example:"2"`
	X      float64 `json:"x" minimum:"0" example:"72"`
	Y      float64 `json:"y" minimum:"0" example:"640"`
	Width  float64 `json:"width" minimum:"40" example:"180"`
	Height float64 `json:"height" minimum:"18" example:"48"`
}

func fieldsOf(all []signing.Field) (out []Field) {
	for _, f := range all {
		out = append(out, Field(f))
	}
	return out
}

type createEnvelopeInput struct {
	Keyed
	Body EnvelopeRequest
}

type oneEnvelope struct {
	Replayed
	Body Envelope
}

func envelopeAnswer(out service.Result[signing.Envelope], err error) (*oneEnvelope, error) {
	if err != nil {
		return nil, err
	}
	return &oneEnvelope{Replayed: replayed(out.Replayed), Body: envelopeOf(&out.Value)}, nil
}

func (a *api) createEnvelope(ctx context.Context, in *createEnvelopeInput) (*oneEnvelope, error) {
	req := service.NewEnvelope{DocumentID: in.Body.DocumentID, Subject: in.Body.Subject, Message: in.Body.Message, Send: in.Body.Send}
	if in.Body.ExpiresAt != nil {
		req.ExpiresAt = *in.Body.ExpiresAt
	}
	for _, r := range in.Body.Recipients {
		n := service.NewRecipient{Name: r.Name, Email: r.Email, Order: r.Order}
		for _, f := range r.Fields {
			n.Fields = append(n.Fields, signing.Field(f))
		}
		req.Recipients = append(req.Recipients, n)
	}
	return envelopeAnswer(a.Service.CreateEnvelope(ctx, callOf(ctx), req))
}

type listEnvelopesInput struct {
	Paged
	State      string `query:"state" enum:"created,sent,sealing,completed,declined,voided,expired"`
	DocumentID string `query:"document_id"`
}

func (a *api) listEnvelopes(ctx context.Context, in *listEnvelopesInput) (*Listed[Envelope], error) {
	rows, err := a.Service.Envelopes(ctx, actorOf(ctx), service.EnvelopeFilter{State: in.State, DocumentID: in.DocumentID, Before: in.After, Limit: in.want()})
	if err != nil {
		return nil, err
	}
	return pageOf(rows, in.Paged, envelopeOf, func(e *signing.Envelope) string { return e.ID }), nil
}

// EnvelopePath is the path parameter of one envelope.
type EnvelopePath struct {
	ID string `path:"id" maxLength:"64" example:"env_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the envelope."`
}

func (a *api) getEnvelope(ctx context.Context, in *EnvelopePath) (*struct{ Body Envelope }, error) {
	e, err := a.Service.Envelope(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Envelope }{envelopeOf(&e)}, nil
}

type sendEnvelopeInput struct {
	EnvelopePath
	Keyed
}

func (a *api) sendEnvelope(ctx context.Context, in *sendEnvelopeInput) (*oneEnvelope, error) {
	return envelopeAnswer(a.Service.SendEnvelope(ctx, callOf(ctx), in.ID))
}

type voidEnvelopeInput struct {
	EnvelopePath
	Keyed
	Body *Reason
}

func (a *api) voidEnvelope(ctx context.Context, in *voidEnvelopeInput) (*oneEnvelope, error) {
	var why string
	if in.Body != nil {
		why = in.Body.Reason
	}
	return envelopeAnswer(a.Service.VoidEnvelope(ctx, callOf(ctx), in.ID, why))
}

type recipientInput struct {
	EnvelopePath
	Keyed
	RecipientID string `path:"recipient_id" maxLength:"64" example:"rcp_01kb0q7m4b1s9v3d8r5x2c6e7f" doc:"Id of the recipient."`
}

func (a *api) remindRecipient(ctx context.Context, in *recipientInput) (*oneEnvelope, error) {
	return envelopeAnswer(a.Service.Remind(ctx, callOf(ctx), in.ID, in.RecipientID))
}

// SigningLink is the right of one recipient to open one envelope.
type SigningLink struct {
	URL       string    `json:"url" format:"uri" doc:"A secret."`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *api) createLink(ctx context.Context, in *recipientInput) (*struct{ Body SigningLink }, error) {
	out, err := a.Service.NewLink(ctx, callOf(ctx), in.ID, in.RecipientID, "api")
	if err != nil {
		return nil, err
	}
	return &struct{ Body SigningLink }{SigningLink{URL: out.Value.URL, ExpiresAt: out.Value.ExpiresAt.UTC()}}, nil
}
