package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/testneed"
)

// TestMemoryIsGuarded: whatever is read and written, the language's own checks are on:
// nothing reckons with addresses, and nothing is written in another language. The one
// program with C, which speaks to hardware modules, is a process of its own.
func TestMemoryIsGuarded(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	for _, s := range program(t) {
		for _, i := range s.imports {
			if i == "unsafe" || i == "C" && s.pkg != "cmd/paraph-pkcs11" {
				t.Errorf("%s imports %q", s.path, i)
			}
		}
		raw, err := read(root, s.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, directive := range []string{"\n//go:linkname", "\n//go:noescape", "\n//go:nocheckptr", "\n//go:cgo_"} {
			if strings.Contains(string(raw), directive) {
				t.Errorf("%s goes past the language: %s", s.path, strings.TrimSpace(directive))
			}
		}
	}
	for _, f := range tracked(t, root) {
		if slices.Contains([]string{".s", ".c", ".cc", ".h", ".syso"}, filepath.Ext(f)) {
			t.Errorf("%s is no Go", f)
		}
	}
	make, err := read(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(make), "\tCGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -o bin/paraph ./cmd/paraph\n") {
		t.Error("the program is not built without C")
	}
}

// byChance are the packages that may draw numbers of which nothing secret is made: waits of
// different lengths, and the noise of sample scans.
var byChance = []string{"internal/blob/s3", "internal/demodata/draw", "internal/work", "internal/store"}

// TestRandomnessIsTheSystems: what must not be guessed comes from the system, which never
// runs dry and never fails: crypto/rand ends the process instead. Nobody replaces its source.
func TestRandomnessIsTheSystems(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		for _, i := range s.imports {
			if (i == "math/rand" || i == "math/rand/v2") && !slices.Contains(byChance, s.pkg) {
				t.Errorf("%s draws numbers that can be guessed", s.path)
			}
		}
		ast.Inspect(parsed(t, s), func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.ASSIGN && slices.ContainsFunc(a.Lhs, func(e ast.Expr) bool { return isSelector(e, "rand", "Reader") }) {
				t.Errorf("%s puts something else in the place of the system's randomness", s.path)
			}
			return true
		})
	}
}

func isSelector(e ast.Expr, name, what string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == name && s.Sel.Name == what
}

// secretly are the functions that compare with a secret or with what is made of one, by
// file, with how often each does.
var secretly = map[string]map[string]int{
	"internal/oauth/certificate.go":  {"same": 1},
	"internal/journal/cursor.go":     {"Decode": 1},
	"internal/blob/crypt/segment.go": {"checkHeader": 1},
	"internal/service/sign.go":       {"openLink": 1},
	"internal/service/logins.go":     {"LogInByCode": 1, "spendCode": 1},
	"internal/service/clients.go":    {"Authenticate": 2},
	"internal/delegation/token.go":   {"Made": 1},
	"internal/delegation/code.go":    {"Redeem": 1, "VerifierFits": 1},
	"internal/hook/handshake.go":     {"holds": 1},
	"internal/hook/verify.go":        {"digested": 1, "matches": 1},
	"internal/people/totp.go":        {"Check": 1},
	"pades/pdffile/crypt.go":         {"isUserKey": 2, "openNew": 2},
}

// TestSecretsAreComparedInConstantTime: each of them looks at all bytes, so that the time
// it takes tells nothing of where they differ; and there is none that is not named here.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		found := map[string]int{}
		for _, d := range parsed(t, s).Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok && (isSelector(c.Fun, "subtle", "ConstantTimeCompare") || isSelector(c.Fun, "hmac", "Equal")) {
					found[f.Name.Name]++
				}
				return true
			})
		}
		for name, n := range secretly[s.path] {
			if found[name] != n {
				t.Errorf("%s: %s compares %d times in constant time, want %d", s.path, name, found[name], n)
			}
		}
		for name := range found {
			if secretly[s.path][name] == 0 {
				t.Errorf("%s: %s compares a secret; name it among those that do", s.path, name)
			}
		}
	}
}

// TestTLSIsNotWeakened: each end of ours that speaks TLS takes 1.2 or newer, with the
// suites, key exchanges and checks of certificates that Go has; what Go has given up, no
// setting of the build brings back.
func TestTLSIsNotWeakened(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	ends := 0
	for _, s := range program(t) {
		ast.Inspect(parsed(t, s), func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || !isSelector(lit.Type, "tls", "Config") {
				return true
			}
			ends++
			least := false
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				switch key := kv.Key.(*ast.Ident).Name; key {
				case "MinVersion":
					least = isSelector(kv.Value, "tls", "VersionTLS12") || isSelector(kv.Value, "tls", "VersionTLS13")
				case "CipherSuites", "CurvePreferences", "InsecureSkipVerify", "MaxVersion", "Renegotiation":
					t.Errorf("%s sets %s", s.path, key)
				}
			}
			if !least {
				t.Errorf("%s does not say that TLS is 1.2 or newer", s.path)
			}
			return true
		})
		raw, err := read(root, s.path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "\n//go:debug") {
			t.Errorf("%s changes how Go behaves", s.path)
		}
	}
	if ends < 3 {
		t.Errorf("only %d ends of TLS were found", ends)
	}
	mod, err := read(root, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mod), "godebug") {
		t.Error("go.mod changes how Go behaves")
	}
}

// TestKnownWeaknessesEndTheLint: make lint asks for weaknesses that are known of the
// libraries, and fails where there is one; only where nobody can be asked it goes on.
func TestKnownWeaknessesEndTheLint(t *testing.T) {
	t.Parallel()
	root := testneed.Root(t)
	program := testneed.Command(t, "make")
	makefile, err := read(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), makefile, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		says string
		code string
		ok   bool
	}{
		"a weakness":       {"Vulnerability #1: GO-2026-0001", "3", false},
		"none":             {"No vulnerabilities found.", "0", true},
		"nobody answers":   {"fetching vulnerabilities: dial tcp: no such host", "1", true},
		"does not compile": {"undefined: x", "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := filepath.Join(t.TempDir(), "go")
			script := "#!/bin/sh\ncase \"$*\" in *govulncheck*) echo '" + c.says + "'; exit " + c.code + ";; esac\n"
			if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, "-f", filepath.Join(dir, "Makefile"), "lint", "GO="+fake)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "MAKEFLAGS=", "GIT_DIR=/nowhere")
			out, err := cmd.CombinedOutput()
			if (err == nil) != c.ok || !strings.Contains(string(out), c.says) && c.code != "1" {
				t.Errorf("make lint: %v\n%s", err, out)
			}
		})
	}
}
