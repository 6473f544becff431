package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/server"
	"github.com/paraph/paraph/internal/store"
)

// finding is one thing doctor looked at.
type finding struct {
	About string `json:"about"`
	OK    bool   `json:"ok"`
	Says  string `json:"says"`
	Mend  string `json:"mend,omitempty"` // a command
}

// leastFree is the free disk space below which doctor speaks up, in bytes.
const leastFree = 2 << 30

func runDoctor(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "doctor")
	asJSON := fs.Bool("json", false, "Write JSON.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	var all []finding
	for _, look := range []func(context.Context, *config.Config) []finding{lookOCR, lookFolder, lookKeys, lookDatabase, lookMail, lookAddress} {
		all = append(all, look(ctx, &l.Config)...)
	}
	code = exitOK
	for _, f := range all {
		if !f.OK {
			code = exitFailed
		}
		if *asJSON {
			continue
		}
		sign := "✓"
		if !f.OK {
			sign = "✗"
		}
		fmt.Fprintf(env.Stdout, "%s %s: %s\n", sign, f.About, f.Says)
		if f.Mend != "" {
			fmt.Fprintf(env.Stdout, "    mend it: %s\n", f.Mend)
		}
	}
	if *asJSON {
		printJSON(env, all)
	}
	return code
}

func lookOCR(ctx context.Context, c *config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d, err := ocr.NewTesseract(ocr.TesseractConfig{}).Describe(ctx)
	if err != nil {
		return []finding{{About: "text recognition", Says: err.Error(), Mend: "apt-get install " + strings.Join(packages(c.OCRLanguages), " ")}}
	}
	out := []finding{{About: "text recognition", OK: true, Says: d.Engine + " " + d.Version}}
	for _, lang := range strings.Split(c.OCRLanguages, "+") {
		if !slices.Contains(d.Languages, lang) {
			out = append(out, finding{About: "language " + lang, Says: "it is configured but not installed", Mend: "apt-get install tesseract-ocr-" + strings.ReplaceAll(lang, "_", "-")})
		}
	}
	return out
}

func packages(languages string) []string {
	out := []string{"tesseract-ocr"}
	for _, lang := range strings.Split(languages, "+") {
		out = append(out, "tesseract-ocr-"+strings.ReplaceAll(lang, "_", "-"))
	}
	return out
}

func lookFolder(_ context.Context, c *config.Config) []finding {
	info, err := os.Stat(c.DataDir)
	if os.IsNotExist(err) {
		return []finding{{About: "data folder", OK: true, Says: c.DataDir + " does not exist yet; the first start makes it"}}
	}
	if err != nil {
		return []finding{{About: "data folder", Says: err.Error()}}
	}
	out := []finding{{About: "data folder", OK: true, Says: c.DataDir}}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		out[0] = finding{About: "data folder", Says: fmt.Sprintf("others can look into %s (mode %04o)", c.DataDir, mode), Mend: "chmod 700 '" + c.DataDir + "'"}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.DataDir, &fs); err == nil {
		free := int64(fs.Bavail) * int64(fs.Bsize)
		f := finding{About: "disk space", OK: free >= leastFree, Says: fmt.Sprintf("%.1f GB free", float64(free)/(1<<30))}
		if !f.OK {
			f.Mend = "du -xh --max-depth=2 '" + c.DataDir + "' | sort -h | tail"
		}
		out = append(out, f)
	}
	return out
}

func lookKeys(_ context.Context, c *config.Config) []finding {
	if _, err := os.Stat(filepath.Join(c.DataDir, "keys")); err != nil {
		return []finding{{About: "keys", OK: true, Says: "the first start makes them"}}
	}
	k, err := server.LoadKeys(c, clock.System{})
	if err != nil {
		says, mend := err.Error(), ""
		if at := strings.LastIndex(says, "chmod "); at >= 0 {
			mend = says[at:]
		}
		return []finding{{About: "keys", Says: says, Mend: mend}}
	}
	left := time.Until(k.Authority.Seal.NotAfter)
	return []finding{{About: "keys", OK: true, Says: fmt.Sprintf("all there; the sealing certificate ends in %d days and is renewed by itself", int(left.Hours()/24))}}
}

func lookDatabase(ctx context.Context, c *config.Config) []finding {
	url := databaseURL(c)
	if c.Database == "" {
		if _, err := os.Stat(url); err != nil {
			return []finding{{About: "database", OK: true, Says: "the first start makes it"}}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := store.Open(ctx, store.Options{URL: url, KeepSchema: true})
	if err != nil {
		return []finding{{About: "database", Says: err.Error(), Mend: "paraph migrate"}}
	}
	defer db.Close()
	out := []finding{{About: "database", OK: true, Says: "it answers and takes writes"}}
	if err := db.Healthy(ctx); err != nil {
		out[0] = finding{About: "database", Says: err.Error()}
	}
	more, err := db.Findings(ctx)
	if err != nil {
		out = append(out, finding{About: "database", Says: err.Error()})
	}
	for _, f := range more {
		out = append(out, finding{About: "database: " + f.Code, Says: f.Message, Mend: f.Remedy})
	}
	return out
}

func lookMail(_ context.Context, c *config.Config) []finding {
	if c.SMTPHost == "" {
		return []finding{{About: "mail", OK: true, Says: "no mail server is configured; signing links are shown in the API and the log"}}
	}
	addr := net.JoinHostPort(c.SMTPHost, fmt.Sprint(c.SMTPPort))
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return []finding{{About: "mail", Says: err.Error(), Mend: "paraph config | grep -A1 smtp"}}
	}
	conn.Close()
	return []finding{{About: "mail", OK: true, Says: addr + " answers"}}
}

func lookAddress(_ context.Context, c *config.Config) []finding {
	out := []finding{{About: "address", OK: true, Says: c.Listen}}
	if c.PublicURL == "" && !strings.HasPrefix(c.Listen, "127.") && !strings.HasPrefix(c.Listen, "localhost") {
		out[0] = finding{About: "address", Says: "people are to reach " + c.Listen + ", but links in messages will name that very address", Mend: "set PARAPH_PUBLIC_URL to the address people use"}
	}
	return out
}
