package telemetry

import (
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// NewLogger makes the log: format is text or json, level debug, info, warn or
// error. Whatever is logged, attributes named like secrets and bearer tokens in
// texts are blotted out: a second wall behind types that hide themselves. Times are in UTC.
func NewLogger(w io.Writer, format, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l, ReplaceAttr: redact}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

const blot = "[redacted]"

var (
	secretNames = []string{"password", "secret", "token", "authorization", "cookie", "private_key"}
	bearer      = regexp.MustCompile(`(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`)
	userinfo    = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`)
	signPath    = regexp.MustCompile(`/sign/[A-Za-z0-9_-]{20,}`)
)

func redact(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime { // logs of several machines are read together
		return slog.Time(a.Key, a.Value.Time().UTC())
	}
	name := strings.ToLower(a.Key)
	for _, s := range secretNames {
		if strings.Contains(name, s) {
			return slog.String(a.Key, blot)
		}
	}
	// The one link that is logged on purpose is that of a message nobody can
	// send, because no mail server is configured; its attribute is named link.
	if text, ok := textOf(a); ok {
		clean := bearer.ReplaceAllString(text, "$1 "+blot)
		clean = userinfo.ReplaceAllString(clean, "://"+blot+"@")
		if name != "link" {
			clean = signPath.ReplaceAllString(clean, "/sign/"+blot)
		}
		if clean != text {
			return slog.String(a.Key, clean)
		}
	}
	return a
}

func textOf(a slog.Attr) (string, bool) {
	if a.Value.Kind() == slog.KindString {
		return a.Value.String(), true
	}
	if err, ok := a.Value.Any().(error); ok {
		return err.Error(), true
	}
	return "", false
}
