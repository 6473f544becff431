package oauth

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/brand"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// SetupService is what SetupPage needs of internal/service.
type SetupService interface {
	// SetUp uses a set-up link up. Faults Gone "setup_link_gone", Invalid.
	SetUp(ctx context.Context, source access.Source, token string, in service.Setup) (service.ClientSecret, error)
}

// SetupPage is where somebody becomes an administrator by a set-up link. It is mounted
// at service.SetupPath. Opening it uses nothing up: what looks at links beforehand, as
// mail filters do, does no harm.
type SetupPage struct {
	service  SetupService
	log      *slog.Logger
	sourceOf func(context.Context) access.Source
	mux      entrance.Mux
}

// NewSetupPage makes a SetupPage.
func NewSetupPage(s SetupService, log *slog.Logger, sourceOf func(context.Context) access.Source) *SetupPage {
	p := &SetupPage{service: s, log: log, sourceOf: sourceOf}
	guard := http.NewCrossOriginProtection()
	p.mux.To(entrance.Nothing, entrance.PerAddress).HandleFunc("GET "+service.SetupPath, guarded(guard, log, p.form))
	p.mux.To(entrance.Link, entrance.PerAddress).HandleFunc("POST "+service.SetupPath, guarded(guard, log, p.use))
	return p
}

// ServeHTTP implements http.Handler.
func (p *SetupPage) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Entrances implements entrance.Room.
func (p *SetupPage) Entrances() []entrance.Entrance { return p.mux.Entrances() }

// setupForm is what the page shows.
type setupForm struct{ Action, Token, Organisation, Principal, Fault string }

// setupScript puts what stands behind the # into the form, and out of the address.
const setupScript = `const t=document.getElementById("token");if(t&&!t.value&&location.hash.length>1){t.value=location.hash.slice(1);history.replaceState(null,"",location.pathname)}`

var setupJS, setupSource = brand.Pack(setupScript)

func (p *SetupPage) form(w http.ResponseWriter, _ *http.Request) error {
	return p.show(w, http.StatusOK, setupForm{})
}

func (p *SetupPage) show(w http.ResponseWriter, status int, f setupForm) error {
	f.Action = service.SetupPath
	return show(w, status, page{Kind: "setup", Title: "Set up Paraph", Data: f, Script: template.JS(setupJS), ScriptSource: setupSource})
}

// use makes the administrator. The answer is the only place where the secret stands.
func (p *SetupPage) use(w http.ResponseWriter, r *http.Request) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	f := setupForm{Token: r.PostForm.Get("token"), Organisation: strings.TrimSpace(r.PostForm.Get("organisation")), Principal: strings.TrimSpace(r.PostForm.Get("principal"))}
	token := strings.TrimSpace(f.Token)
	token = token[strings.LastIndexByte(token, '#')+1:] // the whole link does as well
	made, err := p.service.SetUp(r.Context(), p.sourceOf(r.Context()), token, service.Setup{Organisation: f.Organisation, Principal: f.Principal})
	switch fault.KindOf(err) {
	case fault.Gone:
		f.Token, f.Fault = "", fault.From(err).Message
		return p.show(w, http.StatusGone, f)
	case fault.Invalid:
		f.Fault = fault.From(err).Message
		for _, d := range fault.From(err).Details {
			f.Fault += " " + d.Message
		}
		return p.show(w, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return show(w, http.StatusOK, page{Kind: "credential", Title: "You are the administrator", Data: made})
}
