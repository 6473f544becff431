package delegation

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestRefresh(t *testing.T) {
	t.Parallel()
	base := Delegation{Generation: 5, RotatedAt: noon, ExpiresAt: noon.Add(time.Hour), IdleUntil: noon.Add(time.Minute)}
	for name, c := range map[string]struct {
		change     func(*Delegation)
		generation int64
		at         time.Duration
		want       Use
		code       string
	}{
		"the one in force":           {nil, 5, time.Second, Rotate, ""},
		"the one before, at once":    {nil, 4, 0, Repeat, ""},
		"the one before, just":       {nil, 4, Grace, Repeat, ""},
		"the one before, too late":   {nil, 4, Grace + 1, Reuse, ""},
		"two before":                 {nil, 3, 0, Reuse, ""},
		"one that is not there yet":  {nil, 6, 0, Reuse, ""},
		"run out":                    {func(d *Delegation) { d.ExpiresAt = noon }, 5, 0, 0, "invalid_grant"},
		"idle for too long":          {nil, 5, time.Minute, 0, "invalid_grant"},
		"revoked":                    {func(d *Delegation) { d.Revoke(ReasonClient, noon) }, 5, 0, 0, "invalid_grant"},
		"revoked, an old token":      {func(d *Delegation) { d.Revoke(ReasonClient, noon) }, 1, 0, 0, "invalid_grant"},
		"the clock was put back 5 m": {nil, 4, -5 * time.Minute, Repeat, ""},
	} {
		d := base
		if c.change != nil {
			c.change(&d)
		}
		use, err := d.Refresh(c.generation, noon.Add(c.at))
		if use != c.want || fault.CodeOf(err) != c.code {
			t.Errorf("%s: %d %v", name, use, err)
		}
	}
	d := base
	d.Rotated(noon.Add(time.Second), time.Hour)
	if d.Generation != 6 || !d.RotatedAt.Equal(noon.Add(time.Second)) || !d.IdleUntil.Equal(noon.Add(time.Hour+time.Second)) {
		t.Errorf("%+v", d)
	}
	d.Key = []byte("sealed")
	if !d.Revoke(ReasonReuse, noon) || d.Revoke(ReasonClient, noon) || d.Reason != ReasonReuse || d.Key != nil {
		t.Errorf("revoked: %+v", d)
	}
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	id, key := "dlg_01kb0q7m4b1s9v3d8r5x2c6e7f", [32]byte{1, 2, 3}
	text := RefreshToken(id, key, 40)
	p, ok := ParseRefreshToken(text)
	if !ok || p.ID != id || p.Generation != 40 || !p.Made(key) || text != RefreshToken(id, key, 40) || len(text) > maxRefresh {
		t.Fatalf("%q: %+v %v", text, p, ok)
	}
	other := RefreshToken("dlg_01kb0q7m4b1s9v3d8r5x2c6e7g", key, 40)
	if p, _ := ParseRefreshToken(other); p.ID == id || p.Made([32]byte{1, 2}) {
		t.Error("another delegation's token")
	}
	parts := strings.Split(text, ".")
	for _, bad := range []string{
		"", "prt_", text[4:], parts[0] + ".2." + parts[2] + "x", parts[0] + ".-1." + parts[2], parts[0] + ".0." + parts[2], parts[0] + ".+14." + parts[2],
		parts[0] + ".014." + parts[2], parts[0] + "." + parts[2], "prt_." + parts[1] + "." + parts[2], text + ".x", strings.Repeat("a", 1000),
	} {
		if p, ok := ParseRefreshToken(bad); ok {
			t.Errorf("%q is read as %+v", bad, p)
		}
	}
	// Each of these can be read and was never made.
	for _, forged := range []string{parts[0] + ".15." + parts[2], parts[0][:8] + "a" + parts[0][9:] + "." + parts[1] + "." + parts[2]} {
		if p, ok := ParseRefreshToken(forged); !ok || p.Made(key) {
			t.Errorf("%q: %v, made %v", forged, ok, p.Made(key))
		}
	}
}

func TestRedeem(t *testing.T) {
	t.Parallel()
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	good := Redemption{ClientID: "cli_1", RedirectURI: "https://app.example/done", Verifier: verifier}
	for name, c := range map[string]struct {
		change func(*Code, *Redemption)
		ok     bool
	}{
		"right":                  {func(*Code, *Redemption) {}, true},
		"bound and proved":       {func(c *Code, r *Redemption) { c.JKT, r.JKT = "k", "k" }, true},
		"not bound, with a key":  {func(c *Code, r *Redemption) { r.JKT = "k" }, true},
		"bound to another key":   {func(c *Code, r *Redemption) { c.JKT, r.JKT = "k", "l" }, false},
		"bound, without a key":   {func(c *Code, r *Redemption) { c.JKT = "k" }, false},
		"another client":         {func(c *Code, r *Redemption) { r.ClientID = "cli_2" }, false},
		"another redirect":       {func(c *Code, r *Redemption) { r.RedirectURI += "/" }, false},
		"no redirect":            {func(c *Code, r *Redemption) { r.RedirectURI = "" }, false},
		"no verifier":            {func(c *Code, r *Redemption) { r.Verifier = "" }, false},
		"another verifier":       {func(c *Code, r *Redemption) { r.Verifier = strings.Repeat("w", 43) }, false},
		"the challenge itself":   {func(c *Code, r *Redemption) { r.Verifier = challenge }, false},
		"a plain challenge":      {func(c *Code, r *Redemption) { c.Challenge = verifier }, false},
		"no challenge at all":    {func(c *Code, r *Redemption) { c.Challenge, r.Verifier = "", "" }, false},
		"short verifier":         {func(c *Code, r *Redemption) { r.Verifier = verifier[1:] }, false},
		"odd verifier":           {func(c *Code, r *Redemption) { r.Verifier = verifier + "ü" }, false},
		"too late":               {func(c *Code, r *Redemption) { c.ExpiresAt = noon }, false},
		"much too long verifier": {func(c *Code, r *Redemption) { r.Verifier = strings.Repeat("v", 129) }, false},
	} {
		code := Code{ClientID: "cli_1", RedirectURI: good.RedirectURI, Challenge: challenge, ExpiresAt: noon.Add(CodeLife)}
		r := good
		c.change(&code, &r)
		if err := code.Redeem(r, noon); (err == nil) != c.ok || err != nil && fault.CodeOf(err) != "invalid_grant" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for s, want := range map[string]bool{challenge: true, "": false, challenge[1:]: false, challenge + "A": false, strings.Repeat("=", 43): false, challenge[:42] + "\n": false} {
		if Challenge(s) != want {
			t.Errorf("challenge %q: %v", s, !want)
		}
	}
}

// TestVerifierForm: a verifier has 43 to 128 unreserved characters, even where its
// digest fits (RFC 7636 section 4.1).
func TestVerifierForm(t *testing.T) {
	t.Parallel()
	for verifier, want := range map[string]bool{
		strings.Repeat("v", 42): false, strings.Repeat("v", 43): true, strings.Repeat("~", 128): true, strings.Repeat("v", 129): false, strings.Repeat("v", 42) + "+": false,
	} {
		sum := sha256.Sum256([]byte(verifier))
		if VerifierFits(verifier, base64.RawURLEncoding.EncodeToString(sum[:])) != want {
			t.Errorf("%d characters %q: %v", len(verifier), verifier, !want)
		}
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	d := Device{State: DeviceWaits, Interval: DeviceInterval, ExpiresAt: noon.Add(DeviceLife)}
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	for i, step := range []struct {
		at   int
		want string
	}{{0, "authorization_pending"}, {5, "authorization_pending"}, {6, "slow_down"}, {12, "slow_down"}, {20, "slow_down"}, {40, "authorization_pending"}} {
		if err := d.Poll(at(step.at)); fault.CodeOf(err) != step.want {
			t.Fatalf("step %d: %v, want %s (interval %v)", i, err, step.want, d.Interval)
		}
	}
	if d.Interval != DeviceInterval+3*slowDown {
		t.Errorf("interval %v", d.Interval)
	}
	if err := d.Decide(true, at(41)); err != nil {
		t.Fatal(err)
	}
	if err := d.Decide(false, at(42)); fault.CodeOf(err) != "user_code_unknown" || d.State != DeviceAllowed {
		t.Errorf("a second answer: %v", err)
	}
	if err := d.Poll(at(43)); fault.CodeOf(err) != "slow_down" || d.State != DeviceAllowed {
		t.Errorf("allowed, and too early: %v", err)
	}
	if err := d.Poll(at(80)); err != nil || d.State != DeviceUsed {
		t.Errorf("allowed: %v", err)
	}
	if err := d.Poll(at(120)); fault.CodeOf(err) != "invalid_grant" {
		t.Errorf("used: %v", err)
	}
	denied := Device{State: DeviceWaits, Interval: DeviceInterval, ExpiresAt: noon.Add(DeviceLife)}
	if err := denied.Decide(false, noon); err != nil || fault.CodeOf(denied.Poll(noon)) != "access_denied" {
		t.Error("denied", err)
	}
	late := Device{State: DeviceAllowed, Interval: DeviceInterval, ExpiresAt: noon}
	if fault.CodeOf(late.Poll(noon)) != "expired_token" || late.Decide(true, noon) == nil {
		t.Error("late")
	}
	back := Device{State: DeviceWaits, Interval: DeviceInterval, PolledAt: at(60), ExpiresAt: noon.Add(DeviceLife)}
	if fault.CodeOf(back.Poll(noon)) != "authorization_pending" {
		t.Error("a clock that was put back slows down")
	}
}

func TestUserCode(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		c := NewUserCode()
		again, ok := NormaliseUserCode(" " + strings.ToLower(strings.Replace(c, "-", ". ", 1)))
		if len(c) != 9 || c[4] != '-' || !ok || again != c || seen[c] {
			t.Fatalf("%q %q", c, again)
		}
		seen[c] = true
	}
	for _, bad := range []string{"", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF/GHJK", "BCDF-GHJ\u00d0"} {
		if got, ok := NormaliseUserCode(bad); ok {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
	if string(HashUserCode("BCDF-GHJK")) == string(HashUserCode("BCDF-GHJL")) {
		t.Error("two codes, one hash")
	}
}

// FuzzRefreshToken: whatever can be read is written the same way again, and
// nothing but what the key has made is taken for its work.
func FuzzRefreshToken(f *testing.F) {
	key := [32]byte{7}
	f.Add(RefreshToken("dlg_01kb0q7m4b1s9v3d8r5x2c6e7f", key, 1))
	f.Add("prt_a.1.b")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := ParseRefreshToken(text)
		if ok && p.Made(key) && RefreshToken(p.ID, key, p.Generation) != text {
			t.Errorf("%q has two forms", text)
		}
	})
}
