package httpapi

import (
	"math"
	"testing"
	"time"
)

// TestNumbersDoNotWrapAround: a number of seconds that no duration holds stays too large, or
// too small, instead of becoming one that would be taken.
func TestNumbersDoNotWrapAround(t *testing.T) {
	t.Parallel()
	const most = 30 * 24 * time.Hour
	for n, taken := range map[int64]bool{0: true, 3600: true, int64(most / time.Second): true, int64(most/time.Second) + 1: false, -1: false, math.MaxInt64: false, math.MinInt64: false, 1<<34 + 1: false, 18446744075: false} {
		if d := wholeSeconds(n, most); (d >= 0 && d <= most) != taken {
			t.Errorf("%d seconds become %s", n, d)
		}
	}
	for n, taken := range map[float64]bool{0: true, 0.5: true, 3600: true, 1e300: false, -1e300: false, 18446744075: false, -1: false, math.Inf(1): false} {
		if d := seconds(n); (d >= 0 && d <= most) != taken {
			t.Errorf("%g seconds become %s", n, d)
		}
	}
}
