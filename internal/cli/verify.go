package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
	"github.com/paraph/paraph/internal/verdict"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/validation"
)

// verifyFlags are what verify was told.
type verifyFlags struct {
	trust    trustFlags
	logKey   string
	tsa      string
	sealed   bool
	online   bool
	strict   bool
	at       string
	password string
	json     bool
}

func runVerify(ctx context.Context, env *Env, args []string) int {
	var o verifyFlags
	fs := flags(env, "verify")
	fs.BoolVar(&o.json, "json", false, "Write JSON.")
	o.trust.add(fs)
	fs.StringVar(&o.logKey, "log-key", "", "The log's verifier key, or a file that holds it; published at /.well-known/paraph/log.vkey.")
	fs.StringVar(&o.tsa, "tsa-ca", "", "File of root certificates (PEM) to trust for time stamps over the log.")
	fs.BoolVar(&o.sealed, "sealed", true, "Demand that nothing but validation data and document time stamps follows the last signature, as after Paraph's own seal. With --system or --eu it is off unless it is said.")
	fs.BoolVar(&o.online, "online", false, "Ask the authorities for certificates and for what is known of revocation, where the file does not bring it.")
	fs.BoolVar(&o.strict, "require-revocation", false, "Demand an answer also about certificates that name nobody who would tell of their revocation.")
	fs.StringVar(&o.at, "at", "", "Judge for this time (RFC 3339) instead of now.")
	fs.StringVar(&o.password, "password-file", "", "File that holds the password of encrypted PDFs.")
	if code, done := parse(fs, args); done {
		return code
	}
	if fs.NArg() == 0 {
		fs.Usage()
		return exitUsage
	}
	if (o.trust.system || o.trust.eu) && !given(fs, "sealed") {
		o.sealed = false
	}
	v, err := o.prepare(ctx, env)
	if err != nil {
		return fail(env, err)
	}
	defer v.close()
	var all []*verdict.Verdict
	code := exitOK
	for _, name := range fs.Args() {
		one, err := v.file(ctx, name)
		if err != nil {
			return fail(env, err)
		}
		if one.Verdict != pades.Valid {
			code = exitFailed
		}
		all = append(all, one)
	}
	if o.json {
		printJSON(env, all)
		return code
	}
	for _, one := range all {
		one.Print(env.Stdout)
		for _, l := range one.Lacks {
			fmt.Fprintf(env.Stdout, "    → %s\n", remedies[l])
		}
	}
	return code
}

// remedies are the flags for what is lacking.
var remedies = map[verdict.Lack]string{
	verdict.LackRoots:      "to say whom to trust for signatures, use --ca (or --system, --eu)",
	verdict.LackLogKey:     "to check proofs, use --log-key",
	verdict.LackStampRoots: "to check who made the time stamps, use --tsa-ca",
}

// looker judges files; PDFs are opened in a sandboxed child.
type looker struct {
	judge verdict.Judge
	order childmain.Verification
	fetch validation.Fetcher
	tools *pdf.Tools
}

func (o *verifyFlags) prepare(ctx context.Context, env *Env) (*looker, error) {
	v := &looker{order: childmain.Verification{Sealed: o.sealed, RequireRevocation: o.strict}}
	v.judge.PDF = v.pdf
	var err error
	if o.at != "" {
		if v.order.Time, err = time.Parse(time.RFC3339, o.at); err != nil {
			return nil, fmt.Errorf("--at: %w", err)
		}
	}
	if o.password != "" {
		raw, err := os.ReadFile(o.password)
		if err != nil {
			return nil, err
		}
		v.order.Password = strings.TrimRight(string(raw), "\r\n")
	}
	if v.order.Trust, err = o.trust.anchors(env); err != nil {
		return nil, err
	}
	if v.order.Lists, err = o.trust.lists(ctx, env); err != nil {
		return nil, err
	}
	if o.tsa != "" {
		roots, err := rootsOf(o.tsa)
		if err != nil {
			return nil, err
		}
		v.judge.Stamps = tsp.Roots(roots)
	}
	if o.logKey != "" {
		text := o.logKey
		if raw, err := os.ReadFile(o.logKey); err == nil {
			text = string(raw)
		}
		if v.judge.Log, err = journal.NewVerifier(strings.TrimSpace(text)); err != nil {
			return nil, err
		}
	}
	if o.online {
		if v.fetch, err = o.trust.fetcher(); err != nil {
			return nil, err
		}
	}
	v.tools, err = pdf.New(pdf.Config{Children: 1, CacheDir: cacheDir(env, "pdfium")})
	return v, err
}

func (v *looker) close() { _ = v.tools.Close() } // its children are idle

// file judges one file by name.
func (v *looker) file(ctx context.Context, name string) (*verdict.Verdict, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	one, err := v.judge.File(ctx, f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	one.File = name
	return one, nil
}

// pdf verifies a PDF in a child. One inside of a package is put into a file of its
// own for that.
func (v *looker) pdf(ctx context.Context, in io.ReaderAt, size int64) (*pades.Report, error) {
	file, ok := in.(*os.File)
	if !ok {
		spooled, err := v.tools.Spool()
		if err != nil {
			return nil, err
		}
		defer spooled.Close() //nolint:errcheck // it vanishes
		if _, err := io.Copy(spooled, io.NewSectionReader(in, 0, size)); err != nil {
			return nil, err
		}
		file = spooled
	}
	order := v.order // its evidence grows by what is fetched
	return childmain.VerifyFile(ctx, v.tools, file, order, v.fetch)
}

// cacheDir gives a folder for what may be fetched or made anew, "" where the system
// names none.
func cacheDir(env *Env, name string) string {
	base := env.Getenv("XDG_CACHE_HOME")
	if home := env.Getenv("HOME"); base == "" && home != "" {
		base = filepath.Join(home, ".cache")
	}
	if base == "" || !filepath.IsAbs(base) {
		return ""
	}
	return filepath.Join(base, "paraph", name)
}

var errNoCache = errors.New("no folder is known to keep the trusted lists in; name one with --lists")
