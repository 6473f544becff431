package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/paraph/paraph/internal/blob/crypt"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/witness"
)

// witnessSettings are the flags of paraph witness; each is PARAPH_WITNESS_… in
// the environment too.
type witnessSettings struct {
	listen, dir, name, policy, cert, key string
	logs                                 []string
	logFormat                            string
	json                                 bool
}

func (s *witnessSettings) flags(env *Env, fs *flag.FlagSet) {
	text := partyFlags(env, fs, "PARAPH_WITNESS_")
	text(&s.listen, "listen", "127.0.0.1:8090", "Address and port to serve on.")
	text(&s.dir, "dir", "paraph-witness", "Folder for the key and the state of each log. Never restore it from a backup.")
	text(&s.name, "name", "", "The witness' name in its cosignatures, best a host and path such as witness.example.com/w1; fixed at the first start. Empty: the machine's name.")
	text(&s.policy, "policy", "", "File whose log lines name the logs to watch (C2SP tlog-policy).")
	text(&s.cert, "tls-cert", "", "Certificate chain (PEM) to serve HTTPS with; empty: HTTP, for a proxy in front.")
	text(&s.key, "tls-key", "", "The certificate's key (PEM).")
	text(&s.logFormat, "log-format", "text", "text or json.")
	if v := env.Getenv("PARAPH_WITNESS_LOG"); v != "" {
		s.logs = strings.Fields(v)
	}
	fs.Func("log", "Verifier key of a log to watch, as its /.well-known/paraph/log.vkey gives it; may be given more than once.", func(v string) error {
		s.logs = append(s.logs, v)
		return nil
	})
	fs.BoolVar(&s.json, "json", false, "Say address and key as one line of JSON.")
}

// runWitness runs the second party of other people's logs.
func runWitness(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "witness")
	var s witnessSettings
	s.flags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	w, cosigner, err := openWitness(env, s)
	if err != nil {
		return fail(env, err)
	}
	code := exitOK
	err = serveParty(ctx, w.Server(), s.listen, s.cert, s.key, func(url string) { greetWitness(env, s, url, w, cosigner) })
	if err != nil {
		code = fail(env, err)
	}
	if err := w.Close(); err != nil {
		return fail(env, err)
	}
	return code
}

func openWitness(env *Env, s witnessSettings) (*witness.Witness, *journal.Cosigner, error) {
	logs, err := watchedLogs(s)
	if err != nil {
		return nil, nil, err
	}
	cosigner, err := witnessKey(s)
	if err != nil {
		return nil, nil, fmt.Errorf("the witness' key: %w", err)
	}
	w, err := witness.Open(witness.Config{Dir: filepath.Join(s.dir, "logs"), Cosigner: cosigner, Logs: logs, Log: telemetry.NewLogger(env.Stderr, s.logFormat, "info")})
	return w, cosigner, err
}

// watchedLogs reads the keys of the logs from flags and policy file.
func watchedLogs(s witnessSettings) (logs []*journal.Verifier, err error) {
	if s.policy != "" {
		raw, err := os.ReadFile(s.policy)
		if err != nil {
			return nil, err
		}
		p, err := journal.ParsePolicy(raw)
		if err != nil {
			return nil, err
		}
		for _, l := range p.Logs {
			logs = append(logs, l.Verifier)
		}
	}
	for _, vkey := range s.logs {
		v, err := journal.NewVerifier(vkey)
		if err != nil {
			return nil, err
		}
		logs = append(logs, v)
	}
	return logs, nil
}

// witnessKey loads the key, or makes it at the first start. Key and name are
// settled together: a witness that changes either is another witness, and its
// logs would no longer know it.
func witnessKey(s witnessSettings) (*journal.Cosigner, error) {
	keys, _, err := crypt.LoadOrCreateKeys(filepath.Join(s.dir, "witness.key"), "witness")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "witness.vkey")
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	name := s.name
	if settled, _, ok := strings.Cut(string(kept), "+"); ok && name == "" {
		name = settled
	}
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	seed := keys[0].Key
	cosigner, err := journal.NewCosigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return nil, err
	}
	vkey := cosigner.VerifierKey() + "\n"
	if len(kept) == 0 {
		return cosigner, os.WriteFile(path, []byte(vkey), 0o644)
	}
	if string(kept) != vkey {
		return nil, fmt.Errorf("%s says that this witness is %s, but name and key make %s; use the name and key it began with, or another folder", path, strings.TrimSpace(string(kept)), strings.TrimSpace(vkey))
	}
	return cosigner, nil
}

// greetWitness says where the witness is and what its logs' owners need to know.
func greetWitness(env *Env, s witnessSettings, url string, w *witness.Witness, cosigner *journal.Cosigner) {
	seen := w.Seen()
	if s.json {
		printLine(env, map[string]any{"url": url, "vkey": cosigner.VerifierKey(), "logs": seen})
		return
	}
	fmt.Fprintf(env.Stdout, "listening on %s\nthe key of this witness: %s\n", url, cosigner.VerifierKey())
	for _, l := range seen {
		fmt.Fprintf(env.Stdout, "watching %s, %d entries so far\n", l.Origin, l.Size)
	}
	if len(seen) == 0 {
		fmt.Fprintf(env.Stdout, "It watches no log yet. Give the key to the log's owner, and start it again with --log and the log's key.\n")
	}
}
