package access

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// codesOf gives the codes of what a check noted, sorted.
func codesOf(check func(*fault.List)) []string {
	var l fault.List
	check(&l)
	var got []string
	for _, d := range fault.From(l.Err("x", "")).GetDetails() {
		got = append(got, d.Pointer+" "+d.Code)
	}
	slices.Sort(got)
	return got
}

func long(n int) string { return strings.Repeat("x", n) }

// TestClientFaults: everything that is wrong with a client is noted, and nothing else.
func TestClientFaults(t *testing.T) {
	t.Parallel()
	free, confined := Actor{Kind: Client, Org: "o"}, Actor{Kind: Client, Org: "o", Units: []string{"a"}}
	for name, c := range map[string]struct {
		change func(*OAuthClient)
		by     Actor
		want   string
	}{
		"a good one":                {func(*OAuthClient) {}, free, ""},
		"the longest":               {func(c *OAuthClient) { c.Name, c.Principal = long(200), long(254) }, free, ""},
		"no name":                   {func(c *OAuthClient) { c.Name = "" }, free, "/name bad_length"},
		"a long name":               {func(c *OAuthClient) { c.Name = long(201) }, free, "/name bad_length"},
		"no principal":              {func(c *OAuthClient) { c.Principal = "" }, free, "/principal bad_principal"},
		"a long principal":          {func(c *OAuthClient) { c.Principal = long(255) }, free, "/principal bad_principal"},
		"a principal of two words":  {func(c *OAuthClient) { c.Principal = "a b" }, free, "/principal bad_principal"},
		"nothing to do":             {func(c *OAuthClient) { c.Scopes = nil }, free, "/scopes required"},
		"an unknown role":           {func(c *OAuthClient) { c.Roles = []Role{"sorcerer"} }, free, "/roles unknown_role"},
		"an unknown scope":          {func(c *OAuthClient) { c.Scopes = []Scope{"x"} }, free, "/scopes unknown_scope"},
		"of another unit":           {func(c *OAuthClient) { c.Units = []string{"a", "b"} }, confined, "/business_units not_yours"},
		"of its administrator's":    {func(c *OAuthClient) { c.Units = []string{"a"} }, confined, ""},
		"of all units, by confined": {func(*OAuthClient) {}, confined, "/business_units required"},
	} {
		cl := OAuthClient{Name: "n", Principal: "p", Scopes: []Scope{DocumentsRead}, Roles: []Role{RoleViewer}}
		if name == "nothing to do" {
			cl.Roles = nil
		}
		c.change(&cl)
		if got := strings.Join(codesOf(func(l *fault.List) { cl.Check(BuiltIn(), c.by, l) }), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestOwnRoleFaults is the same for an organisation's roles.
func TestOwnRoleFaults(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]OwnRole{
		"":                      {Name: "clerk", Title: long(200), Scopes: []Scope{DocumentsRead}},
		"/name bad_name":        {Name: "Clerk", Scopes: []Scope{DocumentsRead}},
		"/name taken":           {Name: RoleViewer, Scopes: []Scope{DocumentsRead}},
		"/title bad_length":     {Name: "clerk", Title: long(201), Scopes: []Scope{DocumentsRead}},
		"/scopes required":      {Name: "clerk"},
		"/scopes unknown_scope": {Name: "clerk", Scopes: []Scope{"x"}},
	} {
		if got := strings.Join(codesOf(func(l *fault.List) { r.Check(BuiltIn(), l) }), ", "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestGrantFaults: whom a grant lets in, for how long, and when it does.
func TestGrantFaults(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		g    Grant
		want string
	}{
		"a good one":       {Grant{Principal: "a@b", Purpose: "x", From: now, Until: at(MaxGrant)}, ""},
		"the longest":      {Grant{Principal: "@" + long(253), Purpose: long(500), From: now, Until: at(time.Hour)}, ""},
		"a service":        {Grant{Principal: "erp", Purpose: "x", From: now, Until: at(time.Hour)}, "/principal bad_principal"},
		"a long address":   {Grant{Principal: "@" + long(254), Purpose: "x", From: now, Until: at(time.Hour)}, "/principal bad_principal"},
		"two addresses":    {Grant{Principal: "a@b c@d", Purpose: "x", From: now, Until: at(time.Hour)}, "/principal bad_principal"},
		"no purpose":       {Grant{Principal: "a@b", From: now, Until: at(time.Hour)}, "/purpose bad_length"},
		"a long purpose":   {Grant{Principal: "a@b", Purpose: long(501), From: now, Until: at(time.Hour)}, "/purpose bad_length"},
		"over already":     {Grant{Principal: "a@b", Purpose: "x", From: at(-2 * time.Hour), Until: now}, "/until past"},
		"over before long": {Grant{Principal: "a@b", Purpose: "x", From: at(2 * time.Hour), Until: at(time.Hour)}, "/until before_start"},
		"for too long":     {Grant{Principal: "a@b", Purpose: "x", From: now, Until: at(MaxGrant + 1)}, "/until too_long"},
	} {
		var got []string
		for _, d := range fault.From(c.g.Check(now)).GetDetails() {
			got = append(got, d.Pointer+" "+d.Code)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	g := Grant{From: now, Until: at(time.Hour)}
	for d, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour - 1: true, time.Hour: false} {
		if g.Runs(at(d)) != want {
			t.Errorf("%v after its start it runs: %v", d, !want)
		}
	}
	if g.RevokedAt = now; g.Runs(at(1)) {
		t.Error("a grant that was taken back runs")
	}
}

// TestLimitFaults: limits are numbers from 1 to a million, of classes that there are.
func TestLimitFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		l    RequestLimits
		want string
	}{
		"good":            {RequestLimits{Reads: {PerSecond: 1e6, Burst: 1e6, AtOnce: 1e6}, Writes: {}}, ""},
		"another class":   {RequestLimits{"naps": {AtOnce: 1}}, "/request_limits unknown_class"},
		"fewer than none": {RequestLimits{Reads: {PerSecond: -1}}, "/request_limits out_of_range"},
		"no burst":        {RequestLimits{Reads: {Burst: -1}}, "/request_limits out_of_range"},
		"none at once":    {RequestLimits{Reads: {AtOnce: -1}}, "/request_limits out_of_range"},
		"very many":       {RequestLimits{Reads: {PerSecond: 1e6 + 1}}, "/request_limits out_of_range"},
		"a flood":         {RequestLimits{Reads: {Burst: 1e6 + 1}}, "/request_limits out_of_range"},
		"a crowd":         {RequestLimits{Reads: {AtOnce: 1e6 + 1}}, "/request_limits out_of_range"},
	} {
		if got := strings.Join(codesOf(c.l.check), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestProfileBounds: how many addresses a client may have, and how long they may be.
func TestProfileBounds(t *testing.T) {
	t.Parallel()
	code := []GrantType{GrantCode}
	many := func(n int) []string { return slices.Repeat([]string{"https://app.example/done"}, n) }
	for name, c := range map[string]struct {
		p    Profile
		want string
	}{
		"as many as may be":   {Profile{Grants: code, RedirectURIs: many(maxURIs), Serves: many(maxURIs)}, ""},
		"too many redirects":  {Profile{Grants: code, RedirectURIs: many(maxURIs + 1)}, "/redirect_uris too_many"},
		"too many resources":  {Profile{Resources: many(maxURIs + 1)}, "/resources too_many"},
		"a long redirect":     {Profile{Grants: code, RedirectURIs: []string{"https://app.example/" + long(maxURI)}}, "/redirect_uris bad_redirect_uri"},
		"a long resource":     {Profile{Serves: []string{"https://app.example/" + long(maxURI)}}, "/serves bad_resource"},
		"signs beyond ASCII":  {Profile{Grants: code, RedirectURIs: []string{"https://äpp.example/done"}}, "/redirect_uris bad_redirect_uri"},
		"a subject not asked": {Profile{Subject: CertificateSubject{DNS: "a"}}, "/token_endpoint_auth_method one_subject"},
	} {
		if got := strings.Join(codesOf(c.p.Check), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestQuestions: what is answered with yes or no is answered with both.
func TestQuestions(t *testing.T) {
	t.Parallel()
	now := time.Now()
	stands, revoked, closed := OAuthClient{}, OAuthClient{RevokedAt: now}, OAuthClient{Closed: true}
	if !stands.Stands() || revoked.Stands() || closed.Stands() {
		t.Error("who may get in at all")
	}
	if !Person("a@b") || Person("erp") {
		t.Error("who is a person")
	}
	if !BuiltIn().Has(&OAuthClient{Roles: []Role{RoleViewer}}) || BuiltIn().Has(&OAuthClient{Roles: []Role{RoleViewer, "clerk"}}) {
		t.Error("whose roles are known")
	}
	base := Profile{Auth: AuthPKI, Subject: CertificateSubject{DNS: "a"}, Keys: []byte("k"), RedirectURIs: []string{"u"}}
	for name, change := range map[string]func(*Profile){
		"": func(*Profile) {}, "auth": func(p *Profile) { p.Auth = AuthKey }, "subject": func(p *Profile) { p.Subject.DNS = "b" }, "keys": func(p *Profile) { p.Keys = []byte("l") }, "redirects": func(p *Profile) { p.RedirectURIs = []string{"v"} },
	} {
		other := base
		if change(&other); SameProof(&base, &other) != (name == "") {
			t.Errorf("whoever changes the %s", name)
		}
	}
}
