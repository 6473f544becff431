package service

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/attestation"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
)

// HoldDevices holds an actor against those of the rules that concern it: for each it
// says what the request's device is trusted for, or what it lacks. The access table
// decides by that (access.Can).
func (s *Service) HoldDevices(ctx context.Context, a access.Actor, rules []access.DeviceRule) (out []access.Device, err error) {
	rules = slices.DeleteFunc(slices.Clone(rules), func(r access.DeviceRule) bool { return !r.Concerns(a) })
	if len(rules) == 0 {
		return nil, nil
	}
	if a.Delegation == "" || !slices.ContainsFunc(rules, func(r access.DeviceRule) bool { return r.Demands.Passkey != nil }) {
		return s.hold(a, loginFacts{}, rules), nil
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		login, err := loginOf(ctx, tx, a)
		out = s.hold(a, login, rules)
		return err
	})
	return out, err
}

// hold holds an actor, and the login that it comes from, against rules that concern it.
func (s *Service) hold(a access.Actor, login loginFacts, rules []access.DeviceRule) []access.Device {
	out := make([]access.Device, len(rules))
	for i, r := range rules {
		d := access.Device{Rule: r.Name, For: r.For}
		if p := r.Demands.Passkey; p != nil {
			d.MaxAge = p.MaxAge
			judge(&d, access.LackPasskey, func() (string, string) { return login.judge(p, &s.vouched, s.Clock.Now()) })
		}
		if c := r.Demands.Certificate; c != nil {
			judge(&d, access.LackCertificate, func() (string, string) { return judgeCertificate(a.Shown.Certificates, c, &s.vouched, s.Clock.Now()) })
		}
		out[i] = d
	}
	return out
}

// judge adds one demand's outcome to a device: what it is trusted for, or why it is not.
func judge(d *access.Device, what string, outcome func() (because, why string)) {
	because, why := outcome()
	if why != "" {
		d.Lacks = append(d.Lacks, access.Lack{What: what, Why: why, Remedy: remedies[why]})
		return
	}
	if d.Because != "" {
		d.Because += " and "
	}
	d.Because += because
}

// Why a device is not trusted, beside what package attestation says of attestations.
const (
	noPasskey       = "no_passkey"
	passkeyGone     = "passkey_removed"
	loginTooOld     = "login_too_old"
	noCertificate   = "no_certificate"
	certificateOut  = "certificate_expired"
	certificateElse = "certificate_untrusted"
	badRule         = "rule_unreadable"
)

// remedies say what to do about each.
var remedies = map[string]string{
	noPasskey:                "Log in by a passkey of a make that your organisation trusts.",
	passkeyGone:              "The passkey of this login was removed. Log in by another one of a make that your organisation trusts.",
	loginTooOld:              "The login is too old for this. Log in by your passkey once more.",
	attestation.Unreadable:   "What is kept of the passkey cannot be read. Remove it in your account and make it anew.",
	attestation.NotAttested:  "The passkey did not say of which make it is. Remove it in your account and make it anew, and let the browser tell the make when it asks.",
	attestation.SelfAttested: "The passkey vouches for itself only. Use one of a make that your organisation trusts.",
	attestation.OtherModel:   "The passkey is of a make that your organisation does not trust for this. Use another one.",
	attestation.Untrusted:    "The passkey's make is not vouched for by anybody whom your organisation trusts. Use another one.",
	noCertificate:            "Show the device's certificate when the token is got and when it is used: the client's tokens have to be bound to it (tls_client_certificate_bound_access_tokens).",
	certificateOut:           "The device's certificate has run out, or does not hold yet. Get a new one.",
	certificateElse:          "The certificate is of nobody whom your organisation trusts to name devices. Show the device's own.",
	badRule:                  "The rule's roots cannot be read. An administrator has to save the rule anew.",
}

// loginFacts are what is known of the login that a token comes from.
type loginFacts struct {
	at      time.Time
	passkey []byte // its id; nil: the person logged in otherwise, or no person did
	kept    []byte // what is kept of it; nil: it was removed since
	proved  bool   // its holder was verified
}

// loginOf finds the login of an actor: the one in which its delegation was given.
func loginOf(ctx context.Context, tx Reader, a access.Actor) (f loginFacts, err error) {
	if a.Delegation == "" {
		return f, nil
	}
	d, err := tx.Delegation(ctx, a.Delegation)
	if err != nil || d.Org != a.Org || d.Passkey == nil {
		return f, orElse(err, nil)
	}
	f = loginFacts{at: d.LoginAt, passkey: d.Passkey, proved: slices.Contains(d.Methods, MethodPresence)}
	keys, err := tx.Passkeys(ctx, d.UserID)
	for i := range keys {
		if bytes.Equal(keys[i].ID, d.Passkey) {
			f.kept = keys[i].Credential
		}
	}
	return f, err
}

func (f *loginFacts) judge(p *access.PasskeyDemand, known *vouchers, now time.Time) (because, why string) {
	switch {
	case f.passkey == nil || !f.proved:
		return "", noPasskey
	case f.kept == nil:
		return "", passkeyGone
	}
	models := "any"
	if p.Models != nil {
		models = strings.Join(p.Models, " ")
	}
	model, why := known.of(vouched{p.Roots, models, digestOf(f.kept)}, now, func() (v voucher) {
		roots, err := access.Roots(p.Roots)
		if err != nil {
			return voucher{why: badRule}
		}
		v.because, v.why = attestation.Check(f.kept, roots, p.Models)
		v.from, v.until = now, now.Add(attestationHolds)
		return v
	})
	switch {
	case why != "":
		return "", why
	case p.MaxAge > 0 && now.Sub(f.at) > p.MaxAge:
		return "", loginTooOld
	}
	return "passkey " + model + ", logged in " + f.at.UTC().Format(time.RFC3339), ""
}

// judgeCertificate judges the certificate that a token is bound to, by the roots of
// device authorities. It has to be one for clients.
func judgeCertificate(chain []*x509.Certificate, d *access.CertificateDemand, known *vouchers, now time.Time) (because, why string) {
	if len(chain) == 0 {
		return "", noCertificate
	}
	raw := make([][]byte, len(chain))
	for i, c := range chain {
		raw[i] = c.Raw
	}
	return known.of(vouched{roots: d.Roots, by: digestOf(raw...)}, now, func() voucher {
		roots, err := access.Roots(d.Roots)
		if err != nil {
			return voucher{why: badRule}
		}
		return leads(chain, roots, now)
	})
}

// leads verifies that a chain leads to one of the roots, and says for how long it does.
func leads(chain, roots []*x509.Certificate, now time.Time) voucher {
	trusted, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range roots {
		trusted.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	o := x509.VerifyOptions{Roots: trusted, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	paths, err := chain[0].Verify(o)
	if err == nil {
		v := voucher{because: "certificate " + chain[0].SerialNumber.Text(16) + " of " + chain[0].Issuer.String(), from: chain[0].NotBefore, until: chain[0].NotAfter}
		for _, c := range paths[0] {
			v.from, v.until = later(v.from, c.NotBefore), earlier(v.until, c.NotAfter)
		}
		return v
	}
	if now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		return voucher{why: certificateOut}
	}
	return voucher{why: certificateElse}
}

// deviceDecision is by what decisions of device rules are told apart.
type deviceDecision struct {
	org, rule, action, client, principal, because string
	allow                                         bool
}

// noteDevice notes a decision that a device rule had a part in, for the log.
func (s *Service) noteDevice(a access.Actor, do access.Action, d *access.Decision) {
	if d.Device == nil {
		return
	}
	k := deviceDecision{org: a.Org, rule: d.Device.Rule, action: string(do), client: cmp.Or(a.Client, a.ID), principal: a.Principal, because: d.Rule, allow: d.Allow}
	s.devices.add(k, deviceDecision{org: a.Org, allow: d.Allow}, s.Clock.Now())
}

// WriteDeviceDecisions writes into the log what device rules have decided since it last
// did: an entry for all that were alike. Of refusals only the most frequent are told
// apart, since anybody who may ask can be refused without end.
func (s *Service) WriteDeviceDecisions(ctx context.Context) (err error) {
	byOrg := map[string]map[deviceDecision]tally{}
	for k, sum := range s.devices.take() {
		if byOrg[k.org] == nil {
			byOrg[k.org] = map[deviceDecision]tally{}
		}
		byOrg[k.org][k] = sum
	}
	for org, list := range byOrg {
		err = cmp.Or(err, s.writeDevices(ctx, org, list))
	}
	return err
}

func (s *Service) writeDevices(ctx context.Context, org string, list map[deviceDecision]tally) error {
	refused := maps.Clone(list)
	maps.DeleteFunc(refused, func(k deviceDecision, _ tally) bool { return k.allow })
	maps.DeleteFunc(list, func(k deviceDecision, _ tally) bool { return !k.allow })
	compare := func(a, b deviceDecision) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.action, b.action), cmp.Compare(a.client, b.client), cmp.Compare(a.principal, b.principal), cmp.Compare(a.because, b.because))
	}
	_, err := run(ctx, s, SystemCall(org, "security", ""), false, func(_ context.Context, c *change) (struct{}, error) {
		for kind, of := range map[journal.Kind]map[deviceDecision]tally{journal.DeviceAccepted: list, journal.DeviceRefused: refused} {
			most := maxFailures
			if kind == journal.DeviceRefused {
				most = maxFailed
			}
			first, rest := mostFrequent(of, most, compare)
			for _, k := range first {
				if err := c.logDevice(kind, k, of[k]); err != nil {
					return struct{}{}, err
				}
			}
			if rest.count > 0 {
				if err := c.logDevice(kind, deviceDecision{because: "many kinds together"}, rest); err != nil {
					return struct{}{}, err
				}
			}
		}
		return struct{}{}, nil
	})
	return err
}

func (c *change) logDevice(kind journal.Kind, k deviceDecision, sum tally) error {
	return c.log(c.actor.Org, "", note{kind: kind, subject: "client", id: cmp.Or(k.client, "many"), data: event.DeviceDecision{
		Rule: k.rule, Action: k.action, ClientID: k.client, Principal: k.principal, Because: k.because, Count: sum.count, Since: &sum.since, Until: &sum.until,
	}})
}

// AllowedBy is access.Allowed where a request comes in: what a device rule decides is
// noted for the log.
func (s *Service) AllowedBy(a access.Actor, do access.Action) error {
	d := access.Can(a, do, access.Resource{Org: a.Org})
	s.noteDevice(a, do, &d)
	return d.Refusal(do)
}

// concernDevices gives an actor that comes by no request the rules that concern it: it
// has no device, so each of them refuses what it is about.
func (s *Service) concernDevices(ctx context.Context, a access.Actor) (access.Actor, error) {
	rules, err := s.RulesOnDevices(ctx, a.Org)
	if err == nil {
		a.Devices, err = s.HoldDevices(ctx, a, rules)
	}
	return a, err
}
