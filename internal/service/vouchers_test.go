package service

import (
	"testing"
	"time"
)

// TestVouchers: what was found good is not judged again while it holds, and by no other
// roots or bytes; what was refused is judged each time.
func TestVouchers(t *testing.T) {
	t.Parallel()
	var k vouchers
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	judged := 0
	good := func() voucher {
		judged++
		return voucher{because: "ours", from: now.Add(-time.Hour), until: now.Add(time.Hour)}
	}
	bad := func() voucher {
		judged++
		return voucher{why: "other"}
	}
	ours := vouched{roots: "a", models: "m", by: digestOf([]byte("x"))}
	for _, c := range []struct {
		name  string
		what  vouched
		at    time.Duration
		judge func() voucher
		want  int // times judged so far
		why   string
	}{
		{"first", ours, 0, good, 1, ""},
		{"again", ours, 0, bad, 1, ""},
		{"at its end", ours, time.Hour, bad, 1, ""},
		{"at its beginning", ours, -time.Hour, bad, 1, ""},
		{"by other roots", vouched{roots: "b", models: "m", by: ours.by}, 0, bad, 2, "other"},
		{"refused once more", vouched{roots: "b", models: "m", by: ours.by}, 0, bad, 3, "other"},
		{"of other models", vouched{roots: "a", models: "n", by: ours.by}, 0, bad, 4, "other"},
		{"another one", vouched{roots: "a", models: "m", by: digestOf([]byte("x"), nil)}, 0, bad, 5, "other"},
		{"after its end", ours, time.Hour + 1, bad, 6, "other"},
		{"before its beginning", ours, -time.Hour - 1, bad, 7, "other"},
	} {
		because, why := k.of(c.what, now.Add(c.at), c.judge)
		if judged != c.want || why != c.why || why == "" && because != "ours" {
			t.Errorf("%s: judged %d times, %q %q", c.name, judged, because, why)
		}
	}
}
