package signpage

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

// maxBody bounds a posted form, in bytes: a drawing of signing.MaxPoints points
// takes some 80 kB.
const maxBody = 256 << 10

// outcome is what the script learns of a post.
type outcome struct {
	Code    string      `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
	Faults  []formFault `json:"faults,omitempty"`
	State   string      `json:"state,omitempty"`
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a reader who left needs no answer
}

// opensForAPerson tells whether a GET shows the page to somebody: prefetches,
// link previews and mail scanners that say what they are do not count.
func opensForAPerson(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, h := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		if v := strings.ToLower(r.Header.Get(h)); strings.Contains(v, "prefetch") || strings.Contains(v, "preview") {
			return false
		}
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	agent := strings.ToLower(r.UserAgent())
	if agent == "" {
		return false
	}
	for _, robot := range []string{"bot", "crawl", "spider", "preview", "facebookexternalhit", "whatsapp", "slurp", "scan", "python", "curl", "wget", "go-http-client", "okhttp"} {
		if strings.Contains(agent, robot) {
			return false
		}
	}
	return true
}

// state tells the script how things stand: whatever changes it is news.
func (s *site) state(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, outcome{State: stateOf(&v)})
}

// stateOf names everything the page's looks depend on.
func stateOf(v *service.SignerView) string {
	return strings.Join([]string{string(v.Envelope.State), string(v.Recipient.State), string(v.Document.Processing.Status)}, " ")
}

// StateOf is stateOf for the templates.
func (m *model) StateOf() string { return stateOf(m.View) }

// step handles a post that notes a stage of the visit.
func (s *site) step(do func(ctx context.Context, token string, src access.Source) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), r.PathValue("token"), s.SourceOf(r)); err != nil {
			s.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// sign handles the last tap, from the script or from the plain form.
func (s *site) sign(w http.ResponseWriter, r *http.Request) {
	entered, act, faults, err := s.readSign(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	token := r.PathValue("token")
	var signErr error
	if len(faults) == 0 {
		if _, signErr = s.Service.Sign(r.Context(), token, s.SourceOf(r), act); signErr == nil {
			s.done(w, r)
			return
		}
		faults = faultsOf(wordsFor(r.Header.Get("Accept-Language")), signErr, entered.Text)
	}
	s.again(w, r, entered, faults, signErr)
}

// done answers a post that took effect.
func (s *site) done(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, outcome{State: "done"})
		return
	}
	http.Redirect(w, r, base(r), http.StatusSeeOther)
}

// again answers a signature that could not be taken: with what is to be mended,
// or with how things stand by now.
func (s *site) again(w http.ResponseWriter, r *http.Request, entered form, faults []formFault, signErr error) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	words, code, notice := wordsFor(r.Header.Get("Accept-Language")), http.StatusUnprocessableEntity, ""
	if len(faults) == 0 {
		f := fault.From(signErr)
		if f.Kind != fault.Conflict {
			s.fail(w, r, signErr)
			return
		}
		code = http.StatusConflict
		if f.Code == "shown_something_else" {
			notice = words.ShownElse
		} else if statusOf(words, &v) == nil {
			notice = f.Message
		}
	}
	if wantsJSON(r) {
		writeJSON(w, code, outcome{Code: codeOf(signErr), Message: notice, Faults: faults, State: stateOf(&v)})
		return
	}
	s.show(w, r, code, &v, entered, faults, notice)
}

func codeOf(err error) string {
	if err == nil {
		return "invalid_signature"
	}
	return fault.CodeOf(err)
}

// readSign reads the form. Faults are about what a person entered; the error is
// about a request no form of ours sends.
func (s *site) readSign(w http.ResponseWriter, r *http.Request) (form, service.Act, []formFault, error) {
	if err := parseForm(w, r); err != nil {
		return form{}, service.Act{}, nil, err
	}
	words := wordsFor(r.Header.Get("Accept-Language"))
	f := form{
		Consent: r.PostForm.Get("consent") != "", Kind: signing.SignatureKind(r.PostForm.Get("kind")),
		Text: strings.Join(strings.Fields(r.PostForm.Get("text")), " "), Strokes: r.PostForm.Get("strokes"),
	}
	if f.Kind == "" {
		f.Kind = signing.Typed
	}
	act := service.Act{
		Consent: r.PostForm.Get("consent"), Document: r.PostForm.Get("document"), Locale: words.Lang,
		TimeZone: zone(r.PostForm.Get("zone")), Signature: signing.Signature{Kind: f.Kind},
	}
	var faults []formFault
	if !f.Consent {
		faults = append(faults, formFault{"consent", words.NoConsent})
	}
	if f.Kind == signing.Drawn {
		sig, ok := strokes(f.Strokes)
		if !ok {
			faults = append(faults, formFault{"pad", words.BadDrawing})
			f.Strokes = ""
		}
		act.Signature = sig
	} else {
		act.Signature.Text = f.Text
	}
	var l fault.List
	act.Signature.Check(&l)
	if len(faults) == 0 || faults[len(faults)-1].Field == "consent" {
		faults = append(faults, faultsOf(words, l.Err("invalid_signature", ""), f.Text)...)
	}
	return f, act, faults, nil
}

func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(media) != "application/x-www-form-urlencoded" {
		return fault.New(fault.Unsupported, "bad_media_type", "The form is sent as application/x-www-form-urlencoded.")
	}
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Invalid, "bad_form", "The form could not be read.")
	}
	for _, values := range r.PostForm {
		for _, v := range values {
			if !utf8.ValidString(v) {
				return fault.New(fault.Invalid, "bad_form", "The form holds text that is not UTF-8.")
			}
		}
	}
	return nil
}

// faultsOf says the service's details in the page's words, by control.
func faultsOf(w *Words, err error, typed string) []formFault {
	var out []formFault
	name := w.NoName
	if typed != "" {
		name = w.LongName
	}
	for _, d := range fault.From(err).GetDetails() {
		switch {
		case d.Pointer == "/consent":
			out = append(out, formFault{"consent", w.NoConsent})
		case d.Pointer == "/signature/text" && d.Code == "bad_length":
			out = append(out, formFault{"text", name})
		case d.Pointer == "/signature/strokes" && d.Code == "empty":
			out = append(out, formFault{"pad", w.NoDrawing})
		case strings.HasPrefix(d.Pointer, "/signature/strokes"):
			out = append(out, formFault{"pad", w.BadDrawing})
		default:
			out = append(out, formFault{"text", w.NoName})
		}
	}
	return out
}

// drawing is a signature as the script sends it: strokes of x, y, x, y … in a box.
type drawing struct {
	Width   float64     `json:"w"`
	Height  float64     `json:"h"`
	Strokes [][]float64 `json:"s"`
}

// strokes reads a drawing; whether it is a fair signature, signing decides.
func strokes(text string) (signing.Signature, bool) {
	sig := signing.Signature{Kind: signing.Drawn}
	if text == "" {
		return sig, true // Check calls it empty
	}
	var d drawing
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return sig, false
	}
	sig.Width, sig.Height = d.Width, d.Height
	for _, s := range d.Strokes {
		if len(s)%2 != 0 {
			return sig, false
		}
		line := make([]signing.Point, 0, len(s)/2)
		for i := 0; i < len(s); i += 2 {
			line = append(line, signing.Point{X: s[i], Y: s[i+1]})
		}
		sig.Strokes = append(sig.Strokes, line)
	}
	return sig, true
}

// zone takes a time zone as browsers name it; it is the browser's word and no proof.
func zone(name string) string {
	if zoneName.MatchString(name) {
		return name
	}
	return ""
}

var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+/-]{0,63}$`)

// decline handles the confirmed refusal.
func (s *site) decline(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	words := wordsFor(r.Header.Get("Accept-Language"))
	reason := strings.TrimSpace(r.PostForm.Get("reason"))
	_, err := s.Service.DeclineLink(r.Context(), r.PathValue("token"), s.SourceOf(r), reason)
	switch fault.KindOf(err) {
	case fault.Invalid:
		s.declineAgain(w, r, words, reason)
	case fault.Conflict:
		http.Redirect(w, r, base(r), http.StatusSeeOther) // the page says how things stand by now
	default:
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.done(w, r)
	}
}

func (s *site) declineAgain(w http.ResponseWriter, r *http.Request, words *Words, reason string) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	say := words.NoReason
	if reason != "" {
		say = words.LongReason
	}
	s.showDecline(w, r, http.StatusUnprocessableEntity, &v, reason, []formFault{{"reason", say}})
}
