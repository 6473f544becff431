package service

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/approval"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
)

// Commands that work from outside may ask for, by name: those of mappings and of
// messages on the event bus.
const (
	CommandCreate = "document.create"
	CommandUpdate = "document.update"
	CommandDecide = "task.decide"
	CommandSend   = "envelope.send"
)

// commands carry out a command's data for an actor and give the document it is about.
var commands = map[string]func(s *Service, ctx context.Context, call Call, data []byte) (documentID string, err error){
	CommandCreate: (*Service).commandCreate,
	CommandUpdate: (*Service).commandUpdate,
	CommandDecide: (*Service).commandDecide,
	CommandSend:   (*Service).commandSend,
}

// Commands lists the commands by name.
func Commands() []string { return slices.Sorted(maps.Keys(commands)) }

// Execute carries out a command from outside. It is an ordinary command of the call's
// actor, with its rights and its idempotency key.
//
// Faults: Invalid "bad_command" where its data are not the command's, and those of
// the command itself.
func (s *Service) Execute(ctx context.Context, call Call, name string, data []byte) (documentID string, err error) {
	do, ok := commands[name]
	if !ok {
		return "", fault.New(fault.Invalid, "bad_command", "There is no command %q.", name)
	}
	return do(s, ctx, call, data)
}

// commandData reads a command's data: an object with known members only.
func commandData[T any](name string, raw []byte) (v T, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fault.New(fault.Invalid, "bad_command", "The data of %s cannot be read: %s.", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return v, fault.New(fault.Invalid, "bad_command", "The data of %s is one JSON object.", name)
	}
	return v, nil
}

// CreateCommand is the data of document.create: a draft, with its file if it has one.
type CreateCommand struct {
	DocumentType string            `json:"document_type,omitempty"`
	BusinessUnit string            `json:"business_unit,omitempty"`
	Title        string            `json:"title,omitempty"`
	ExternalID   string            `json:"external_id,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Metadata     json.RawMessage   `json:"metadata,omitempty"`
	File         *struct {
		Name      string `json:"name,omitempty"`
		MediaType string `json:"media_type,omitempty"`
		Content   []byte `json:"content"` // base 64
	} `json:"file,omitempty"`
}

func (s *Service) commandCreate(ctx context.Context, call Call, data []byte) (string, error) {
	in, err := commandData[CreateCommand](CommandCreate, data)
	if err != nil {
		return "", err
	}
	doc := NewDocument{Type: in.DocumentType, Unit: in.BusinessUnit, Title: in.Title, ExternalID: in.ExternalID, Labels: in.Labels, Metadata: in.Metadata}
	if in.File == nil {
		out, err := s.Draft(ctx, call, doc)
		return out.Value.ID, err
	}
	out, err := s.Upload(ctx, call, doc, File{Name: in.File.Name, MediaType: in.File.MediaType, Body: bytes.NewReader(in.File.Content)})
	return out.Value.Document.ID, err
}

// DocumentRef names a document by its id, or by the caller's own reference.
type DocumentRef struct {
	DocumentID string `json:"document_id,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
}

// find gives the id of the document. Faults: Invalid "bad_command" where it is not
// named in one way; NotFound.
func (s *Service) find(ctx context.Context, a access.Actor, ref DocumentRef) (string, error) {
	if (ref.DocumentID == "") == (ref.ExternalID == "") {
		return "", fault.New(fault.Invalid, "bad_command", "Name the document by document_id or by external_id.")
	}
	if ref.DocumentID != "" {
		return ref.DocumentID, nil
	}
	var found []document.Document
	err := s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) (err error) {
		found, err = tx.Documents(ctx, DocumentFilter{Org: a.Org, ExternalID: ref.ExternalID, Limit: 1})
		return err
	})
	if err == nil && len(found) == 0 {
		err = access.NotFound()
	}
	if err != nil {
		return "", err
	}
	return found[0].ID, nil
}

// UpdateCommand is the data of document.update. Labels and metadata are merged into
// what is there: a member that is null is taken away (RFC 7396).
type UpdateCommand struct {
	DocumentRef
	Title    *string            `json:"title,omitempty"`
	Labels   map[string]*string `json:"labels,omitempty"`
	Metadata json.RawMessage    `json:"metadata,omitempty"`
}

func (s *Service) commandUpdate(ctx context.Context, call Call, data []byte) (string, error) {
	in, err := commandData[UpdateCommand](CommandUpdate, data)
	if err != nil {
		return "", err
	}
	docID, err := s.find(ctx, call.Actor, in.DocumentRef)
	if err != nil {
		return "", err
	}
	_, err = s.EditDocument(ctx, call, docID, Edit{Title: in.Title, MergeLabels: in.Labels, MergeMetadata: in.Metadata})
	return docID, err
}

// DecideCommand is the data of task.decide.
type DecideCommand struct {
	TaskID     string           `json:"task_id"`
	Outcome    approval.Outcome `json:"outcome"`
	Comment    string           `json:"comment,omitempty"`
	OnBehalfOf string           `json:"on_behalf_of,omitempty"`
}

func (s *Service) commandDecide(ctx context.Context, call Call, data []byte) (string, error) {
	in, err := commandData[DecideCommand](CommandDecide, data)
	if err != nil {
		return "", err
	}
	out, err := s.Decide(ctx, call, in.TaskID, Decision{Outcome: in.Outcome, Comment: in.Comment, OnBehalfOf: in.OnBehalfOf})
	return out.Value.DocumentID, err
}

// SendCommand is the data of envelope.send: an envelope that is made and sent.
type SendCommand struct {
	DocumentRef
	Subject    string `json:"subject,omitempty"`
	Message    string `json:"message,omitempty"`
	Recipients []struct {
		Name  string `json:"name"`
		Email string `json:"email"`
		Order int    `json:"order,omitempty"`
	} `json:"recipients"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func (s *Service) commandSend(ctx context.Context, call Call, data []byte) (string, error) {
	in, err := commandData[SendCommand](CommandSend, data)
	if err != nil {
		return "", err
	}
	docID, err := s.find(ctx, call.Actor, in.DocumentRef)
	if err != nil {
		return "", err
	}
	env := NewEnvelope{DocumentID: docID, Subject: in.Subject, Message: in.Message, ExpiresAt: in.ExpiresAt, Send: true}
	for _, r := range in.Recipients {
		env.Recipients = append(env.Recipients, NewRecipient{Name: r.Name, Email: r.Email, Order: r.Order})
	}
	_, err = s.CreateEnvelope(ctx, call, env)
	return docID, err
}

// merged lays labels over others; nil takes one away.
func merged(labels map[string]string, over map[string]*string) map[string]string {
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	for name, value := range over {
		if delete(out, name); value != nil {
			out[name] = *value
		}
	}
	return out
}

// mergePatch applies a merge patch to a JSON object (RFC 7396). Numbers and texts of
// members that stay are kept as they are written.
func mergePatch(target, patch json.RawMessage) (json.RawMessage, error) {
	var over map[string]json.RawMessage
	if err := json.Unmarshal(patch, &over); err != nil || over == nil {
		return patch, nil // no object: it takes the target's place
	}
	var members map[string]json.RawMessage
	if len(target) == 0 || json.Unmarshal(target, &members) != nil || members == nil {
		members = map[string]json.RawMessage{}
	}
	for name, value := range over {
		if string(value) == "null" {
			delete(members, name)
			continue
		}
		next, err := mergePatch(members[name], value)
		if err != nil {
			return nil, err
		}
		members[name] = next
	}
	return json.Marshal(members)
}
