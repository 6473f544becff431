package devices

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/login"
)

var (
	good  = [16]byte{0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13, 0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a}
	other = [16]byte{0xee, 0x88, 0x28, 0x79}
)

const goodModel = "2fc0579f-8113-47ea-b116-bb5a8db9202a"

// TestAttestedPasskey: what a rule for a program, a role or an action demands of
// passkeys, of each kind of passkey; and that it demands nothing once it is off or gone.
func TestAttestedPasskey(t *testing.T) {
	onBoth(t, func(r *rig) {
		maker, stranger := newAuthority(r.T, "Keys Ltd Root"), newAuthority(r.T, "Somebody Else")
		app, elsewhere := r.app(), r.app()
		demand := map[string]any{"roots": roots(maker.cert), "models": []string{goodModel}}
		// A rule that is there before the passkeys are made has browsers ask for their make.
		r.rule("first", map[string]any{"clients": []string{app.Client.ID}, "passkey": demand}).is("a rule", 200, "")

		viewer, uploader := access.RoleViewer, access.RoleUploader
		bearers := map[string]struct {
			lack   string
			token  string
			beside string // a token of the same person for another program
		}{}
		for name, c := range map[string]struct {
			model    [16]byte
			attested func(string) string
			lack     string
		}{
			"trusted":         {good, maker.attests(good), ""},
			"another model":   {other, maker.attests(other), "passkey_attested other_model"},
			"another maker":   {good, stranger.attests(good), "passkey_attested untrusted_authority"},
			"it says so":      {good, itself, "passkey_attested self_attested"},
			"it says nothing": {good, silent(r.T), "passkey_attested not_attested"},
		} {
			b := r.join(strings.ReplaceAll(name, " ", ".")+"@example.com", c.model, c.attested, viewer, uploader)
			got := bearers[name]
			got.lack, got.token, got.beside = c.lack, b.lets(app, nil).at("access_token"), b.lets(elsewhere, nil).at("access_token")
			bearers[name] = got
		}
		key := r.client(access.Profile{}, access.DocumentsRead, access.DocumentsWrite)
		uses := map[string]struct{ rule, beside map[string]any }{
			"a program": {rule: map[string]any{"clients": []string{app.Client.ID}}},
			"a role":    {rule: map[string]any{"roles": []string{"viewer"}}},
			"an action": {rule: map[string]any{"actions": []string{"document.read"}}},
			"all three": {rule: map[string]any{"clients": []string{app.Client.ID}, "roles": []string{"viewer"}, "actions": []string{"document.read"}}},
		}
		r.drop("first")
		for use, u := range uses {
			u.rule["passkey"] = demand
			r.rule("r", u.rule).is(use, 200, "")
			for name, b := range bearers {
				what := use + ", " + name
				if b.lack == "" {
					r.reads(b.token, nil).is(what, 200, "")
					continue
				}
				refused := r.reads(b.token, nil).is(what, 403, "device_required", b.lack)
				if got := refused.header.Get("WWW-Authenticate"); got != `Bearer realm="paraph", error="insufficient_user_authentication", error_description="A login by another device, or a newer one, is demanded.", acr_values="phrh"` {
					t.Errorf("%s: %s", what, got)
				}
				// What the rule is not about goes on.
				switch use {
				case "a program", "all three":
					r.reads(b.beside, nil).is(what+", another program", 200, "")
				case "an action":
					r.api(b.token, "GET", "/v1/tasks", "", nil).is(what+", another action", 200, "")
				}
			}
			// Who has no person behind it has no passkey; it is asked only where the rule is
			// not for a role or a program of others.
			if use == "an action" {
				r.reads(r.own(key, nil), nil).is("a program for itself", 403, "device_required", "passkey_attested no_passkey")
			} else {
				r.reads(r.own(key, nil), nil).is("another program for itself, "+use, 200, "")
			}
			u.rule["off"] = true
			r.rule("r", u.rule).is(use+", off", 200, "")
			for name, b := range bearers {
				r.reads(b.token, nil).is(use+", off, "+name, 200, "")
			}
			r.drop("r")
		}
		for name, b := range bearers {
			r.reads(b.token, nil).is("no rule, "+name, 200, "")
		}
	})
}

// TestLoginAge: a login that is too old is told how new it has to be, and a new one by
// the passkey ends it (RFC 9470); one whose passkey was removed does not.
func TestLoginAge(t *testing.T) {
	onBoth(t, func(r *rig) {
		maker := newAuthority(r.T, "Keys Ltd Root")
		app := r.app()
		r.rule("fresh", map[string]any{"actions": []string{"document.read"}, "passkey": map[string]any{"roots": roots(maker.cert), "max_age_seconds": 300}}).is("a rule", 200, "")
		b := r.join("mara@example.com", good, maker.attests(good), access.RoleViewer)
		if page := b.get(login.AccountPath); !strings.Contains(page.options(), `"attestation":"direct"`) {
			t.Errorf("a new passkey is not asked for its make: %s", page.options())
		}
		tokens := b.lets(app, nil)
		token := tokens.at("access_token")
		r.reads(token, nil).is("at once", 200, "")
		r.clock.Advance(5*time.Minute + time.Second)
		old := r.reads(token, nil).is("later", 403, "device_required", "passkey_attested login_too_old")
		if got := old.header.Get("WWW-Authenticate"); !strings.Contains(got, `acr_values="phrh", max_age="300"`) {
			t.Errorf("how new the login has to be: %s", got)
		}
		again := r.token(app, nil, "grant_type", "refresh_token", "refresh_token", tokens.at("refresh_token")).is("a refresh", 200, "").at("access_token")
		r.reads(again, nil).is("a refresh makes no login newer", 403, "device_required", "passkey_attested login_too_old")
		newer := b.lets(app, nil, "acr_values", "phrh", "max_age", "300").at("access_token")
		r.reads(newer, nil).is("a new login", 200, "")

		accepted := r.decisions(journal.DeviceAccepted)
		if len(accepted) != 2 || accepted[0].Rule != "fresh" || accepted[0].Action != "document.read" || accepted[0].Principal != "mara@example.com" ||
			!strings.Contains(accepted[0].Because, "passkey "+goodModel+", logged in 2026-11-23T12:0") {
			t.Errorf("%+v", accepted)
		}
		keys, err := r.svc.ProofsOf(r.Context(), b.user.ID)
		r.must(err)
		u, err := r.svc.ActiveUser(r.Context(), b.user.ID)
		r.must(err)
		r.must(r.svc.RemovePasskey(r.Context(), u, access.Source{}, keys.Passkeys[0].ID))
		r.reads(newer, nil).is("its passkey was removed", 403, "device_required", "passkey_attested passkey_removed")
	})
}

// TestDeviceCertificate: a token bound to a certificate of a device authority is taken,
// and no other.
func TestDeviceCertificate(t *testing.T) {
	onBoth(t, func(r *rig) {
		company, stranger := newAuthority(r.T, "Devices"), newAuthority(r.T, "Somebody Else")
		bound := r.client(access.Profile{Certificate: true}, access.DocumentsRead)
		loose := r.client(access.Profile{}, access.DocumentsRead)
		ends := r.clock.Now().Add(time.Hour)
		laptop, foreign := company.device("laptop-1"), stranger.device("laptop-1")
		short := company.device("laptop-2", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = ends.Add(-2*time.Hour), ends })
		server := company.device("web", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		r.rule("ours", map[string]any{"actions": []string{"document.read"}, "certificate": map[string]any{"roots": roots(company.cert)}}).is("a rule", 200, "")

		token := r.own(bound, laptop)
		r.reads(token, laptop).is("ours", 200, "")
		r.reads(token, nil).is("the token without its device", 401, "invalid_token")
		r.reads(token, foreign).is("the token on another device", 401, "invalid_token")
		r.reads(r.own(bound, foreign), foreign).is("somebody else's", 403, "device_required", "device_certificate certificate_untrusted")
		r.reads(r.own(bound, server), server).is("a server's", 403, "device_required", "device_certificate certificate_untrusted")
		refused := r.reads(r.own(loose, laptop), laptop).is("a token that is not bound", 403, "device_required", "device_certificate no_certificate")
		if got := refused.header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("no login helps, and one is asked for: %s", got)
		}
		r.reads(r.own(loose, nil), nil).is("none", 403, "device_required", "device_certificate no_certificate")
		r.reads(r.own(bound, short), short).is("one that ends soon", 200, "")
		r.clock.Advance(time.Hour + time.Second)
		r.reads(r.own(bound, short), short).is("one that has ended", 403, "device_required", "device_certificate certificate_expired")
		r.reads(r.own(bound, laptop), laptop).is("ours, later", 200, "")

		// A certificate in the header counts only from the proxy, as everywhere.
		q := r.own(bound, laptop)
		r.rule("ours", map[string]any{"actions": []string{"document.read"}, "off": true, "certificate": map[string]any{"roots": roots(company.cert)}}).is("off", 200, "")
		r.reads(q, laptop).is("off", 200, "")
		r.reads(r.own(loose, nil), nil).is("off, none", 200, "")
	})
}

// TestBoth: a rule that demands a passkey and a certificate, of a person by a program
// of which everybody has a copy; and every other way into the API.
func TestBoth(t *testing.T) {
	onBoth(t, func(r *rig) {
		maker, company := newAuthority(r.T, "Keys Ltd Root"), newAuthority(r.T, "Devices")
		app := r.app(func(p *access.Profile) { p.Auth, p.Certificate = access.AuthNone, true })
		laptop, phone := company.device("laptop"), newAuthority(r.T, "Somebody Else").device("phone")
		r.rule("board", map[string]any{"roles": []string{"viewer"}, "passkey": map[string]any{"roots": roots(maker.cert)}, "certificate": map[string]any{"roots": roots(company.cert)}}).is("a rule", 200, "")
		mara := r.join("mara@example.com", good, maker.attests(good), access.RoleViewer, access.RoleUploader)
		eve := r.join("eve@example.com", good, itself, access.RoleViewer, access.RoleUploader)
		r.reads(mara.lets(app, laptop).at("access_token"), laptop).is("both", 200, "")
		r.reads(mara.lets(app, phone).at("access_token"), phone).is("the passkey alone", 403, "device_required", "device_certificate certificate_untrusted")
		r.reads(eve.lets(app, laptop).at("access_token"), laptop).is("the device alone", 403, "device_required", "passkey_attested self_attested")
		token := eve.lets(app, phone).at("access_token")
		lacks := []string{"passkey_attested self_attested", "device_certificate certificate_untrusted"}
		for range 50 {
			r.reads(token, phone).is("neither", 403, "device_required", lacks...)
		}
		r.api(token, "POST", "/v1/batch", `{"mode":"independent","operations":[]}`, phone).is("a batch", 403, "device_required", lacks...)
		r.api(token, "POST", "/v1/uploads", "", phone, "Tus-Resumable", "1.0.0", "Upload-Length", "3").is("an upload in pieces", 403, "device_required", lacks...)
		r.api(token, "GET", "/v1/events/stream", "", phone).is("what she has no right to anyway", 403, "missing_scope")
		r.api(token, "GET", "/v1/documents/doc_0", "", phone).is("what is not there", 403, "device_required", lacks...)

		refused := r.decisions(journal.DeviceRefused)
		var most event.DeviceDecision
		for _, d := range refused {
			if d.Count > most.Count {
				most = d
			}
		}
		if len(refused) > 6 || most.Count != 51 || most.Principal != "eve@example.com" || most.ClientID != app.Client.ID || !strings.Contains(most.Because, strings.Join(lacks, ", ")) {
			t.Errorf("50 refusals of one kind are %d entries, the largest %+v", len(refused), most)
		}
		if again := r.decisions(journal.DeviceRefused); len(again) != len(refused) {
			t.Errorf("they are written twice: %d, then %d", len(refused), len(again))
		}
		for _, kind := range []journal.Kind{journal.DeviceRefused, journal.DeviceAccepted, journal.DeviceRuleSaved, journal.DeviceRuleRemoved} {
			if !kind.Public() {
				t.Errorf("%s is not public", kind)
			}
		}
	})
}

// TestDeviceRules: what is taken as a rule, who may make one, and that nobody shuts
// themselves out.
func TestDeviceRules(t *testing.T) {
	onBoth(t, func(r *rig) {
		ca := newAuthority(r.T, "Devices")
		one := map[string]any{"certificate": map[string]any{"roots": roots(ca.cert)}, "actions": []string{"document.read"}}
		with := func(name string, v any) map[string]any {
			out := map[string]any{name: v}
			for k, v := range one {
				if _, said := out[k]; !said {
					out[k] = v
				}
			}
			return out
		}
		without := func(name string) map[string]any {
			out := maps.Clone(one)
			delete(out, name)
			return out
		}
		for what, c := range map[string]struct {
			rule    map[string]any
			pointer string
		}{
			"nothing":          {map[string]any{"actions": []string{"document.read"}}, ""},
			"no such role":     {with("roles", []string{"king"}), "/roles"},
			"no such action":   {with("actions", []string{"document.eat"}), "/actions"},
			"no such client":   {with("clients", []string{"cli_0"}), "/clients"},
			"no certificate":   {with("certificate", map[string]any{"roots": "x"}), "/certificate/roots"},
			"no authority":     {with("certificate", map[string]any{"roots": roots(ca.device("laptop"))}), "/certificate/roots"},
			"no model":         {with("passkey", map[string]any{"roots": roots(ca.cert), "models": []string{"yubikey"}}), "/passkey/models"},
			"no roots for one": {with("passkey", map[string]any{"roots": ""}), "/passkey/roots"},
		} {
			p := r.rule("r", c.rule)
			var problem struct {
				Code   string
				Errors []struct{ Pointer string }
			}
			r.must(json.Unmarshal([]byte(p.body), &problem))
			if p.status != 422 || problem.Code != "invalid_device_rule" || len(problem.Errors) != 1 || problem.Errors[0].Pointer != c.pointer {
				t.Errorf("%s: %d %s", what, p.status, p.body)
			}
		}
		r.rule("Bad.Name", one).is("a name", 422, "invalid_device_rule", "/name bad_name")
		for what, rule := range map[string]map[string]any{"everything": with("actions", []string{}), "the settings": with("actions", []string{"settings.manage"}), "the own program": without("actions")} {
			r.rule("r", rule).is("a rule for "+what, 409, "locks_you_out", "device_certificate no_certificate")
		}
		off := with("actions", []string{"settings.manage"})
		off["off"] = true
		r.rule("r", off).is("one that is off", 200, "")
		r.rule("r", one).is("one for others", 200, "")
		admin := r.own(r.admin, nil)
		if p := r.api(admin, "GET", "/v1/device-rules/r", "", nil).is("it", 200, ""); p.header.Get("ETag") != `"2"` || !strings.Contains(p.body, `"actions":["document.read"]`) {
			t.Errorf("%s %s", p.header.Get("ETag"), p.body)
		}
		r.api(admin, "DELETE", "/v1/device-rules/r", "", nil, "If-Match", `"1"`).is("an old one", 412, "precondition_failed")
		r.api(admin, "GET", "/v1/device-rules/none", "", nil).is("none", 404, "not_found")
		r.api(admin, "DELETE", "/v1/device-rules/none", "", nil).is("none", 404, "not_found")
		r.api(r.own(r.client(access.Profile{}, access.DocumentsWrite), nil), "GET", "/v1/device-rules", "", nil).is("somebody else", 403, "missing_scope")
	})
}
