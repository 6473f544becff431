// Package webui is the page of endpoints for events, at /console/webhooks: how each
// fares, what was sent and what came back, and sending anew. It is rendered on the
// server and works without its few lines of script.
//
// Whoever comes has a link (service.Portal): a customer to its own endpoints, an
// operator to all that the link's maker may see. The token stands behind the # of
// the link, which no server logs; the page hands it over once and gets a cookie.
package webui

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webhook"
)

// Prefix is the path under which the handler is mounted.
const Prefix = "/console/webhooks"

// cookie holds the link's token, behind __Host- where the page is of https.
const cookie = "paraph_webhooks"

// maxForm is how long what is sent to the page may be, in bytes.
const maxForm = 4 << 10

// Config is what the page is made of.
type Config struct {
	Service  *service.Service
	SourceOf func(*http.Request) access.Source
	Now      func() time.Time
	Secure   bool // people reach it over https only
	Log      *slog.Logger
}

type site struct {
	Config
	guard *http.CrossOriginProtection
}

// New makes the handler to be mounted at Prefix and at Prefix + "/".
func New(c Config) entrance.Room {
	s := &site{Config: c, guard: http.NewCrossOriginProtection()}
	mux := &entrance.Mux{}
	links, gate := mux.To(entrance.Link, entrance.PerAddress), mux.To(entrance.Cookie, entrance.PerAddress)
	gate.HandleFunc("GET "+Prefix, s.known(s.endpoints))
	links.HandleFunc("POST "+Prefix+"/session", s.enter)
	mux.To(entrance.Form, entrance.PerAddress).HandleFunc("POST "+Prefix+"/leave", s.leave)
	gate.HandleFunc("GET "+Prefix+"/{id}", s.known(s.endpoint))
	gate.HandleFunc("POST "+Prefix+"/{id}/test", s.known(s.test))
	gate.HandleFunc("POST "+Prefix+"/{id}/enable", s.known(s.enable))
	gate.HandleFunc("POST "+Prefix+"/{id}/redrive", s.known(s.redriveAll))
	gate.HandleFunc("GET "+Prefix+"/{id}/{event}", s.known(s.delivery))
	gate.HandleFunc("POST "+Prefix+"/{id}/{event}/redrive", s.known(s.redrive))
	gate.HandleFunc("POST "+Prefix+"/{id}/{event}/skip", s.known(s.skip))
	mux.To(entrance.Nothing, entrance.PerAddress).HandleFunc(Prefix+"/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, access.NotFound()) })
	return entrance.Behind(s.secure(mux), mux)
}

// secure sets the headers and refuses writes that another site started.
func (s *site) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src " + styleSource + "; script-src " + scriptSource + "; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "same-origin", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"X-Robots-Tag": "noindex, nofollow", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(k, v)
		}
		if err := s.guard.Check(r); err != nil {
			s.fail(w, r, fault.New(fault.Forbidden, "missing_scope", "This came from another site. Open the page again and do it there."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// visit is a request of somebody whose link is good.
type visit struct {
	portal service.Portal
	actor  access.Actor
}

// known lets through whoever has a good link; others are asked for it.
func (s *site) known(next func(http.ResponseWriter, *http.Request, visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent := r.CookiesNamed(s.named())
		if len(sent) != 1 { // of two, one was put there by somebody else
			s.show(w, http.StatusOK, &model{Kind: "enter", Title: "Endpoints for events"})
			return
		}
		p, err := s.Service.PortalBy(r.Context(), sent[0].Value)
		if err != nil {
			s.forget(w)
			s.fail(w, r, err)
			return
		}
		actor := p.Actor()
		actor.Source = s.SourceOf(r)
		next(w, r, visit{p, actor})
	}
}

// enter takes the token of a link and gives a cookie for it.
func (s *site) enter(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("token")
	if _, behind, found := strings.Cut(token, "#"); found {
		token = behind // the whole link was put in
	}
	p, err := s.Service.PortalBy(r.Context(), token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.hand(w, http.Cookie{Value: token, Expires: p.ExpiresAt})
	http.Redirect(w, r, Prefix, http.StatusSeeOther)
}

func (s *site) leave(w http.ResponseWriter, r *http.Request) {
	s.forget(w)
	http.Redirect(w, r, Prefix, http.StatusSeeOther)
}

func (s *site) forget(w http.ResponseWriter) { s.hand(w, http.Cookie{MaxAge: -1}) }

// hand gives a browser the page's cookie. Browsers take one whose name begins with
// __Host- from this very host only, over https, and for all of its paths.
func (s *site) hand(w http.ResponseWriter, c http.Cookie) {
	c.Name, c.Path, c.HttpOnly, c.Secure, c.SameSite = s.named(), "/", true, s.Secure, http.SameSiteStrictMode
	http.SetCookie(w, &c)
}

func (s *site) named() string {
	if s.Secure {
		return "__Host-" + cookie
	}
	return cookie
}

func (s *site) endpoints(w http.ResponseWriter, r *http.Request, v visit) {
	list, err := s.Service.EndpointsOf(r.Context(), v.actor, r.URL.Query().Get("after"), pageSize)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m := &model{Kind: "endpoints", Title: "Endpoints for events", Endpoints: list, Portal: &v.portal}
	if len(list) == pageSize {
		m.Next = "?after=" + list[len(list)-1].ID
	}
	s.show(w, http.StatusOK, m)
}

func (s *site) endpoint(w http.ResponseWriter, r *http.Request, v visit) {
	q := service.DeliveryQuery{State: r.URL.Query().Get("state"), Before: r.URL.Query().Get("after"), Limit: pageSize}
	e, err := s.Service.EndpointOf(r.Context(), v.actor, r.PathValue("id"))
	var list []service.DeliveryView
	var replays []webhook.Replay
	if err == nil {
		list, err = s.Service.Deliveries(r.Context(), v.actor, e.ID, q)
	}
	if err == nil {
		replays, err = s.Service.Replays(r.Context(), v.actor, e.ID, "", 1)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m := &model{Kind: "endpoint", Title: e.URL, Endpoint: &e, Deliveries: list, State: q.State, Portal: &v.portal}
	if len(replays) > 0 {
		m.Replay = &replays[0]
	}
	if len(list) == pageSize {
		m.Next = "?state=" + q.State + "&after=" + list[len(list)-1].Entry.ID
	}
	s.show(w, http.StatusOK, m)
}

func (s *site) delivery(w http.ResponseWriter, r *http.Request, v visit) {
	d, err := s.Service.DeliveryOf(r.Context(), v.actor, r.PathValue("id"), r.PathValue("event"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, http.StatusOK, &model{Kind: "delivery", Title: string(d.Entry.Kind), Detail: &d, Portal: &v.portal})
}

// done goes back to a page after something was done, or tells why it was not.
func (s *site) done(w http.ResponseWriter, r *http.Request, back string, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, Prefix+"/"+back, http.StatusSeeOther)
}

func (s *site) test(w http.ResponseWriter, r *http.Request, v visit) {
	_, err := s.Service.TestEndpoint(r.Context(), service.Call{Actor: v.actor}, r.PathValue("id"))
	s.done(w, r, r.PathValue("id"), err)
}

func (s *site) enable(w http.ResponseWriter, r *http.Request, v visit) {
	yes := true
	_, err := s.Service.UpdateEndpoint(r.Context(), service.Call{Actor: v.actor}, r.PathValue("id"), service.EndpointSettings{}, &yes)
	s.done(w, r, r.PathValue("id"), err)
}

func (s *site) redriveAll(w http.ResponseWriter, r *http.Request, v visit) {
	_, err := s.Service.StartReplay(r.Context(), service.Call{Actor: v.actor}, r.PathValue("id"), service.NewReplay{})
	s.done(w, r, r.PathValue("id"), err)
}

func (s *site) redrive(w http.ResponseWriter, r *http.Request, v visit) {
	s.settle(w, r, v, s.Service.Redrive)
}

func (s *site) skip(w http.ResponseWriter, r *http.Request, v visit) {
	s.settle(w, r, v, s.Service.SkipDelivery)
}

func (s *site) settle(w http.ResponseWriter, r *http.Request, v visit, do func(context.Context, service.Call, string, string) (service.Result[service.DeliveryView], error)) {
	_, err := do(r.Context(), service.Call{Actor: v.actor}, r.PathValue("id"), r.PathValue("event"))
	s.done(w, r, r.PathValue("id")+"/"+r.PathValue("event"), err)
}

// statuses are the HTTP statuses of the faults a visitor can meet.
var statuses = map[fault.Kind]int{
	fault.NotFound: http.StatusNotFound, fault.Gone: http.StatusGone, fault.Forbidden: http.StatusForbidden, fault.Invalid: http.StatusUnprocessableEntity,
	fault.Conflict: http.StatusConflict, fault.Unavailable: http.StatusServiceUnavailable, fault.TooMany: http.StatusTooManyRequests,
}

// fail says what is wrong and what to do.
func (s *site) fail(w http.ResponseWriter, _ *http.Request, err error) {
	f := fault.From(err)
	status := cmp.Or(statuses[f.Kind], http.StatusInternalServerError)
	if status == http.StatusInternalServerError {
		s.Log.Error("the page of endpoints failed", "error", err)
	}
	s.show(w, status, &model{Kind: "note", Title: "This does not work", Note: f.Message})
}
