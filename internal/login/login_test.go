package login

import (
	"context"
	"encoding/base32"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// TestInvitation: a link works once and in time; until there is a proof, whoever has
// followed it is logged in nowhere but on the page that sets one up.
func TestInvitation(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, link := r.invite("mara@example.com", access.RoleApprover)
		b := r.browser()
		page := b.get(link)
		r.is("the link, looked at twice", b.get(link), 200, "")
		r.is("the invitation", b.post(link, "form", page.form), 303, AccountPath)
		if who, _ := b.in(); who != "" {
			t.Errorf("%s is logged in without a proof", who)
		}
		early := b.jar["__Host-"+SessionCookie]
		r.is("recovery codes before a proof", b.post(AccountPath+"/recovery", "form", b.get(AccountPath).form), 409, "")
		r.is("the passkey", b.register("Laptop", ours), 303, AccountPath)
		if who, how := b.in(); who != u.Name || !same(how, []string{"mail", "hwk", "user"}) {
			t.Errorf("%s is logged in by %v", who, how)
		}
		if b.jar["__Host-"+SessionCookie] == early {
			t.Error("the login is the one from before the proof")
		}
		r.is("the link once more", b.get(link), 404, "")
		other := r.browser()
		r.is("the link by somebody else", other.post(link, "form", page.form), 404, "")
		b.post(LogoutPath)
		r.is("a login by passkey", b.loginByPasskey(Path+"?next=/oauth/device"), 303, "/oauth/device")
		if who, _ := b.in(); who != u.Name {
			t.Errorf("%q is logged in", who)
		}

		_, late := r.invite("late@example.com")
		r.clock.Advance(people.JoinLife)
		r.is("a link that has run out", r.browser().get(late), 404, "")
		ina, left := r.invite("ina@example.com")
		r.deactivate(ina.ID)
		r.is("a link of somebody who has left", r.browser().get(left), 404, "")
		r.is("a link that never was", r.browser().get(service.JoinPath+"pin_x"), 404, "")
		out, err := r.svc.Invite(r.Context(), service.Call{Actor: r.admin}, service.NewInvitation{UserID: u.ID, Show: true})
		r.must(err)
		_, err = r.svc.RevokeInvitation(r.Context(), service.Call{Actor: r.admin}, out.Value.ID)
		r.must(err)
		r.is("a link that was taken back", r.browser().get(strings.TrimPrefix(out.Value.Link, issuer)), 404, "")
		if n := len(r.entries(journal.LoginSucceeded)); n != 3 {
			t.Errorf("%d entries of logins", n)
		}
	})
}

// TestLoginPage: its cookies come from this host alone, over https, and no script sees
// them, which the rig looks at; the page does not tell them; a secret that is typed is
// not shown, and can be pasted.
func TestLoginPage(t *testing.T) {
	onBoth(t, func(r *rig) {
		_, link := r.invite("ben@example.com")
		b := r.browser()
		page := b.get(Path)
		r.is("the invitation", b.post(link, "form", b.get(link).form), 303, AccountPath)
		account := b.get(AccountPath)
		if len(b.jar) != 2 {
			t.Errorf("%d cookies", len(b.jar))
		}
		for name, value := range b.jar {
			if strings.Contains(page.body+account.body, value) || len(value) < 40 {
				t.Errorf("a page tells %s, or it is short", name)
			}
		}
		if !strings.Contains(page.body, `name="secret" type="password"`) || strings.Contains(page.body, "onpaste") {
			t.Errorf("%s", page.body)
		}
	})
}

// TestPrograms: people see which programs act in their names, and what they may do, and
// take it back; nobody else's.
func TestPrograms(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		other, _ := r.joined("ben@example.com")
		lets := func(userID string, scopes ...string) string {
			d := delegation.Delegation{ID: id.New(delegation.Prefix, r.clock.Now()), Org: u.Org, ClientID: r.admin.ID, UserID: userID, Scopes: scopes,
				CreatedAt: r.clock.Now(), RotatedAt: r.clock.Now(), ExpiresAt: r.clock.Now().Add(time.Hour), IdleUntil: r.clock.Now().Add(time.Hour), Revision: 1}
			r.must(r.store.Write(r.Context(), func(ctx context.Context, tx service.Tx) error { return tx.InsertDelegation(ctx, d) }))
			return d.ID
		}
		if strings.Contains(b.get(AccountPath).body, "act in your name") {
			t.Error("programs, before there are any")
		}
		first, second, others := lets(u.ID, string(access.DocumentsRead)), lets(u.ID, "openid"), lets(other.ID, "openid")
		page := b.get(AccountPath)
		for _, part := range []string{first, second, html.EscapeString(access.Scopes()[access.DocumentsRead]), "It learns who you are"} {
			if !strings.Contains(page.body, part) {
				t.Errorf("the account does not show %q: %s", part, page.body)
			}
		}
		if strings.Contains(page.body, others) {
			t.Error("the account shows another's program")
		}
		r.is("another's", b.post(AccountPath+"/programs", "form", page.form, "program", others), 404, "")
		r.is("without the page's form", b.post(AccountPath+"/programs", "program", first), 409, "")
		r.clock.Advance(people.FreshProof + time.Second) // taking back needs no fresh login
		page = b.get(AccountPath)
		r.is("taking it back", b.post(AccountPath+"/programs", "form", page.form, "program", first), 303, AccountPath)
		r.is("twice", b.post(AccountPath+"/programs", "form", page.form, "program", first), 303, AccountPath)
		if page = b.get(AccountPath); strings.Contains(page.body, first) || !strings.Contains(page.body, second) {
			t.Errorf("after it was taken back: %s", page.body)
		}
		if all := r.entries(journal.DelegationRevoked); len(all) != 1 || !strings.Contains(all[0], `"reason":"person"`) || !strings.Contains(all[0], first) {
			t.Errorf("entries: %v", all)
		}
	})
}

// TestAccount: what one logs in by is changed only by a login of the last ten minutes.
func TestAccount(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		b.app()
		codes := listed.FindAllStringSubmatch(b.post(AccountPath+"/recovery", "form", b.get(AccountPath).form).body, -1)
		if len(codes) != people.RecoveryCodes {
			t.Fatalf("%d recovery codes", len(codes))
		}
		r.is("a second passkey", b.register("Telephone", ours), 303, AccountPath)
		page := b.get(AccountPath)
		for _, part := range []string{"Laptop", "Telephone", "10 are left", "Here.", `action="/logout"`} {
			if !strings.Contains(page.body, part) {
				t.Errorf("the account does not show %q: %s", part, page.body)
			}
		}
		stale := page.form
		r.clock.Advance(people.FreshProof - time.Second)
		old := b.get(AccountPath)
		if !strings.Contains(old.body, "Add a passkey") {
			t.Error("the login is not fresh any more")
		}
		r.clock.Advance(2 * time.Second)
		if strings.Contains(b.get(AccountPath).body, "Add a passkey") {
			t.Error("an old login can change proofs")
		}
		again := Path + "?fresh=1&next=%2Faccount"
		for path, form := range map[string][]string{"/passkeys": {"remove", removal.FindStringSubmatch(page.body)[1]}, "/codes": {"remove", "1"}, "/recovery": nil} {
			r.is(path+" by an old login", b.post(AccountPath+path, append([]string{"form", old.form}, form...)...), 303, again)
			r.is(path+" by an old form", b.post(AccountPath+path, append([]string{"form", stale}, form...)...), 409, "")
		}
		r.is("a new app by an old login", b.get(AccountPath+"/codes"), 303, Path+"?fresh=1&next=%2Faccount%2Fcodes")
		before := b.jar["__Host-"+SessionCookie]
		r.is("once more", b.loginByPasskey(again), 303, AccountPath)
		copied := r.browser()
		copied.jar["__Host-"+SessionCookie] = before
		if who, _ := copied.in(); who != "" {
			t.Error("the login from before goes on beside the new one")
		}
		page = b.get(AccountPath)
		for _, m := range removal.FindAllStringSubmatch(page.body, -1) {
			r.is("removing a passkey", b.post(AccountPath+"/passkeys", "form", page.form, "remove", m[1]), 303, AccountPath)
		}
		r.is("removing the app", b.post(AccountPath+"/codes", "form", page.form, "remove", "1"), 303, AccountPath)
		p, err := r.svc.ProofsOf(t.Context(), u.ID)
		r.must(err)
		if len(p.Passkeys) != 0 || p.HasTOTP || p.CodesLeft != 10 {
			t.Errorf("%+v", p)
		}
		if n, m := len(r.entries(journal.UserProofAdded)), len(r.entries(journal.UserProofRemoved)); n != 4 || m != 3 {
			t.Errorf("%d proofs added, %d removed", n, m)
		}
		for _, e := range append(r.entries(journal.UserProofAdded), r.entries(journal.LoginSucceeded)...) {
			if strings.Contains(e, codes[0][1]) || strings.Contains(e, before) {
				t.Errorf("a secret in %s", e)
			}
		}
	})
}

// TestSessions: a person sees every login and ends any; one who is deactivated or
// reset has none.
func TestSessions(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		second := r.browser()
		second.device = b.device
		r.clock.Advance(time.Second)
		second.loginByPasskey(Path)
		all, err := r.svc.Sessions(t.Context(), u.ID)
		r.must(err)
		if len(all) != 2 {
			t.Fatalf("%d logins", len(all))
		}
		eve, evil := r.joined("eve@example.com")
		evil.post(AccountPath+"/logins", "form", evil.get(AccountPath).form, "login", all[0].ID)
		if who, _ := second.in(); who != u.Name {
			t.Errorf("%s has ended another's login", eve.Name)
		}
		r.is("ending the other login", b.post(AccountPath+"/logins", "form", b.get(AccountPath).form, "login", all[0].ID), 303, AccountPath)
		if who, _ := second.in(); who != "" {
			t.Error("the login goes on")
		}
		r.deactivate(u.ID)
		if who, _ := b.in(); who != "" {
			t.Error("somebody who has left is logged in")
		}
		page := b.get(Path)
		b.device.Credentials[0].Counter += 5
		r.is("a login of somebody who has left", b.post(Path+"/passkey", "form", page.form, "credential", b.assert(page, ours, 0)), 401, "")
		if _, err := r.svc.ResetUser(t.Context(), service.Call{Actor: r.admin}, eve.ID); err != nil {
			t.Fatal(err)
		}
		if who, _ := evil.in(); who != "" {
			t.Error("somebody who was reset is logged in")
		}
		r.is("a passkey that was taken", evil.loginByPasskey(Path), 401, "")
	})
}

// TestPasskeyAttacks: what an authenticator has signed for somebody else, elsewhere,
// earlier or without looking at its holder lets nobody in, and is in the log.
func TestPasskeyAttacks(t *testing.T) {
	onBoth(t, func(r *rig) {
		u, b := r.joined("mara@example.com")
		b.post(LogoutPath)
		elsewhere := func(id, origin string) virtualwebauthn.RelyingParty {
			return virtualwebauthn.RelyingParty{ID: id, Origin: origin}
		}
		try := func(what string, answer func(page reply) (form, credential string)) {
			t.Helper()
			page := b.get(Path)
			form, credential := answer(page)
			r.is(what, b.post(Path+"/passkey", "form", form, "credential", credential), 401, "")
			if who, _ := b.in(); who != "" {
				t.Errorf("%s: %s is logged in", what, who)
			}
			r.clock.Advance(guessInterval)
		}
		for what, at := range map[string]virtualwebauthn.RelyingParty{
			"another origin":            elsewhere("paraph.example", "https://evil.example"),
			"a neighbour's origin":      elsewhere("paraph.example", "https://a.paraph.example"),
			"the origin without TLS":    elsewhere("paraph.example", "http://paraph.example"),
			"another port":              elsewhere("paraph.example", "https://paraph.example:8443"),
			"another relying party":     elsewhere("evil.example", issuer),
			"another server altogether": elsewhere("evil.example", "https://evil.example"),
		} {
			try(what, func(page reply) (string, string) { return page.form, b.assert(page, at, 0) })
		}
		try("another challenge", func(page reply) (string, string) { return page.form, b.assert(b.get(Path), ours, 0) })
		try("its holder was not verified", func(page reply) (string, string) {
			b.device.Options.UserNotVerified = true
			defer func() { b.device.Options.UserNotVerified = false }()
			return page.form, b.assert(page, ours, 0)
		})
		try("nobody was there", func(page reply) (string, string) {
			b.device.Options.UserNotPresent = true
			defer func() { b.device.Options.UserNotPresent = false }()
			return page.form, b.assert(page, ours, 0)
		})
		try("another's key", func(page reply) (string, string) {
			stranger := r.browser()
			stranger.device.Options.UserHandle = b.device.Options.UserHandle
			stranger.device.AddCredential(newKey())
			stranger.device.Credentials[0].ID = b.device.Credentials[0].ID
			return page.form, stranger.assert(page, ours, 0)
		})
		try("another's name", func(page reply) (string, string) {
			eve, _ := r.invite("eve@example.com")
			own := b.device.Options.UserHandle
			b.device.Options.UserHandle = []byte(eve.ID)
			defer func() { b.device.Options.UserHandle = own }()
			return page.form, b.assert(page, ours, 0)
		})
		for _, broken := range []string{"", "{}", "x", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`} {
			try("broken "+broken, func(page reply) (string, string) { return page.form, broken })
		}

		page := b.get(Path)
		credential := b.assert(page, ours, 0)
		r.is("the right one", b.post(Path+"/passkey", "form", page.form, "credential", credential), 303, AccountPath)
		b.post(LogoutPath)
		r.is("the same once more", b.post(Path+"/passkey", "form", page.form, "credential", credential), 401, "")
		stranger := r.browser()
		stranger.get(Path)
		r.is("its form in another browser", stranger.post(Path+"/passkey", "form", page.form, "credential", credential), 409, "")

		try("a cloned authenticator", func(page reply) (string, string) {
			b.device.Credentials[0].Counter = 1
			return page.form, b.assert(page, ours, 0)
		})
		failed := strings.Join(r.entries(journal.LoginFailed), "\n")
		for _, reason := range []string{"invalid_assertion", "passkey_cloned"} {
			if !strings.Contains(failed, reason) || !strings.Contains(failed, u.ID) {
				t.Errorf("the log does not tell of %s: %s", reason, failed)
			}
		}
	})
}

// TestPasskeyIsMadeHere: a passkey that was made elsewhere, or of another page, is not kept.
func TestPasskeyIsMadeHere(t *testing.T) {
	onBoth(t, func(r *rig) {
		_, b := r.joined("mara@example.com")
		r.is("made for another origin", b.register("x", virtualwebauthn.RelyingParty{ID: "paraph.example", Origin: "https://evil.example"}), 409, "")
		b.device.Options.UserNotVerified = true
		r.is("its holder was not verified", b.register("x", ours), 409, "")
		b.device.Options.UserNotVerified = false
		page := b.get(AccountPath)
		o, err := virtualwebauthn.ParseAttestationOptions(page.options(t))
		r.must(err)
		if o.UserName != "mara@example.com" || len(o.ExcludeCredentials) != 1 {
			t.Errorf("%+v", o)
		}
		made := virtualwebauthn.CreateAttestationResponse(ours, b.device, newKey(), *o)
		r.is("the right one", b.post(AccountPath+"/passkeys", "form", page.form, "credential", made), 303, AccountPath)
		r.is("the same once more", b.post(AccountPath+"/passkeys", "form", page.form, "credential", made), 409, "")
		_, evil := r.joined("eve@example.com")
		evil.get(AccountPath)
		r.is("another's form", evil.post(AccountPath+"/passkeys", "form", page.form, "credential", made), 409, "")
		q := httptest.NewRequest(http.MethodPost, AccountPath+"/recovery", strings.NewReader("form="+page.form))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Sec-Fetch-Site", "cross-site")
		r.is("from another site", b.send(q), 403, "")
	})
}
