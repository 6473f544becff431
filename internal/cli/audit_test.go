package cli

import (
	"strings"
	"testing"
)

// TestAuditCommandsTakeTheirFlags: a flag of a command's own must not have the
// name of a setting, which only shows when the command runs.
func TestAuditCommandsTakeTheirFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"verify", "--help"}, {"accept-restore", "--help"}} {
		var out strings.Builder
		code := Run(append([]string{"paraph", "audit"}, args...), strings.NewReader(""), &out, &out, func(string) string { return "" })
		if code != exitOK || !strings.Contains(out.String(), "-json") {
			t.Errorf("paraph audit %v: %d\n%s", args, code, out.String())
		}
	}
}
