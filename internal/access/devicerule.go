package access

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// DeviceRule is an organisation's demand that some things are done from trusted
// devices only. Its lists say for whom and for what it holds; an empty one is any.
type DeviceRule struct {
	Org     string
	Name    string // such as "board"
	Title   string
	Off     bool // it is kept, and demands nothing
	For     DeviceScope
	Demands DeviceDemands

	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// DeviceScope is for whom, and for what, a rule holds: where all three lists agree.
type DeviceScope struct {
	Clients []string `json:"clients,omitempty"` // cli_…, of the program that asks
	Roles   []Role   `json:"roles,omitempty"`   // of the person, or of the program
	Actions []Action `json:"actions,omitempty"`
}

// Covers tells whether the rule is about an action.
func (s *DeviceScope) Covers(do Action) bool {
	return len(s.Actions) == 0 || slices.Contains(s.Actions, do)
}

// DeviceDemands is what a rule demands: at least one of the two, and all that it names.
type DeviceDemands struct {
	Passkey     *PasskeyDemand     `json:"passkey,omitempty"`
	Certificate *CertificateDemand `json:"certificate,omitempty"`
}

// PasskeyDemand wants a person who has logged in by a passkey of a known make, whose
// authenticator has verified its holder.
type PasskeyDemand struct {
	Roots  string        `json:"roots"`             // PEM: those to which its attestation must lead
	Models []string      `json:"models,omitempty"`  // AAGUIDs; nil: whatever those roots vouch for
	MaxAge time.Duration `json:"max_age,omitempty"` // since the login; 0: as long as the login lasts
}

// CertificateDemand wants a client certificate that a device authority has issued, to
// which the access token is bound (RFC 8705 section 3).
type CertificateDemand struct {
	Roots string `json:"roots"` // PEM
}

// Bounds of a device rule.
const (
	maxDeviceList = 200
	maxRootsText  = 128 << 10 // bytes
	maxDeviceAge  = 24 * time.Hour
	minDeviceAge  = time.Second
)

var (
	deviceRuleName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	modelForm      = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)
)

// Roots reads certificates in PEM.
func Roots(text string) (out []*x509.Certificate, err error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return out, nil
}

// Check notes everything wrong with the rule. roles are those of its organisation.
func (r *DeviceRule) Check(roles Roles, l *fault.List) {
	if !deviceRuleName.MatchString(r.Name) {
		l.Add("/name", "bad_name", "A device rule's name has 1 to 63 characters of a-z, 0-9, _ and -, and starts with a letter.")
	}
	if len(r.Title) > 200 {
		l.Add("/title", "bad_length", "A title has at most 200 bytes.")
	}
	if max(len(r.For.Clients), len(r.For.Roles), len(r.For.Actions)) > maxDeviceList {
		l.Add("", "too_many", "A list has %d members at most.", maxDeviceList)
	}
	for _, role := range r.For.Roles {
		if _, ok := roles[role]; !ok {
			l.Add("/roles", "unknown_role", "There is no role %q. GET /v1/roles lists them.", role)
		}
	}
	for _, do := range r.For.Actions {
		if _, ok := rules[do]; !ok {
			l.Add("/actions", "unknown_action", "There is no action %q.", do)
		}
	}
	p, c := r.Demands.Passkey, r.Demands.Certificate
	if p == nil && c == nil {
		l.Add("", "demands_nothing", "Say what is demanded: passkey, certificate, or both.")
	}
	if p != nil {
		checkRoots("/passkey/roots", p.Roots, l)
		for _, m := range p.Models {
			if !modelForm.MatchString(m) {
				l.Add("/passkey/models", "bad_model", "%q is no AAGUID: 32 hex digits in lower case, in five groups.", m)
			}
		}
		if p.MaxAge != 0 && (p.MaxAge < minDeviceAge || p.MaxAge > maxDeviceAge) {
			l.Add("/passkey/max_age_seconds", "out_of_range", "A login may be 1 to %d seconds old.", int(maxDeviceAge.Seconds()))
		}
	}
	if c != nil {
		checkRoots("/certificate/roots", c.Roots, l)
	}
}

func checkRoots(pointer, text string, l *fault.List) {
	if len(text) > maxRootsText {
		l.Add(pointer, "bad_length", "They have %d bytes at most.", maxRootsText)
		return
	}
	roots, err := Roots(text)
	if err != nil {
		l.Add(pointer, "bad_roots", "These are no certificates in PEM: %v.", err)
	}
	for _, c := range roots {
		if !c.IsCA {
			l.Add(pointer, "no_authority", "%q is no authority's certificate.", c.Subject.String())
		}
	}
}

// Concerns tells whether the rule holds for the actor, whatever it does.
func (r *DeviceRule) Concerns(a Actor) bool {
	return !r.Off && (len(r.For.Clients) == 0 || slices.Contains(r.For.Clients, a.Client)) &&
		(len(r.For.Roles) == 0 || slices.ContainsFunc(r.For.Roles, func(role Role) bool { return slices.Contains(a.Roles, role) }))
}

// What a device can lack.
const (
	LackPasskey     = "passkey_attested"
	LackCertificate = "device_certificate"
)

// Lack is something that a rule demands and a request did not show.
type Lack struct {
	What   string // LackPasskey or LackCertificate
	Why    string // for programs, such as "self_attested"
	Remedy string // for people
}

// Device is a device rule that concerns an actor, held against what the request has
// shown.
type Device struct {
	Rule    string
	For     DeviceScope
	Lacks   []Lack // nil: the device is trusted
	Because string // what it is trusted for
	MaxAge  time.Duration
}

// demanded holds what is allowed against the device rules that concern it: the first
// that is not met decides.
func demanded(a Actor, do Action, d Decision) Decision {
	var met []string
	for i := range a.Devices {
		one := &a.Devices[i]
		if !one.For.Covers(do) {
			continue
		}
		if one.Lacks != nil {
			why := make([]string, len(one.Lacks))
			for j, l := range one.Lacks {
				why[j] = l.What + " " + l.Why
			}
			return Decision{Rule: "device rule " + one.Rule + ": " + strings.Join(why, ", "), Device: one}
		}
		met = append(met, "device rule "+one.Rule+": "+one.Because)
		d.Device = one
	}
	if met != nil {
		d.Rule += "; " + strings.Join(met, "; ")
	}
	return d
}

// ACRAttested names a login by hardware that cannot be phished (OpenID Connect
// Extended Authentication Profile, ACR values).
const ACRAttested = "phrh"

// DeviceRefusal is a fault Forbidden "device_required". Where a new login can end it,
// it says what that has to be (RFC 9470 section 3).
type DeviceRefusal struct {
	*fault.Fault
	ACR    string        // "": a login does not help
	MaxAge time.Duration // 0: any
}

// Unwrap gives the fault.
func (r *DeviceRefusal) Unwrap() error { return r.Fault }

func deviceRequired(d *Device) error {
	r := &DeviceRefusal{Fault: fault.New(fault.Forbidden, "device_required", "Your organisation lets this be done from trusted devices only (rule %s). What is missing is listed.", d.Rule), MaxAge: d.MaxAge}
	for _, l := range d.Lacks {
		if l.What == LackPasskey {
			r.ACR = ACRAttested
		}
		r.Fault = r.With(fault.Detail{Pointer: "device/" + l.What, Code: l.Why, Message: l.Remedy})
	}
	return r
}
