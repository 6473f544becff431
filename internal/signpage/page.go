package signpage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signing"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var (
	style, styleSource   = pack(pageCSS)
	script, scriptSource = pack(pageJS)

	pages = template.Must(template.New("page").Parse(pageHTML))
)

// pack takes indentation and comment lines out of a source and gives it with
// its digest as a content security policy names it.
func pack(source string) (packed, csp string) {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !(strings.HasPrefix(line, "/*") && strings.HasSuffix(line, "*/")) {
			b.WriteString(line + "\n")
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return b.String(), "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// consentSHA256 is the digest of the consent text as shown.
var consentSHA256 = func() string {
	sum := sha256.Sum256([]byte(service.ConsentText))
	return hex.EncodeToString(sum[:])
}()

// model is everything a template shows.
type model struct {
	W      *Words
	Kind   string // template: "sign", "status", "decline", "text", "note", "verify"
	Title  string // of the browser's tab
	Base   string // path of the link, without a slash at the end
	View   *service.SignerView
	Status *status      // kinds "status" and "note"
	Sheets []sheet      // kind "sign"
	Texts  []layer      // kind "text"
	Check  *verifyModel // kind "verify"
	// Minutes is how long reading and signing take.
	Minutes int
	Form    form
	Faults  []formFault
	Notice  string // one sentence above everything else
}

// form is what a signer has entered so far.
type form struct {
	Consent bool
	Kind    signing.SignatureKind
	Text    string
	Strokes string // as the script sends them
	Reason  string
}

// formFault is one thing to mend: the id of the control, and the words.
type formFault struct{ Field, Message string }

// Style, Script, Mark, Consent… are what the templates share.
func (*model) Style() template.CSS    { return template.CSS(style) }
func (*model) Script() template.JS    { return template.JS(script) }
func (*model) Mark() template.HTML    { return template.HTML(brand.Inline) }
func (*model) Name() string           { return brand.Name }
func (*model) ConsentText() string    { return service.ConsentText }
func (*model) ConsentDigest() string  { return consentSHA256 }
func (*model) Widths() []int          { return widths }
func (m *model) Drawn() bool          { return m.Form.Kind == signing.Drawn }
func (m *model) PageCount() string    { return m.W.pages(len(m.View.Pages)) }
func (m *model) Duration() string     { return m.W.minutes(m.Minutes) }
func (m *model) SealedDigest() string { return m.View.Sealed.SHA256 }

// Refresh tells whether the page looks for news by itself.
func (m *model) Refresh() bool { return m.Status != nil && m.Status.Poll }

// FaultOf gives the words for a control, "" where nothing is wrong with it.
func (m *model) FaultOf(field string) string {
	for _, f := range m.Faults {
		if f.Field == field {
			return f.Message
		}
	}
	return ""
}

// What the smaller templates take.
type (
	digestModel struct{ Short, Full, Copy, Copied string }
	whenModel   struct {
		W  *Words
		At time.Time
	}
)

// Digest, At and Fault make them; FileName is how the sealed PDF is saved.
func (m *model) Digest(d string) digestModel {
	return digestModel{shortDigest(d), d, m.W.Copy, m.W.Copied}
}
func (m *model) At(t time.Time) whenModel     { return whenModel{m.W, t} }
func (m *model) Fault(field string) formFault { return formFault{field, m.FaultOf(field)} }
func (m *model) FileName() string {
	return shellQuote(fileName(m.View.Document.Title) + " (signed).pdf")
}

// Blank tells whether nothing is on a page.
func (m *model) Blank(no int) bool { return m.View.Pages[no-1].Blank }

// shellQuote makes a file name one word of a command line.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// shortDigest shows a digest as 8…8.
func shortDigest(d string) string {
	if len(d) <= 17 {
		return d
	}
	return d[:8] + "…" + d[len(d)-8:]
}

// sheet is one page of the document as the reader meets it.
type sheet struct {
	document.Page
	Layer  *layer          // nil: fetched later by the script
	Fields []signing.Field // of this recipient, where marks go
}

// PixelWidth and PixelHeight give the proportions before the picture is there.
func (s sheet) PixelWidth() int  { return 1200 }
func (s sheet) PixelHeight() int { return int(1200*s.Height/max(s.Width, 1) + 0.5) }

// Mute tells that the page has a picture but no text to go with it.
func (s sheet) Mute() bool { return !s.Blank && s.Words == 0 }

// inlineWords bounds how many words travel with the page itself; the text of
// further pages is fetched by the script once the page is shown.
const inlineWords = 600

// page shows the link: the document to sign, or how things stand.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if opensForAPerson(r) && v.Recipient.State == signing.RecipientSent {
		if err := s.Service.Delivered(r.Context(), r.PathValue("token"), s.SourceOf(r)); err != nil {
			s.note(r, "delivered", &v, err)
		}
	}
	s.show(w, r, http.StatusOK, &v, form{}, nil, "")
}

// show answers with the page of a link in its present state.
func (s *site) show(w http.ResponseWriter, r *http.Request, code int, v *service.SignerView, f form, faults []formFault, notice string) {
	m := &model{W: wordsFor(r.Header.Get("Accept-Language")), Base: base(r), View: v, Form: f, Faults: faults, Notice: notice}
	if m.Status = statusOf(m.W, v); m.Status != nil {
		m.Kind, m.Title = "status", m.Status.Title+" · "+v.Document.Title
		m.Faults = nil
		s.render(w, r, code, m)
		return
	}
	m.Kind, m.Title = "sign", m.W.Sign+": "+v.Document.Title
	if f.Text == "" && len(faults) == 0 {
		m.Form.Text = v.Recipient.Name
	}
	if err := s.fill(r, m); err != nil {
		s.fail(w, r, err)
		return
	}
	s.render(w, r, code, m)
}

// fill lays out the sheets, with the text of the first ones.
func (s *site) fill(r *http.Request, m *model) error {
	budget, words := inlineWords, 0
	for _, p := range m.View.Pages {
		sh := sheet{Page: p}
		for _, f := range m.View.Recipient.Fields {
			if f.Page == p.No {
				sh.Fields = append(sh.Fields, f)
			}
		}
		words += p.Words
		if p.Words > 0 && p.Words <= budget {
			page, found, err := s.Service.LinkWords(r.Context(), r.PathValue("token"), p.No)
			if err != nil {
				return err
			}
			l := layerOf(&page, found)
			sh.Layer = &l
		}
		if budget -= p.Words; budget < 0 {
			budget = 0
		}
		m.Sheets = append(m.Sheets, sh)
	}
	// 200 words a minute, and one minute to sign.
	m.Minutes = 1 + (words+100)/200
	return nil
}

// text shows the document as plain text.
func (s *site) text(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m := &model{W: wordsFor(r.Header.Get("Accept-Language")), Kind: "text", Title: v.Document.Title, Base: base(r), View: &v}
	for _, p := range v.Pages {
		page, found, err := s.Service.LinkWords(r.Context(), r.PathValue("token"), p.No)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		m.Texts = append(m.Texts, layerOf(&page, found))
	}
	s.render(w, r, http.StatusOK, m)
}

func (s *site) declineForm(w http.ResponseWriter, r *http.Request) {
	v, err := s.Service.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showDecline(w, r, http.StatusOK, &v, "", nil)
}

func (s *site) showDecline(w http.ResponseWriter, r *http.Request, code int, v *service.SignerView, reason string, faults []formFault) {
	words := wordsFor(r.Header.Get("Accept-Language"))
	if statusOf(words, v) != nil {
		http.Redirect(w, r, base(r), http.StatusSeeOther)
		return
	}
	s.render(w, r, code, &model{
		W: words, Kind: "decline", Title: words.DeclineTitle + " · " + v.Document.Title, Base: base(r), View: v,
		Form: form{Reason: reason}, Faults: faults,
	})
}

// base gives the path of the link a request belongs to.
func base(r *http.Request) string { return Prefix + r.PathValue("token") }

// render writes a page, compressed where the browser takes it.
func (s *site) render(w http.ResponseWriter, r *http.Request, code int, m *model) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page", m); err != nil {
		s.Log.ErrorContext(r.Context(), "the signing page could not be written", "err", err)
		http.Error(w, m.W.TroubleTitle, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", m.W.Lang)
	h.Add("Vary", "Accept-Encoding, Accept-Language")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(code)
		_, _ = w.Write(b.Bytes()) // a reader who left needs no answer
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	z := gzip.NewWriter(w)
	_, _ = z.Write(b.Bytes())
	_ = z.Close()
}
