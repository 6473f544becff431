package webform

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
)

// Sealer encrypts what is handed out to be sent back. All processes must have the
// same keys. Implemented by blob/crypt.
type Sealer interface {
	Seal(plaintext, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
}

// Seal makes a hidden field that only this server can have written. what keeps the
// fields of one kind of form from standing for those of another.
func Seal(s Sealer, what string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sealed, err := s.Seal(plain, []byte("form\x00"+what))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// Open reads a field of Seal; false for any other.
func Open(s Sealer, what, text string, v any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := s.Open(sealed, []byte("form\x00"+what))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// Read reads a form body of at most max bytes in which no parameter stands twice
// (RFC 6749 section 3.2), those named excepted. Fault Invalid "invalid_request".
func Read(w http.ResponseWriter, r *http.Request, max int64, twice ...string) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, fault.New(fault.Invalid, "invalid_request", "Send application/x-www-form-urlencoded.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, max)
	if err := r.ParseForm(); err != nil {
		return nil, fault.New(fault.Invalid, "invalid_request", "The form cannot be read.")
	}
	if Twice(r.PostForm, twice...) {
		return nil, fault.New(fault.Invalid, "invalid_request", "A parameter stands twice.")
	}
	return r.PostForm, nil
}

// Twice tells whether a parameter stands twice that is none of those named.
func Twice(form url.Values, may ...string) bool {
	for name, values := range form {
		if len(values) > 1 && !strings.Contains(" "+strings.Join(may, " ")+" ", " "+name+" ") {
			return true
		}
	}
	return false
}

// Local gives an address of this server, as a path with its query; "" for any other.
// Browsers read a backslash as a slash, and two of them as another host.
func Local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c > '~' }) {
		return ""
	}
	return next
}

// Send ends a page by sending the browser on. What it was sent is not sent along
// (RFC 9700 section 4.12).
func Send(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// AddressOf tells where a request came from, for limits.
func AddressOf(sourceOf func(context.Context) access.Source, r *http.Request) string {
	if sourceOf != nil {
		if a := sourceOf(r.Context()).Address; a != "" {
			return a
		}
	}
	if colon := strings.LastIndexByte(r.RemoteAddr, ':'); colon > 0 {
		return r.RemoteAddr[:colon]
	}
	return r.RemoteAddr
}
