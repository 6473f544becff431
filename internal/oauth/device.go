package oauth

import (
	"net/http"
	"net/url"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/webform"
)

// startedDevice is RFC 8628 section 3.2.
type startedDevice struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Where      string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int    `json:"expires_in"` // seconds
	Interval   int    `json:"interval"`   // seconds
}

// startDevice begins the wait of a device without a browser (RFC 8628 section 3.1).
func (s *Server) startDevice(a *ask) (any, error) {
	cl := a.client.OAuthClient
	if !cl.Profile.May(access.GrantDevice) {
		return nil, refuse("unauthorized_client", "The client may not use device codes.")
	}
	if err := s.mayBegin(a); err != nil {
		return nil, err
	}
	resources, err := s.resources(cl, a.form["resource"])
	if err != nil {
		return nil, err
	}
	scopes, err := narrow(s.delegable(cl, a.form.Get("scope")), a.form.Get("scope"))
	if err != nil {
		return nil, err
	}
	st, err := s.Service.StartDevice(a.Context(), s.clientCall(a.Request, cl), service.NewDevice{ClientID: cl.ID, Scopes: scopes, Resources: resources, JKT: a.proved.JKT})
	if err != nil {
		return nil, err
	}
	where := s.Issuer + DevicePath
	return startedDevice{st.Code, st.UserCode, where, where + "?" + url.Values{"user_code": {st.UserCode}}.Encode(),
		int(delegation.DeviceLife.Seconds()), int(delegation.DeviceInterval.Seconds())}, nil
}

// deviceForm is the page on which a person types a code.
type deviceForm struct{ Action, Code, Fault string }

// device shows where to type the code of a device. One that came in the address is
// filled in, and the person still has to say that it is the one before them (RFC
// 8628 section 3.3.1).
func (s *Server) device(w http.ResponseWriter, r *http.Request) error {
	if _, in, err := s.Login.Session(r); err != nil || !in {
		if err == nil {
			webform.Send(w, s.Login.URL(r.URL.RequestURI(), false))
		}
		return err
	}
	code, _ := delegation.NormaliseUserCode(r.URL.Query().Get("user_code"))
	return s.showDevice(w, r, http.StatusOK, deviceForm{Action: DevicePath, Code: code})
}

func (s *Server) showDevice(w http.ResponseWriter, r *http.Request, status int, f deviceForm) error {
	return pages.Show(w, status, webform.Page{Kind: "device", Title: "Connect a device", Data: f})
}

// answerDevice takes a code, and then what the person says to the device behind it.
func (s *Server) answerDevice(w http.ResponseWriter, r *http.Request) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	if !r.PostForm.Has("form") {
		return s.findDevice(w, r, r.PostForm.Get("user_code"))
	}
	wait, session, err := s.waited(w, r, "device")
	if err != nil {
		return err
	}
	allow := r.PostForm.Get("answer") == "allow"
	if err := s.Service.AnswerDevice(r.Context(), s.personCall(r, session.User), wait.Device, allow, session); err != nil {
		return err
	}
	n := webform.Note{Tone: "good", Shape: "✓", Lines: []string{"The device goes on by itself within seconds. You can close this page."}}
	title := "The device is connected"
	if !allow {
		title, n = "The device was turned away", webform.Note{Shape: "–", Lines: []string{"It gets no access. You can close this page."}}
	}
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "note", Title: title, Data: n})
}

// findDevice asks a person about the device that waits under a code. Wrong codes
// cost the person a place in a small bucket, so that nobody finds another's device
// by trying (RFC 8628 section 5.1).
func (s *Server) findDevice(w http.ResponseWriter, r *http.Request, code string) error {
	session, in, err := s.Login.Session(r)
	if err != nil {
		return err
	}
	if !in {
		webform.Send(w, s.Login.URL(DevicePath, false))
		return nil
	}
	now, who := s.Clock.Now(), session.User.ID
	if wait := s.guesses.Wait(now, who); wait > 0 {
		return s.showDevice(w, r, http.StatusTooManyRequests, deviceForm{DevicePath, code, "Those were too many wrong codes. Wait " + wait.Round(time.Second).String() + " before the next."})
	}
	d, err := s.Service.WaitingDevice(r.Context(), session.User.Org, code)
	if fault.KindOf(err) == fault.Invalid {
		s.guesses.Wrong(now, who)
		return s.showDevice(w, r, http.StatusUnprocessableEntity, deviceForm{DevicePath, code, fault.From(err).Message})
	}
	if err != nil {
		return err
	}
	cl, err := s.Service.ActiveClient(r.Context(), d.ClientID)
	if err != nil {
		return err
	}
	form, err := s.seal("device", waiting{Session: session.ID, Until: d.ExpiresAt, Device: d.UserHash})
	if err != nil {
		return err
	}
	c := consentOf(s, cl, session.User, within(d.Scopes, session.User.Scopes), d.Resources)
	c.Code, _ = delegation.NormaliseUserCode(code)
	c.Action, c.Form = DevicePath, form
	c.Switch = s.Login.URL(DevicePath, true)
	return pages.Show(w, http.StatusOK, webform.Page{Kind: "consent", Title: "Connect " + c.Client, Data: c})
}
