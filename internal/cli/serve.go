package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/telemetry"
)

// gcPercent lets more garbage gather than Go's own 100: the server's live memory is
// small, and under load collecting it took an eighth of the time. GOGC overrides it.
const gcPercent = 200

func runServe(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "serve")
	asJSON := fs.Bool("json", false, "Say the address and a first credential as one line of JSON.")
	first := fs.String("first-start", "", "What a first start shows: link, by which somebody becomes administrator, once; credential, that administrator's id and secret at once, for development. Empty: link, and with --json credential.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := telemetry.NewLogger(env.Stderr, l.Config.LogFormat, l.Config.LogLevel)
	if *first == "" {
		*first = map[bool]string{true: "credential", false: "link"}[*asJSON]
	}
	if *first != "link" && *first != "credential" {
		fmt.Fprintln(env.Stderr, "paraph: --first-start is link or credential")
		return exitUsage
	}
	s, err := server.New(ctx, &l.Config, server.Options{Version: env.Version, Log: log, SetupLink: *first == "link"})
	if err != nil {
		return fail(env, err)
	}
	if err := s.Start(ctx); err != nil {
		return fail(env, err)
	}
	greet(env, s, *asJSON)
	select {
	case <-ctx.Done():
		log.Info("stopping: running requests and jobs finish first")
	case err := <-s.Failed():
		log.Error("a part of the server stopped", "error", err)
		code = exitFailed
	}
	if err := s.Stop(context.WithoutCancel(ctx)); err != nil {
		log.Error("the server did not stop in order", "error", err)
		return exitFailed
	}
	return code
}

// greet says where the server is and, at the first start, how to get in. The
// first credential is shown once and kept nowhere.
func greet(env *Env, s *server.Server, asJSON bool) {
	if asJSON {
		facts := map[string]string{"url": s.URL()}
		if a := s.Address(); a != "" {
			facts["address"] = "http://" + a
		}
		if a := s.AdminAddress(); a != "" {
			facts["admin"] = "http://" + a
		}
		if link, ok := s.Setup(); ok {
			facts["setup_url"] = link.URL
		}
		if s.Admin != nil {
			facts["client_id"], facts["client_secret"] = s.Admin.Client.ID, s.Admin.Secret
		}
		printLine(env, facts)
		return
	}
	if a := s.AdminAddress(); a != "" {
		fmt.Fprintf(env.Stdout, "health and metrics: http://%s\n", a)
	}
	if !s.Config.Has("api") {
		fmt.Fprintf(env.Stdout, "at work as %s\n", strings.Join(s.Config.Roles, ", "))
		return
	}
	fmt.Fprintf(env.Stdout, "listening on %s\ncontract and documentation: %s/docs\n", s.URL(), s.URL())
	if link, ok := s.Setup(); ok {
		greetSetup(env, link)
	}
	if s.Admin == nil {
		return
	}
	fmt.Fprintf(env.Stdout, `
This is the first start. Here is the first administrator; the secret is shown once.
  client id:     %[2]s
  client secret: %[3]s

Try it:
  TOKEN=$(curl -s -u '%[2]s:%[3]s' -d grant_type=client_credentials %[1]s/oauth/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -s -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: first" -H "Prefer: wait=30" -F file=@scan.pdf %[1]s/v1/documents
  curl -s -H "Authorization: Bearer $TOKEN" %[1]s/v1/events
`, s.URL(), s.Admin.Client.ID, s.Admin.Secret)
}

// greetSetup shows the set-up link of a first start, if a person looks: what is not a
// terminal is kept by somebody, and the link is a secret.
func greetSetup(env *Env, link server.SetupLink) {
	if !terminal(env.Stdout) {
		fmt.Fprintln(env.Stdout, "\nThis is the first start, and nobody can get in yet. On this machine, `paraph admin setup-link` makes the link that lets one in.")
		return
	}
	fmt.Fprintf(env.Stdout, "\nThis is the first start. Whoever opens this link first becomes the administrator:\n  %s\nIt works once, until %s. `paraph admin setup-link` makes another.\n",
		link.URL, link.ExpiresAt.Local().Format(time.RFC1123))
}

// terminal tells whether a person reads what is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
