package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// rootOf makes a certificate in PEM, of an authority or not.
func rootOf(t *testing.T, authority bool) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotAfter: time.Unix(1<<32, 0), IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestDeviceRuleFaults: everything that is wrong with a device rule is noted, and nothing else.
func TestDeviceRuleFaults(t *testing.T) {
	t.Parallel()
	root, leaf := rootOf(t, true), rootOf(t, false)
	passkey := func(change func(*PasskeyDemand)) func(*DeviceRule) {
		return func(r *DeviceRule) { change(r.Demands.Passkey) }
	}
	for name, c := range map[string]struct {
		change func(*DeviceRule)
		want   string
	}{
		"a good one":               {func(*DeviceRule) {}, ""},
		"a certificate alone":      {func(r *DeviceRule) { r.Demands.Passkey = nil }, ""},
		"a capital in its name":    {func(r *DeviceRule) { r.Name = "Board" }, "/name bad_name"},
		"the longest title":        {func(r *DeviceRule) { r.Title = long(200) }, ""},
		"a long title":             {func(r *DeviceRule) { r.Title = long(201) }, "/title bad_length"},
		"the longest list":         {func(r *DeviceRule) { r.For.Clients = slices.Repeat([]string{"c"}, 200) }, ""},
		"too many clients":         {func(r *DeviceRule) { r.For.Clients = slices.Repeat([]string{"c"}, 201) }, " too_many"},
		"an unknown role":          {func(r *DeviceRule) { r.For.Roles = []Role{"sorcerer"} }, "/roles unknown_role"},
		"an unknown action":        {func(r *DeviceRule) { r.For.Actions = []Action{"x"} }, "/actions unknown_action"},
		"nothing demanded":         {func(r *DeviceRule) { r.Demands = DeviceDemands{} }, " demands_nothing"},
		"roots without any":        {passkey(func(p *PasskeyDemand) { p.Roots = "x" }), "/passkey/roots bad_roots"},
		"a broken root":            {passkey(func(p *PasskeyDemand) { p.Roots = strings.Replace(root, "MI", "XX", 1) }), "/passkey/roots bad_roots"},
		"a root that is none":      {passkey(func(p *PasskeyDemand) { p.Roots = root + leaf }), "/passkey/roots no_authority"},
		"many roots":               {passkey(func(p *PasskeyDemand) { p.Roots = root + long(128<<10) }), "/passkey/roots bad_length"},
		"a model":                  {passkey(func(p *PasskeyDemand) { p.Models = []string{"cb69481e-8ff7-4039-93ec-0a2729a154a8"} }), ""},
		"a model in capitals":      {passkey(func(p *PasskeyDemand) { p.Models = []string{"CB69481E-8FF7-4039-93EC-0A2729A154A8"} }), "/passkey/models bad_model"},
		"logins of a day":          {passkey(func(p *PasskeyDemand) { p.MaxAge = 24 * time.Hour }), ""},
		"logins of more":           {passkey(func(p *PasskeyDemand) { p.MaxAge = 24*time.Hour + 1 }), "/passkey/max_age_seconds out_of_range"},
		"logins of less than none": {passkey(func(p *PasskeyDemand) { p.MaxAge = -1 }), "/passkey/max_age_seconds out_of_range"},
		"a certificate without":    {func(r *DeviceRule) { r.Demands.Certificate.Roots = "" }, "/certificate/roots bad_roots"},
	} {
		r := DeviceRule{Name: "board", Demands: DeviceDemands{Passkey: &PasskeyDemand{Roots: root}, Certificate: &CertificateDemand{Roots: root}}}
		c.change(&r)
		if got := strings.Join(codesOf(func(l *fault.List) { r.Check(BuiltIn(), l) }), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestDeviceRuleScope: a rule holds where its lists name the client, a role and the action,
// or name none, and is not off.
func TestDeviceRuleScope(t *testing.T) {
	t.Parallel()
	actor := Actor{Client: "cli_1", Roles: []Role{RoleViewer, RoleApprover}}
	for _, c := range []struct {
		of             DeviceScope
		off            bool
		concerns, does bool
	}{
		{concerns: true, does: true},
		{off: true, does: true},
		{of: DeviceScope{Clients: []string{"cli_2", "cli_1"}, Roles: []Role{RoleApprover}, Actions: []Action{ReadDocument}}, concerns: true, does: true},
		{of: DeviceScope{Clients: []string{"cli_2"}}, does: true},
		{of: DeviceScope{Roles: []Role{RoleAuditor}}, does: true},
		{of: DeviceScope{Clients: []string{"cli_1"}, Roles: []Role{RoleAuditor}}, does: true},
		{of: DeviceScope{Actions: []Action{ReadTask}}, concerns: true},
	} {
		r := DeviceRule{For: c.of, Off: c.off}
		if r.Concerns(actor) != c.concerns || r.For.Covers(ReadDocument) != c.does {
			t.Errorf("%+v, off %v: concerns %v, covers %v", c.of, c.off, r.Concerns(actor), r.For.Covers(ReadDocument))
		}
	}
}
