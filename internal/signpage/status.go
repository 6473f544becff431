package signpage

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// status is how things stand when there is nothing to sign.
type status struct {
	Tone  string // "good", "warn", "bad", "plain": colour and shape, beside the words
	Title string
	Lines []string
	AtIs  string // words before At
	At    time.Time
	Poll  bool // look for news every few seconds
	Done  bool // the sealed PDF is there
	Shown bool // offer the document as it was shown
}

// Shape is the sign beside the title, so that colour never speaks alone.
func (s *status) Shape() string {
	return map[string]string{"good": "✓", "warn": "⋯", "bad": "×", "plain": "–"}[s.Tone]
}

// statusOf tells how a link stands, nil where its recipient can sign now.
func statusOf(w *Words, v *service.SignerView) *status {
	e, r := &v.Envelope, &v.Recipient
	switch e.State {
	case signing.Completed:
		return &status{Tone: "good", Title: w.DoneTitle, Lines: []string{w.DoneText}, AtIs: w.SignedOn, At: r.SignedAt, Done: v.Sealed != nil}
	case signing.Sealing:
		return sealing(w, v)
	case signing.Declined:
		return declined(w, v)
	case signing.Voided:
		return ended(w, v, w.VoidedTitle, w.Voided)
	case signing.Expired:
		return ended(w, v, w.EndedTitle, w.Ended)
	}
	switch r.State {
	case signing.RecipientSigned:
		n := 0
		for i := range e.Recipients {
			if e.Recipients[i].State == signing.RecipientSigned {
				n++
			}
		}
		return &status{Tone: "good", Title: w.SignedTitle, Lines: []string{w.F(w.OthersWait, n, len(e.Recipients)), w.WeWrite},
			AtIs: w.SignedOn, At: r.SignedAt, Shown: true}
	case signing.RecipientSent, signing.RecipientDelivered, signing.RecipientViewed:
		return nil
	}
	return &status{Tone: "warn", Title: w.WaitingTitle, Lines: []string{w.F(w.Waiting, r.Email)}}
}

func sealing(w *Words, v *service.SignerView) *status {
	s := &status{Tone: "warn", Title: w.SealingTitle, Lines: []string{w.Sealing}, AtIs: w.SignedOn, At: v.Recipient.SignedAt, Poll: true, Shown: true}
	if p := v.Document.Processing; p.Status == document.StatusFailed || p.Status == document.StatusQuarantined {
		s.Lines, s.Poll = []string{w.SealFailed}, false
	}
	return s
}

func declined(w *Words, v *service.SignerView) *status {
	if r := &v.Recipient; r.State == signing.RecipientDeclined {
		return &status{Tone: "bad", Title: w.DeclinedTitle, Lines: []string{w.F(w.DeclinedReason, r.Reason)}, AtIs: w.DeclinedOn, At: r.DeclinedAt}
	}
	// Who declined and why is the sender's to know, not the other signers'.
	s := ended(w, v, w.OtherDeclinedTitle, w.OtherDeclined)
	return s
}

func ended(w *Words, v *service.SignerView, title, line string) *status {
	s := &status{Tone: "plain", Title: title, Lines: []string{line}}
	if v.Envelope.State == signing.Voided && v.Envelope.Reason != "" {
		s.Lines = append(s.Lines, w.F(w.VoidReason, v.Envelope.Reason))
	}
	if r := &v.Recipient; r.State == signing.RecipientSigned {
		s.Lines = append(s.Lines, w.YouHadSigned)
		s.AtIs, s.At = w.SignedOn, r.SignedAt
	}
	return s
}

// unknown answers for paths that lead nowhere.
func (s *site) unknown(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, fault.New(fault.NotFound, "link_unknown", "This link is not known."))
}

// refuse answers for a write that another site started.
func (s *site) refuse(w http.ResponseWriter, r *http.Request) {
	words := wordsFor(r.Header.Get("Accept-Language"))
	if wantsJSON(r) {
		writeJSON(w, http.StatusForbidden, outcome{Code: "foreign_origin", Message: words.Foreign})
		return
	}
	s.render(w, r, http.StatusForbidden, &model{W: words, Kind: "note", Title: words.TroubleTitle,
		Status: &status{Tone: "bad", Title: words.TroubleTitle, Lines: []string{words.Foreign}}})
}

// fail answers for what went wrong, in words for whoever holds the link.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is there to read an answer
	}
	words := wordsFor(r.Header.Get("Accept-Language"))
	f := fault.From(err)
	code, st := failure(words, f)
	if code >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "the signing page failed", "path", Redact(r.URL.Path), "err", err)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	if wantsJSON(r) {
		writeJSON(w, code, outcome{Code: f.Code, Message: st.Lines[0]})
		return
	}
	s.render(w, r, code, &model{W: words, Kind: "note", Title: st.Title, Status: st})
}

func failure(w *Words, f *fault.Fault) (int, *status) {
	switch f.Kind {
	case fault.NotFound:
		if f.Code == "not_sealed_yet" {
			return http.StatusNotFound, &status{Tone: "warn", Title: w.NotYetTitle, Lines: []string{w.NotYet}}
		}
		return http.StatusNotFound, &status{Tone: "plain", Title: w.UnknownTitle, Lines: []string{w.Unknown}}
	case fault.Gone:
		return http.StatusGone, &status{Tone: "warn", Title: w.ExpiredTitle, Lines: []string{w.Expired}}
	case fault.Conflict, fault.Forbidden:
		return http.StatusConflict, &status{Tone: "plain", Title: w.NotNowTitle, Lines: []string{f.Message}}
	case fault.Invalid, fault.TooLarge, fault.Unsupported:
		return http.StatusBadRequest, &status{Tone: "bad", Title: w.TroubleTitle, Lines: []string{w.NotRead}}
	case fault.Unavailable, fault.TooMany:
		return http.StatusServiceUnavailable, &status{Tone: "warn", Title: w.AwayTitle, Lines: []string{w.Away}}
	}
	return http.StatusInternalServerError, &status{Tone: "bad", Title: w.TroubleTitle, Lines: []string{w.Trouble}}
}

// note logs what must not keep the signer from going on.
func (s *site) note(r *http.Request, step string, v *service.SignerView, err error) {
	if fault.KindOf(err) == fault.Conflict {
		return // somebody or something was quicker; the page shows it
	}
	s.Log.WarnContext(r.Context(), "a step of a signer's visit was not recorded", "step", step, "envelope", v.Envelope.ID, "recipient", v.Recipient.ID, "err", err)
}
