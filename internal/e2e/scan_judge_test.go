//go:build judges

package e2e

import (
	"testing"

	"github.com/paraph/paraph/internal/clamd/clamdtest"
)

// TestMalwareByClamAV: what TestMalware says of our daemon holds for ClamAV's.
func TestMalwareByClamAV(t *testing.T) {
	t.Parallel()
	malware(t, clamdtest.Debian(t))
}
