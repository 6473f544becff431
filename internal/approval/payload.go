package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// MaxApprovers is the longest approver list one approval takes.
const MaxApprovers = 100

// Payload is the canonical approval payload, version 1: the contract by which
// every system hands a document in for approval. Metadata is kept as sent.
type Payload struct {
	DocumentID   string          `json:"document_id"`
	DocumentType string          `json:"document_type"`
	Initiator    Initiator       `json:"initiator"`
	Approvers    []string        `json:"approvers"`
	Metadata     json.RawMessage `json:"metadata,omitempty"`
	Policy       *Policy         `json:"policy,omitempty"`
}

// Policy says how the approvers are asked. Without one they are asked one after
// the other and all have to agree.
type Policy struct {
	Mode   Mode       `json:"mode,omitempty"`
	Quorum int        `json:"quorum,omitempty"`
	DueAt  *time.Time `json:"due_at,omitempty"`
}

// ParsePayload reads the canonical payload. Members it does not know are errors:
// a misspelt one must not be lost in silence.
//
// It returns fault Invalid "invalid_approval" with a detail per mistake.
func ParsePayload(raw []byte) (Payload, error) {
	var p Payload
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fault.Wrap(err, fault.Invalid, "invalid_approval", "The approval payload cannot be read: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return p, fault.New(fault.Invalid, "invalid_approval", "The approval payload is one JSON object; there is something after it.")
	}
	return p, nil
}

// Check lists everything wrong with the payload into l, as far as it can be
// seen without the document. now is what due_at is compared with.
func (p *Payload) Check(l *fault.List, now time.Time) {
	if p.DocumentID == "" {
		l.Add("/document_id", "required", "The document to approve is missing.")
	}
	if p.DocumentType == "" {
		l.Add("/document_type", "required", "The document's type is missing.")
	}
	if p.Initiator.UserID == "" {
		l.Add("/initiator/user_id", "required", "The initiator's user id is missing.")
	}
	if _, err := mail.ParseAddress(p.Initiator.Email); err != nil {
		l.Add("/initiator/email", "bad_email", "The initiator's e-mail address is missing or malformed.")
	}
	p.checkApprovers(l)
	p.checkPolicy(l, now)
}

func (p *Payload) checkApprovers(l *fault.List) {
	if p.Approvers == nil {
		l.Add("/approvers", "required", "The approver list is missing. An empty list approves at once.")
	}
	if len(p.Approvers) > MaxApprovers {
		l.Add("/approvers", "too_many", "There are %d approvers; at most %d can be asked.", len(p.Approvers), MaxApprovers)
	}
	seen := map[string]bool{}
	for i, a := range p.Approvers {
		name := Normalise(a)
		switch {
		case name == "" || len(name) > 254 || strings.ContainsAny(name, "\r\n\x00 "):
			l.Add("/approvers/"+itoa(i), "bad_approver", "An approver is an e-mail address or a user id.")
		case seen[name]:
			l.Add("/approvers/"+itoa(i), "duplicate", "%s stands in the list twice.", a)
		}
		seen[name] = true
	}
}

func (p *Payload) checkPolicy(l *fault.List, now time.Time) {
	if p.Policy == nil {
		return
	}
	if m := p.Policy.Mode; m != "" && m != Sequential && m != Parallel {
		l.Add("/policy/mode", "bad_mode", "The mode is sequential or parallel.")
	}
	if q := p.Policy.Quorum; q < 0 || q > len(p.Approvers) {
		l.Add("/policy/quorum", "bad_quorum", "The quorum is between 1 and the number of approvers.")
	} else if q > 0 && p.Policy.Mode != Parallel && q != len(p.Approvers) {
		l.Add("/policy/quorum", "bad_quorum", "One after the other, all approvers are asked: a smaller quorum needs the mode parallel.")
	}
	if p.Policy.DueAt != nil && !p.Policy.DueAt.After(now) {
		l.Add("/policy/due_at", "in_the_past", "The due date has passed already.")
	}
}

// Terms gives the policy in force, with the defaults filled in.
func (p *Payload) Terms() (mode Mode, quorum int, due time.Time) {
	mode, quorum = Sequential, len(p.Approvers)
	if p.Policy == nil {
		return mode, quorum, due
	}
	if p.Policy.Mode != "" {
		mode = p.Policy.Mode
	}
	if p.Policy.Quorum > 0 {
		quorum = p.Policy.Quorum
	}
	if p.Policy.DueAt != nil {
		due = p.Policy.DueAt.UTC()
	}
	return mode, quorum, due
}

func itoa(i int) string {
	b, _ := json.Marshal(i)
	return string(b)
}
