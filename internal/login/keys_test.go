package login

import (
	"net/http"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/service"
)

// TestKeyLogins: an access key logs its person in where that is wanted. Where it is not, the
// page does not offer it, and nobody gets in by one, while a passkey goes on working.
func TestKeyLogins(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"on": false, "off": true} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(r *rig) {
				key, err := r.svc.CreateClient(r.Context(), service.Call{Actor: r.admin}, service.NewClient{Name: "key", Principal: "mara@example.com", Scopes: []access.Scope{access.TasksRead}})
				r.must(err)
				b := r.browser()
				page := b.get(Path)
				if strings.Contains(page.body, `name="secret"`) == off {
					t.Errorf("the page: %s", page.body)
				}
				got := b.post(Path, "form", page.form, "key", key.Value.Client.ID, "secret", key.Value.Secret)
				who, _ := b.in()
				switch {
				case off && (got.status != http.StatusForbidden || who != "" || !strings.Contains(got.body, "another way")):
					t.Errorf("%d, %q is in: %s", got.status, who, got.body)
				case !off && (got.status != http.StatusSeeOther || who != "mara@example.com"):
					t.Errorf("%d, %q is in: %s", got.status, who, got.body)
				}
				_, link := r.invite("ina@example.com")
				p := r.browser()
				p.post(link, "form", p.get(link).form)
				p.register("Laptop", ours)
				p.post(LogoutPath)
				if got := p.loginByPasskey(Path); got.status != http.StatusSeeOther {
					t.Errorf("a passkey: %d %s", got.status, got.body)
				}
			}, func(c *Config) { c.NoKeys = off })
		})
	}
}

// TestNoPasskeysAtANumber: where browsers keep no passkeys, the account says so, and asks for codes alone.
func TestNoPasskeysAtANumber(t *testing.T) {
	onBoth(t, func(r *rig) {
		_, link := r.invite("ina@example.com")
		b := r.browser()
		b.post(link, "form", b.get(link).form)
		page := b.get(AccountPath)
		if page.status != http.StatusOK || strings.Contains(page.body, "data-passkey=") || strings.Contains(page.body, "a passkey or codes") ||
			!strings.Contains(page.body, "Set up codes now") || !strings.Contains(page.body, "keep passkeys for names only") {
			t.Errorf("%d %s", page.status, page.body)
		}
	}, func(c *Config) { c.Issuer = "https://192.0.2.1" })
}
