package config

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func none(string) string { return "" }

func TestDefaultsWork(t *testing.T) {
	t.Parallel()
	if err := NewLoader().Load(none); err != nil {
		t.Fatal(err)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "paraph.yaml")
	if err := os.WriteFile(file, []byte("listen: 0.0.0.0:1\nlog-level: warn\nmax-pages: 7\nroles: [api, sequencer, dispatch, work]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := NewLoader()
	fs := flag.NewFlagSet("t", flag.ContinueOnError)
	l.Flags(fs)
	if err := fs.Parse([]string{"--config", file, "--listen", "0.0.0.0:3", "--token-lifetime=5m", "--metrics=false"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PARAPH_LISTEN": "0.0.0.0:2", "PARAPH_LOG_LEVEL": "error"}
	if err := l.Load(func(k string) string { return env[k] }); err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		value string
		from  Source
	}{"listen": {"0.0.0.0:3", FromFlag}, "log-level": {"error", FromEnv}, "max-pages": {"7", FromFile}, "token-lifetime": {"5m0s", FromFlag}, "metrics": {"false", FromFlag}, "smtp-port": {"587", FromDefault}}
	for _, s := range l.Settings() {
		if w, ok := want[s.Name]; ok && (s.Value != w.value || s.Source != w.from) {
			t.Errorf("%s is %s from %s, want %s from %s", s.Name, s.Value, s.Source, w.value, w.from)
		}
		if s.Name == "" || s.Doc == "" {
			t.Errorf("setting %+v is not documented", s)
		}
	}
	if l.Config.TokenLifetime != 5*time.Minute {
		t.Error(l.Config.TokenLifetime)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "paraph.yaml")
	if err := os.WriteFile(file, []byte("lissten: x\nmax-pages: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PARAPH_CONFIG": file, "PARAPH_LISTEN": "nowhere", "PARAPH_ROLES": "api,cook", "PARAPH_SMTP_TLS": "maybe", "PARAPH_TRUSTED_PROXIES": "x"}
	err := NewLoader().Load(func(k string) string { return env[k] })
	var p Problems
	if !errors.As(err, &p) {
		t.Fatalf("%v", err)
	}
	for _, setting := range []string{"lissten", "max-pages", "listen", "roles", "smtp-tls", "trusted-proxies"} {
		if !strings.Contains(err.Error(), "\n  "+setting+": ") {
			t.Errorf("nothing is said of %s in %v", setting, err)
		}
	}
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	l := NewLoader()
	env := map[string]string{"PARAPH_SMTP_PASSWORD": "canary-1", "PARAPH_DATABASE": "postgres://u:canary-2@h/d",
		"PARAPH_TIMESTAMP_AUTHORITIES": "https://tsa.example", "PARAPH_TIMESTAMP_CREDENTIALS": "tsa.example=ada:canary-3"}
	if err := l.Load(func(k string) string { return env[k] }); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", l.Config, "password", l.Config.SMTPPassword)
	all := fmt.Sprintf("%v %+v %#v %s %v", l.Config, l.Config, l.Config, l.Settings(), log.String())
	if strings.Contains(all, "canary") {
		t.Errorf("a secret shows: %s", all)
	}
	if l.Config.SMTPPassword.Reveal() != "canary-1" {
		t.Error("the secret is lost")
	}
}

func TestTimestamping(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*Config)
		want []TimestampAuthority
		says string // where it is refused
	}{
		"none": {func(*Config) {}, nil, ""},
		"in order, with defaults": {func(c *Config) {
			c.TimestampAuthorities = []string{"https://one.example/tsr?x=1#policy=1.2.3&roots=/etc/one.pem", "http://two.example"}
			c.TimestampPolicy, c.TimestampRoots = "1.2.4", "/etc/all.pem"
		}, []TimestampAuthority{{URL: "https://one.example/tsr?x=1", Policy: "1.2.3", Roots: "/etc/one.pem"}, {URL: "http://two.example", Policy: "1.2.4", Roots: "/etc/all.pem"}}, ""},
		"with credentials": {func(c *Config) {
			c.TimestampAuthorities = []string{"https://one.example", "https://two.example:8443/tsa"}
			c.TimestampCredentials = "one.example=ada:pass%20word\n two.example:8443=bearer:abc"
		}, []TimestampAuthority{{URL: "https://one.example", User: "ada", Password: "pass word"}, {URL: "https://two.example:8443/tsa", Bearer: "abc"}}, ""},
		"credentials in the clear": {func(c *Config) {
			c.TimestampAuthorities, c.TimestampCredentials = []string{"http://one.example"}, "one.example=ada:canary"
		}, nil, "https"},
		"credentials of nobody": {func(c *Config) { c.TimestampCredentials = "one.example=ada:canary" }, nil, "not the host"},
		"half credentials":      {func(c *Config) { c.TimestampCredentials = "canary" }, nil, "part 1"},
		"another scheme":        {func(c *Config) { c.TimestampAuthorities = []string{"ftp://one.example"} }, nil, "http"},
		"user in the address":   {func(c *Config) { c.TimestampAuthorities = []string{"https://ada:canary@one.example"} }, nil, "timestamp-credentials"},
		"an option misspelt":    {func(c *Config) { c.TimestampAuthorities = []string{"https://one.example#polcy=1.2"} }, nil, "polcy"},
	} {
		config := Default()
		c.set(&config)
		got, err := config.Timestamping()
		if c.says == "" && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%s: %v", name, err)
		}
		if (config.Check() == nil) != (c.says == "") {
			t.Errorf("%s: the check says %v", name, config.Check())
		}
	}
}

// TestAHostOfItsOwn: Paraph is not put beside other applications under one name, where their
// scripts would be of its origin and its cookies go to them.
func TestAHostOfItsOwn(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{"https://paraph.example": true, "https://paraph.example/": true, "http://127.0.0.1:8080": true,
		"https://example.com/paraph": false, "https://example.com/a/b/": false, "https://example.com?x=1": false, "ftp://example.com": false} {
		c := Default()
		if c.PublicURL = address; (c.Check() == nil) != ok {
			t.Errorf("%s: %v", address, c.Check())
		}
	}
}
