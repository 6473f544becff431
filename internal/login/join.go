package login

import (
	"encoding/base64"
	"net/http"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// joinForm is the page of a link that was sent.
type joinForm struct {
	Action, Form, Person string
	Codes                bool // it asks for a code
	Fault                string
}

// followLink shows what a link is for. It takes nothing yet: readers of e-mail look
// at links before people do.
func (l *Login) followLink(w http.ResponseWriter, r *http.Request) error {
	return l.showLink(w, r, http.StatusOK, "")
}

func (l *Login) showLink(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	i, u, err := l.Service.InvitationByLink(r.Context(), r.PathValue("secret"))
	if err != nil {
		return linkIsOver(err)
	}
	browser := l.browser(w, r)
	if i.Purpose == people.ToLogIn && string(hashOf(browser)) != string(i.Browser) {
		return fault.New(fault.Conflict, "other_browser", "This link goes on with a login that was begun in another browser. Open it there. If you did not begin one, do nothing: without this link and a code nobody gets in.")
	}
	form, err := webform.Seal(l.Sealer, "link", waiting{Browser: browser, Until: l.Clock.Now().Add(formLife)})
	if err != nil {
		return err
	}
	f := joinForm{Action: r.URL.Path, Form: form, Person: u.Name, Codes: i.Purpose == people.ToLogIn, Fault: wrong}
	title := "Welcome to Paraph"
	if f.Codes {
		title = "Type a code"
	}
	return pages.Show(w, status, webform.Page{Kind: "join", Title: title, Data: f, Targets: []string{"https:", "http:"}})
}

// linkIsOver says of a link that gets nobody in what to do, and no more.
func linkIsOver(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.NotFound, "link_over", "This link was used before, has run out, or was taken back. Log in, or ask your administrator for a new invitation.")
	}
	return err
}

// answerLink takes an invitation, or a code.
func (l *Login) answerLink(w http.ResponseWriter, r *http.Request) error {
	wait, ok, err := l.answered(w, r, "link")
	if err != nil {
		return err
	}
	if !ok {
		return l.showLink(w, r, http.StatusConflict, "This page has waited too long, or the browser keeps no cookies.")
	}
	secret := r.PathValue("secret")
	i, u, err := l.Service.InvitationByLink(r.Context(), secret)
	if err != nil {
		return linkIsOver(err)
	}
	if i.Purpose == people.ToJoin {
		made, err := l.Service.Join(r.Context(), secret, l.place(r))
		if err != nil {
			return linkIsOver(err)
		}
		return l.enter(w, made, AccountPath)
	}
	made, err := l.Service.LogInByCode(r.Context(), secret, hashOf(wait.Browser), r.PostForm.Get("code"), l.place(r))
	if fault.KindOf(err) == fault.Unauthorized {
		if _, err := l.wrongly(r, "", service.MethodCode, "wrong_code"); err != nil { // which user: the service has noted it
			return err
		}
		if i, _, err = l.Service.InvitationByLink(r.Context(), secret); err != nil {
			return fault.New(fault.Conflict, "too_many_codes", "Those were too many wrong codes: the link is used up. Begin the login anew; other logins of %s are not touched.", u.Name)
		}
		return l.showLink(w, r, http.StatusUnauthorized, "The code is wrong, or was used before. Type the one that is shown now.")
	}
	if err != nil {
		return linkIsOver(err)
	}
	next := ""
	if sent := r.CookiesNamed(l.named(nextCookie)); len(sent) == 1 {
		raw, _ := base64.RawURLEncoding.DecodeString(sent[0].Value) // what is no address leads to the account
		next = webform.Local(string(raw))
		l.set(w, nextCookie, "", -time.Second)
	}
	return l.enter(w, made, next)
}
