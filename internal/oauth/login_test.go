package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/login"
	"github.com/paraph/paraph/internal/people"
)

// TestSessionFixation: a login draws a new session, and what a browser was given
// beforehand never becomes one.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mara, eve := r.person("mara@test.example"), r.person("eve@test.example")
	evil := r.loggedIn(eve)
	planted := evil.jar["__Host-"+login.SessionCookie]
	b := r.browser()
	b.jar["__Host-"+login.SessionCookie] = planted
	b.enter(reply{header: http.Header{"Location": {login.Path + "?fresh=1"}}}, mara)
	if b.jar["__Host-"+login.SessionCookie] == planted {
		t.Fatal("the session is the one that was planted")
	}
	if p := evil.get(login.Path); strings.Contains(p.body, "mara@") {
		t.Error("the planted session has become the person's")
	}
	// A second cookie of the name, as a neighbouring host may set one, counts for nobody.
	q := httptest.NewRequest("GET", authorizeURL(r.client(web())), nil)
	q.AddCookie(&http.Cookie{Name: "__Host-" + login.SessionCookie, Value: planted})
	q.AddCookie(&http.Cookie{Name: "__Host-" + login.SessionCookie, Value: b.jar["__Host-"+login.SessionCookie]})
	if p := r.do(q); !strings.HasPrefix(p.header.Get("Location"), login.Path) {
		t.Errorf("of two sessions one was taken: %d", p.status)
	}
	for _, forged := range []string{"", "x", planted[:len(planted)-3], planted + "AAAA"} {
		b.jar["__Host-"+login.SessionCookie] = forged
		if p := b.get(login.Path); !strings.Contains(p.body, "<form") {
			t.Errorf("%q is a session", forged)
		}
	}
}

// TestLoginCSRF: no other site logs a browser in as somebody whom it chose, or out.
func TestLoginCSRF(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	eve := r.person("eve@test.example")
	evil, victim := r.browser(), r.browser()
	form := url.Values{"form": {evil.get(login.Path).field(t)}, "key": {eve.Client.ID}, "secret": {eve.Secret}}
	for name, jar := range map[string]bool{"a browser that saw no login page": false, "one that saw another": true} {
		if jar {
			victim.get(login.Path)
		}
		if p := victim.submit(login.Path, form); p.status != http.StatusConflict || victim.jar["__Host-"+login.SessionCookie] != "" {
			t.Errorf("%s is logged in: %d", name, p.status)
		}
	}
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		own := url.Values{"form": {victim.get(login.Path).field(t)}, "key": {eve.Client.ID}, "secret": {eve.Secret}}
		q := httptest.NewRequest("POST", login.Path, strings.NewReader(own.Encode()))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set(header[0], header[1])
		if p := victim.send(q); p.status != http.StatusForbidden || victim.jar["__Host-"+login.SessionCookie] != "" {
			t.Errorf("%v: %d", header, p.status)
		}
	}
	if p := evil.submit(login.Path, form); p.status != http.StatusSeeOther {
		t.Errorf("the browser whose form it is: %d", p.status)
	}
	// Nor does one log a browser out: not by a link or a picture, not by a form.
	evil.get(login.LogoutPath)
	q := httptest.NewRequest("POST", login.LogoutPath, nil)
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	evil.send(q)
	if p := evil.get(login.Path); p.status != http.StatusSeeOther {
		t.Errorf("another site has logged the browser out: %d", p.status)
	}
}

// TestConsentCSRF: a question can be answered only in the login that it was asked.
func TestConsentCSRF(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(web())
	mara, eve := r.loggedIn(r.person("mara@test.example")), r.loggedIn(r.person("eve@test.example"))
	form := url.Values{"form": {eve.get(authorizeURL(c)).field(t)}, "answer": {"allow"}}
	if p := mara.submit(AuthorizePath, form); p.status != http.StatusConflict {
		t.Errorf("another's form: %d", p.status)
	}
	device := r.client(app())
	st := r.post(StartPath, with(device)).is(t, 200, "")
	asked := url.Values{"form": {eve.submit(DevicePath, url.Values{"user_code": {st.text("user_code")}}).field(t)}, "answer": {"allow"}}
	if p := mara.submit(DevicePath, asked); p.status != http.StatusConflict {
		t.Errorf("another's device form: %d", p.status)
	}
	// The one kind of form does not stand for the other.
	if p := eve.submit(AuthorizePath, asked); p.status != http.StatusConflict {
		t.Errorf("a device form as a consent: %d", p.status)
	}
	if p := eve.submit(DevicePath, form); p.status != http.StatusConflict {
		t.Errorf("a consent as a device form: %d", p.status)
	}
	r.clock.Advance(answerTime)
	if p := eve.submit(AuthorizePath, form); p.status != http.StatusConflict {
		t.Errorf("an old form: %d", p.status)
	}
	q := httptest.NewRequest("POST", AuthorizePath, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	if p := eve.send(q); p.status != http.StatusForbidden {
		t.Errorf("from another site: %d", p.status)
	}
}

// TestSessionEnds: by its time, by not being used, and by the logout, for copies of
// its cookie, too.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mara := r.person("mara@test.example")
	in := func(b *browser) bool { return b.get(login.Path).status == http.StatusSeeOther }
	b := r.loggedIn(mara)
	copied := r.browser()
	copied.jar["__Host-"+login.SessionCookie] = b.jar["__Host-"+login.SessionCookie]
	if !in(b) || !in(copied) {
		t.Fatal("not logged in")
	}
	b.submit(login.LogoutPath, url.Values{})
	if in(b) || in(copied) {
		t.Error("logged in after the logout")
	}
	b = r.loggedIn(mara)
	r.clock.Advance(people.SessionIdle - time.Second)
	if !in(b) {
		t.Error("the session ended before its time")
	}
	r.clock.Advance(people.SessionIdle)
	if in(b) {
		t.Error("a session that nobody uses has no end")
	}
	b = r.loggedIn(mara)
	for range int(people.SessionLife/people.SessionIdle)*2 - 1 {
		r.clock.Advance(people.SessionIdle / 2)
		if !in(b) {
			t.Fatal("a session that is used ended before its time")
		}
	}
	r.clock.Advance(people.SessionIdle / 2)
	if in(b) {
		t.Error("the session has no end")
	}
}

// TestWhoLogsIn: an access key lets somebody log in, a program's own secret nobody.
func TestWhoLogsIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	program, device := r.client(web()), r.client(access.Profile{Grants: []access.GrantType{access.GrantExchange}})
	for _, c := range [][2]string{{program.Client.ID, program.Secret}, {device.Client.ID, device.Secret}, {r.admin.Client.ID, "x"}, {"", ""}, {"cli_unknown", r.admin.Secret}} {
		b := r.browser()
		p := b.submit(login.Path, url.Values{"form": {b.get(login.Path).field(t)}, "key": {c[0]}, "secret": {c[1]}})
		if p.status != http.StatusUnauthorized || !strings.Contains(p.body, "The id or the secret is wrong") || strings.Contains(p.body, c[1]) && c[1] != "" && c[1] != "x" {
			t.Errorf("%v: %d %s", c, p.status, p.body)
		}
	}
}

// TestGuessingAtTheLogin: wrong secrets are slowed down by address; right ones
// are always taken, so nobody is locked out.
func TestGuessingAtTheLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mara, b := r.person("mara@test.example"), r.browser()
	form := b.get(login.Path).field(t)
	for i := range guessBurst + 1 {
		p := b.submit(login.Path, url.Values{"form": {form}, "key": {mara.Client.ID}, "secret": {"x"}})
		if want := map[bool]int{true: 401, false: 429}[i < guessBurst]; p.status != want {
			t.Errorf("guess %d: %d", i, p.status)
		}
	}
	if p := b.submit(login.Path, url.Values{"form": {form}, "key": {mara.Client.ID}, "secret": {mara.Secret}}); p.status != http.StatusSeeOther {
		t.Errorf("the right secret: %d", p.status)
	}
}

// TestGuessingUserCodes: RFC 8628 section 5.1.
func TestGuessingUserCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	st := r.post(StartPath, with(r.client(app()))).is(t, 200, "")
	b := r.loggedIn(r.person("mara@test.example"))
	for i := range codeBurst {
		if p := b.submit(DevicePath, url.Values{"user_code": {"BBBB-BBBB"}}); p.status != http.StatusUnprocessableEntity {
			t.Errorf("guess %d: %d", i, p.status)
		}
	}
	if p := b.submit(DevicePath, url.Values{"user_code": {st.text("user_code")}}); p.status != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", p.status)
	}
	r.clock.Advance(codeInterval)
	if p := b.submit(DevicePath, url.Values{"user_code": {st.text("user_code")}}); p.status != http.StatusOK {
		t.Errorf("after the wait: %d", p.status)
	}
}

// TestBeginningsAreBounded: who needs no credentials cannot fill the store with
// what they begin; who has some is not held up by them.
func TestBeginningsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(app())
	form := with(c, "response_type", "code", "redirect_uri", redirect, "code_challenge", challenge(), "code_challenge_method", "S256")
	for i := range beginBurst {
		if path := []string{StartPath, PushPath}[i%2]; r.post(path, form).status >= 300 {
			t.Fatalf("beginning %d at %s is refused", i, path)
		}
	}
	if p := r.post(StartPath, form).is(t, 429, "slow_down"); p.header.Get("Retry-After") == "" {
		t.Errorf("%v", p.header)
	}
	r.post(PushPath, form).is(t, 429, "slow_down")
	own := r.client(web())
	r.post(PushPath, with(own, "response_type", "code", "redirect_uri", redirect, "code_challenge", challenge(), "code_challenge_method", "S256")).is(t, 201, "")
	r.clock.Advance(beginInterval)
	r.post(StartPath, form).is(t, 200, "")
}

// TestDeviceIsAskedFor: the person is asked even where the code came in the
// address (RFC 8628 section 3.3.1), and a refusal is told (section 3.5).
func TestDeviceIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(app())
	b := r.loggedIn(r.person("mara@test.example"))
	st := r.post(StartPath, with(c)).is(t, 200, "")
	poll := func() reply {
		r.clock.Advance(time.Minute)
		return r.token(c, "grant_type", string(access.GrantDevice), "device_code", st.text("device_code"))
	}
	b.get(DevicePath + "?user_code=" + st.text("user_code"))
	poll().is(t, 400, "authorization_pending")
	ask := b.submit(DevicePath, url.Values{"user_code": {st.text("user_code")}})
	poll().is(t, 400, "authorization_pending")
	b.submit(DevicePath, url.Values{"form": {ask.field(t)}, "answer": {"deny"}})
	poll().is(t, 400, "access_denied")
	if p := b.submit(DevicePath, url.Values{"form": {ask.field(t)}, "answer": {"allow"}}); p.status == http.StatusOK {
		t.Error("answered twice")
	}
	st = r.post(StartPath, with(c)).is(t, 200, "")
	r.clock.Advance(10 * time.Minute)
	poll().is(t, 400, "expired_token")
	other := r.client(app())
	st = r.post(StartPath, with(c)).is(t, 200, "")
	r.token(other, "grant_type", string(access.GrantDevice), "device_code", st.text("device_code")).is(t, 400, "invalid_grant")
	r.post(StartPath, with(r.client(web()))).is(t, 400, "unauthorized_client")
}
