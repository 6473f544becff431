package cli

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/tsa"
)

// tsaSettings are the flags of paraph tsa; each is PARAPH_TSA_… in the environment too.
type tsaSettings struct {
	listen, url, dir, name, policies, accuracy, cert, key, logFormat string
	json                                                             bool
}

func (s *tsaSettings) flags(env *Env, fs *flag.FlagSet) {
	text := partyFlags(env, fs, "PARAPH_TSA_")
	text(&s.listen, "listen", "127.0.0.1:8091", "Address and port to serve on.")
	text(&s.url, "url", "", "Address under which others reach it; its certificate names it, so that signatures can be kept for long (B-LT). Empty: none.")
	text(&s.dir, "dir", "paraph-tsa", "Folder for keys and certificates; made at the first start.")
	text(&s.name, "name", "Paraph time stamps", "The authority's name in its certificates; settled at the first start.")
	text(&s.policies, "policy", tsa.DefaultPolicy, "Policies (OID) it issues under, with commas; the first where a request names none.")
	text(&s.accuracy, "accuracy", "1s", "How far its time may be off, as each token says it: what the machine's clock is good for.")
	text(&s.cert, "tls-cert", "", "Certificate chain (PEM) to serve HTTPS with; empty: HTTP, as is usual: tokens are signed.")
	text(&s.key, "tls-key", "", "The certificate's key (PEM).")
	text(&s.logFormat, "log-format", "text", "text or json.")
	fs.BoolVar(&s.json, "json", false, "Say address and root certificate as one line of JSON.")
}

// runTSA runs a time stamping authority for networks that reach no other.
func runTSA(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "tsa")
	var s tsaSettings
	s.flags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	accuracy, err := time.ParseDuration(s.accuracy)
	if err != nil || accuracy < 0 || accuracy > 24*time.Hour {
		fmt.Fprintf(env.Stderr, "The accuracy %q is no duration such as 1s or 500ms.\n", s.accuracy)
		return exitUsage
	}
	a, err := tsa.Open(tsa.Config{Dir: s.dir, Name: s.name, URL: s.url, Policies: strings.Split(s.policies, ","), Accuracy: accuracy, Log: telemetry.NewLogger(env.Stderr, s.logFormat, "info")})
	if err != nil {
		return fail(env, err)
	}
	code := exitOK
	if err := serveParty(ctx, a.Server(), s.listen, s.cert, s.key, func(url string) { greetTSA(env, s, url, a) }); err != nil {
		code = fail(env, err)
	}
	if err := a.Close(); err != nil {
		return fail(env, err)
	}
	return code
}

// greetTSA says where the authority is and what those who trust it need.
func greetTSA(env *Env, s tsaSettings, url string, a *tsa.Server) {
	root := filepath.Join(s.dir, "root.cert.pem")
	if s.json {
		printLine(env, map[string]any{"url": url, "root": root, "root_pem": string(a.RootPEM()), "policy": strings.Split(s.policies, ",")[0]})
		return
	}
	fmt.Fprintf(env.Stdout, "listening on %s\nits root certificate: %s, also at %s/root.pem\nits certificate is valid until %s\n",
		url, root, url, a.Certificate().NotAfter.Format(time.DateOnly))
	fmt.Fprintf(env.Stdout, "Bring the root to the server by a way that both trust, and start it with\n  --timestamp-authorities %s --timestamp-roots ROOT\n", url)
}
