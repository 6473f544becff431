package people

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/access"
)

// TestTOTPVectors: RFC 6238 appendix B, SHA-1, of which six digits are the last six.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := TOTPCode(secret, time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

// TestTOTPIsTakenOnce: a code is right a step around its time, and neither it nor one
// before it is taken again (RFC 6238 section 5.2).
func TestTOTPIsTakenOnce(t *testing.T) {
	t.Parallel()
	secret, now := NewTOTPSecret(), time.Unix(1_800_000_015, 0)
	o := TOTP{}
	for off, want := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		if _, ok := o.Check(secret, TOTPCode(secret, now.Add(time.Duration(off)*totpPeriod)), now); ok != want {
			t.Errorf("%d steps off: %v", off, ok)
		}
	}
	step, _ := o.Check(secret, TOTPCode(secret, now), now)
	o.LastStep = step
	for _, off := range []int{-1, 0} {
		if _, ok := o.Check(secret, TOTPCode(secret, now.Add(time.Duration(off)*totpPeriod)), now); ok {
			t.Errorf("the code of %d steps off is taken after a newer one", off)
		}
	}
	for _, typed := range []string{"", "12345", "1234567", "abcdef"} {
		if _, ok := o.Check(secret, typed, now); ok {
			t.Errorf("%q is a code", typed)
		}
	}
}

// TestRecoveryCodes: drawn in every place, and taken however they are typed; nothing else is one.
func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	codes := NewRecoveryCodes()
	slices.Sort(codes)
	if len(slices.Compact(slices.Clone(codes))) != RecoveryCodes {
		t.Fatalf("%v", codes)
	}
	c := codes[0]
	if h := RecoveryHash(c); len(h) != 32 || string(h) != string(RecoveryHash(strings.ToUpper(strings.ReplaceAll(c, "-", " ")))) || string(h) == string(RecoveryHash(codes[1])) {
		t.Errorf("%s: %x", c, h)
	}
	for at := range len(c) { // every place is drawn
		seen := map[byte]bool{}
		for range 20 {
			for _, one := range NewRecoveryCodes() {
				seen[one[at]] = true
			}
		}
		if c[at] != '-' && len(seen) < 10 {
			t.Errorf("place %d is one of %d", at, len(seen))
		}
	}
	for _, typed := range []string{"", "123456", c + "a"} {
		if RecoveryHash(typed) != nil {
			t.Errorf("%q is a recovery code", typed)
		}
	}
}

// TestRights: roles of everything together, in the units of whatever gives a role.
func TestRights(t *testing.T) {
	t.Parallel()
	viewer, approver := []access.Role{"viewer"}, []access.Role{"approver"}
	for name, c := range map[string]struct {
		u      User
		groups []Group
		roles  []access.Role
		units  []string
	}{
		"nothing gives nothing":             {User{}, nil, nil, []string{}},
		"units without a role count not":    {User{Units: nil}, []Group{{Roles: viewer, Units: []string{"a"}}}, viewer, []string{"a"}},
		"units are put together":            {User{Roles: viewer, Units: []string{"a"}}, []Group{{Roles: approver, Units: []string{"b", "a"}}}, []access.Role{"viewer", "approver"}, []string{"a", "b"}},
		"everywhere is everywhere":          {User{Roles: viewer}, []Group{{Roles: approver, Units: []string{"b"}}}, []access.Role{"viewer", "approver"}, nil},
		"everywhere by the last of a group": {User{Roles: viewer, Units: []string{"a"}}, []Group{{Roles: viewer}}, viewer, nil},
	} {
		roles, units := Rights(&c.u, c.groups)
		if !slices.Equal(roles, c.roles) || !slices.Equal(units, c.units) || (units == nil) != (c.units == nil) {
			t.Errorf("%s: %v %v", name, roles, units)
		}
	}
}

// TestMemberships: of the provider's groups, those that the claim names, and the others.
func TestMemberships(t *testing.T) {
	t.Parallel()
	p := ProviderSettings{Groups: map[string]string{"a": "g1", "b": "g2", "c": "g1"}}
	for values, want := range map[string][2]string{"": {"", "g1 g2"}, "a": {"g1", "g2"}, "c b x": {"g1 g2", ""}} {
		in, out := p.Memberships(strings.Fields(values))
		if strings.Join(slices.Compact(in), " ") != want[0] || strings.Join(slices.Compact(out), " ") != want[1] {
			t.Errorf("%q: in %v, out %v", values, in, out)
		}
	}
}
