package access

import (
	"slices"
	"testing"

	"github.com/paraph/paraph/internal/fault"
)

func TestRedirects(t *testing.T) {
	t.Parallel()
	p := Profile{RedirectURIs: []string{"https://app.example/done?x=1", "http://127.0.0.1/done", "http://[::1]:7/done", "http://localhost:8080/done", "com.example.app:/done"}}
	for uri, want := range map[string]bool{
		"https://app.example/done?x=1":        true,
		"https://app.example/done":            false,
		"https://app.example/done?x=1&y=2":    false,
		"https://app.example:443/done?x=1":    false,
		"https://app.example/done/../?x=1":    false,
		"https://APP.example/done?x=1":        false,
		"https://app.example.evil/done?x=1":   false,
		"https://evil@app.example/done?x=1":   false,
		"http://127.0.0.1/done":               true,
		"http://127.0.0.1:51004/done":         true,
		"http://[::1]:51004/done":             true,
		"http://localhost:1/done":             true,
		"http://127.0.0.2:51004/done":         false,
		"http://127.0.0.1:51004/done#":        false,
		"http://127.0.0.1:51004/done/":        false,
		"http://127.0.0.1:51004@evil/done":    false,
		"http://x@127.0.0.1:51004/done":       false,
		"https://127.0.0.1:51004/done":        false,
		"http://127.0.0.1:99999999/done":      true, // as text; no browser opens it
		"http://127.0.0.1.evil.example/done":  false,
		"http://127.0.0.1:51004\\@evil/done":  false,
		"com.example.app:/done":               true,
		"com.example.app:/done2":              false,
		"com.example.app://127.0.0.1:80/done": false,
		"":                                    false,
	} {
		if p.Redirects(uri) != want {
			t.Errorf("%q: %v", uri, !want)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	code, redirect := []GrantType{GrantCode, GrantRefresh}, []string{"https://app.example/done"}
	for name, c := range map[string]struct {
		p    Profile
		want []string // codes of what is wrong
	}{
		"the zero value":          {Profile{}, nil},
		"a program of people":     {Profile{Auth: AuthNone, Grants: code, RedirectURIs: []string{"com.example.app:/done", "http://127.0.0.1/x"}, DPoP: true}, nil},
		"a device":                {Profile{Auth: AuthNone, Grants: []GrantType{GrantDevice, GrantRefresh}}, nil},
		"a key":                   {Profile{Auth: AuthKey, Keys: []byte("{}"), Grants: append(code, GrantClient), RedirectURIs: redirect, Pushed: true}, nil},
		"a certificate":           {Profile{Auth: AuthPKI, Subject: CertificateSubject{DNS: "erp.example"}, Certificate: true, Serves: []string{"https://erp.example"}}, nil},
		"unknown words":           {Profile{Auth: "hope", Grants: []GrantType{"password"}}, []string{"unknown_grant_type", "unknown_method"}},
		"a key without its keys":  {Profile{Auth: AuthKey}, []string{"keys_and_method"}},
		"keys without a use":      {Profile{Keys: []byte("{}")}, []string{"keys_and_method"}},
		"two subjects":            {Profile{Auth: AuthPKI, Subject: CertificateSubject{DNS: "a", IP: "b"}}, []string{"one_subject"}},
		"no subject":              {Profile{Auth: AuthPKI}, []string{"one_subject"}},
		"public with credentials": {Profile{Auth: AuthNone, Certificate: true}, []string{"needs_a_credential"}},
		"public exchange":         {Profile{Auth: AuthNone, Grants: []GrantType{GrantDevice, GrantExchange}}, []string{"needs_a_credential"}},
		"nothing to refresh":      {Profile{Grants: []GrantType{GrantRefresh}}, []string{"nothing_to_refresh"}},
		"pushed without logins":   {Profile{Pushed: true}, []string{"no_logins"}},
		"no redirect":             {Profile{Grants: code}, []string{"redirects_and_grant"}},
		"redirect without logins": {Profile{RedirectURIs: redirect}, []string{"redirects_and_grant"}},
		"http":                    {Profile{Grants: code, RedirectURIs: []string{"http://app.example/done"}}, []string{"bad_redirect_uri"}},
		"a script":                {Profile{Auth: AuthNone, Grants: code, RedirectURIs: []string{"javascript:alert(1)"}}, []string{"bad_redirect_uri"}},
		"own scheme with secret":  {Profile{Grants: code, RedirectURIs: []string{"com.example.app:/x"}}, []string{"bad_redirect_uri"}},
		"fragment":                {Profile{Grants: code, RedirectURIs: []string{"https://app.example/done#x"}}, []string{"bad_redirect_uri"}},
		"user name":               {Profile{Grants: code, RedirectURIs: []string{"https://a:b@app.example/done"}}, []string{"bad_redirect_uri"}},
		"line break":              {Profile{Grants: code, RedirectURIs: []string{"https://app.example/done\r\nx"}}, []string{"bad_redirect_uri"}},
		"relative resources":      {Profile{Resources: []string{"/x"}, Serves: []string{"https://x#y"}}, []string{"bad_resource", "bad_resource"}},
	} {
		var l fault.List
		c.p.Check(&l)
		var got []string
		for _, d := range fault.From(l.Err("x", "")).GetDetails() {
			got = append(got, d.Code)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
