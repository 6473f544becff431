//go:build judges

package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/store/pgtest"
	"github.com/paraph/paraph/internal/testneed"
)

var examples = flag.Int("examples", 8, "requests that schemathesis makes up for each operation")

// exempt are the operations that schemathesis does not ask, each with the reason.
var exempt = map[string]string{
	"^/v1/events/stream$":  "its answer does not end",
	"^/v1/hooks/":          "its callers prove themselves by signatures over the body, of the scheme of each source",
	`^/v1/clients/\{id\}$`: "it would revoke the client that it asks as",
	"^/v1/uploads":         "the protocol is tus's: what it forbids is judged by a client of tus's own",
}

// TestSchemathesis lets schemathesis attack every operation with what the contract
// allows and with what it forbids, on both stores, and wants no failure at all.
func TestSchemathesis(t *testing.T) {
	program := os.Getenv("PARAPH_SCHEMATHESIS")
	if program == "" {
		t.Skip("PARAPH_SCHEMATHESIS names no schemathesis; make judges installs it")
	}
	root := testneed.Root(t)
	for name, database := range map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Database(t) }} {
		t.Run(name, func(t *testing.T) {
			s := start(t, database(), setup{})
			args := []string{"run", filepath.Join(root, "api", "openapi.yaml"), "--url", s.url, "--max-examples", strconv.Itoa(*examples),
				"--phases", "examples,coverage,fuzzing", "--config-file", filepath.Join(root, "judges", "schemathesis", "schemathesis.toml"), "--no-color"}
			for path := range exempt {
				args = append(args, "--exclude-path-regex", path)
			}
			cmd := exec.CommandContext(t.Context(), program, args...)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+filepath.Join(root, "judges", "schemathesis"),
				"BASE_URL="+s.url, "CLIENT_ID="+s.admin.Client.ID, "CLIENT_SECRET="+s.admin.Secret)
			out, err := cmd.CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			t.Log(lines[len(lines)-1])
			if err != nil || !regexp.MustCompile(`(?i)passed|no issues found`).Match(out) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
