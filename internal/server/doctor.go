package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/store"
)

// Finding is one thing doctor looked at.
type Finding struct {
	About string `json:"about"`
	OK    bool   `json:"ok"`
	Says  string `json:"says"`
	Mend  string `json:"mend,omitempty"` // a command
}

// leastFree is the free disk space below which doctor speaks up, in bytes.
const leastFree = 2 << 30

// Doctor looks for what is wrong with an installation. It changes nothing.
func Doctor(ctx context.Context, c *config.Config) []Finding {
	var all []Finding
	for _, look := range []func(context.Context, *config.Config) []Finding{lookOCR, lookFolder, lookKeys, lookDatabase, lookBlobs, lookMail, lookScanner, lookTimestamps, lookBus, lookFonts, lookAddress, lookCertificate, lookWays, lookMemory} {
		all = append(all, look(ctx, c)...)
	}
	return all
}

func lookOCR(ctx context.Context, c *config.Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d, err := ocr.NewTesseract(ocr.TesseractConfig{}).Describe(ctx)
	if err != nil {
		return []Finding{{About: "text recognition", Says: err.Error(), Mend: "apt-get install " + strings.Join(packages(c.OCRLanguages), " ")}}
	}
	out := []Finding{{About: "text recognition", OK: true, Says: d.Engine + " " + d.Version}}
	for _, lang := range strings.Split(c.OCRLanguages, "+") {
		if !slices.Contains(d.Languages, lang) {
			out = append(out, Finding{About: "language " + lang, Says: "it is configured but not installed", Mend: "apt-get install tesseract-ocr-" + strings.ReplaceAll(lang, "_", "-")})
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

func lookFolder(_ context.Context, c *config.Config) []Finding {
	info, err := os.Stat(c.DataDir)
	if os.IsNotExist(err) {
		return []Finding{{About: "data folder", OK: true, Says: c.DataDir + " does not exist yet; the first start makes it"}}
	}
	if err != nil {
		return []Finding{{About: "data folder", Says: err.Error()}}
	}
	out := []Finding{{About: "data folder", OK: true, Says: c.DataDir}}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		out[0] = Finding{About: "data folder", Says: fmt.Sprintf("others can look into %s (mode %04o)", c.DataDir, mode), Mend: "chmod 700 '" + c.DataDir + "'"}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.DataDir, &fs); err == nil {
		free := int64(fs.Bavail) * int64(fs.Bsize)
		f := Finding{About: "disk space", OK: free >= leastFree, Says: fmt.Sprintf("%.1f GB free", float64(free)/(1<<30))}
		if !f.OK {
			f.Mend = "du -xh --max-depth=2 '" + c.DataDir + "' | sort -h | tail"
		}
		out = append(out, f)
	}
	return out
}

func lookKeys(ctx context.Context, c *config.Config) []Finding {
	if _, err := os.Stat(keyDir(c)); err != nil {
		return []Finding{{About: "keys", OK: true, Says: "the first start makes them"}}
	}
	k, err := LoadKeys(c, clock.System{})
	if err != nil {
		says, mend := err.Error(), ""
		if at := strings.LastIndex(says, "chmod "); at >= 0 {
			mend = says[at:]
		}
		return []Finding{{About: "keys", Says: says, Mend: mend}}
	}
	left, renewed := time.Until(k.Authority.Seal.NotAfter), " and is renewed by itself"
	if k.Authority.Root != k.Authority.Own() {
		renewed = "; whoever issued it has to issue the next one"
	}
	out := []Finding{{About: "keys", OK: left > 0, Says: fmt.Sprintf("all there; the sealing certificate ends in %d days%s", int(left.Hours()/24), renewed)}}
	return append(out, lookSealKey(ctx, c, k)...)
}

func lookDatabase(ctx context.Context, c *config.Config) []Finding {
	url := DatabaseURL(c)
	if c.Database == "" {
		if _, err := os.Stat(url); err != nil {
			return []Finding{{About: "database", OK: true, Says: "the first start makes it"}}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := store.Open(ctx, store.Options{URL: url, KeepSchema: true, Across: "doctor"})
	if err != nil {
		return []Finding{{About: "database", Says: err.Error(), Mend: "paraph migrate"}}
	}
	defer db.Close()
	out := []Finding{{About: "database", OK: true, Says: "it answers and takes writes"}}
	if err := db.Healthy(ctx); err != nil {
		out[0] = Finding{About: "database", Says: err.Error()}
	}
	more, err := db.Findings(ctx)
	if err != nil {
		out = append(out, Finding{About: "database", Says: err.Error()})
	}
	for _, f := range more {
		out = append(out, Finding{About: "database: " + f.Code, Says: f.Message, Mend: f.Remedy})
	}
	out = append(out, lookAnchors(ctx, c, db)...)
	out = append(out, lookProtection(ctx, c, db)...)
	return append(out, lookProcesses(ctx, db)...)
}

func lookMail(_ context.Context, c *config.Config) []Finding {
	if c.SMTPHost == "" {
		return []Finding{{About: "mail", OK: true, Says: "no mail server is configured; signing links are shown in the API and the log"}}
	}
	addr := net.JoinHostPort(c.SMTPHost, fmt.Sprint(c.SMTPPort))
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return []Finding{{About: "mail", Says: err.Error(), Mend: "paraph config | grep -A1 smtp"}}
	}
	conn.Close()
	return []Finding{{About: "mail", OK: true, Says: addr + " answers"}}
}
