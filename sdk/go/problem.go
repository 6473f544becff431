package paraph

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal by the server (RFC 9457).
type Problem struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail"`     // for people
	Code       string        `json:"code"`       // stable, for programs
	RequestID  string        `json:"request_id"` // name it when asking for help
	Faults     []Fault       `json:"errors"`     // every fault of the request
	RetryAfter time.Duration `json:"-"`          // as the server asked for; 0: it did not

	token      string // that was refused
	wantsNonce bool   // the proof of the token lacked the server's nonce
}

// Fault is one fault of a request.
type Fault struct {
	Pointer string `json:"pointer"` // JSON pointer into the body, or query/…, header/…, path/…
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error implements error: what is so, then each fault.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d %s)", p.Detail, p.Status, p.Code)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "\n  %s: %s", f.Pointer, f.Message)
	}
	return b.String()
}

// maxProblem is the longest problem read, in bytes.
const maxProblem = 1 << 20

// problemOf reads a refusal. What is no problem document (a proxy's page, an
// OAuth error) becomes one as far as it can be told.
func problemOf(res *http.Response, now time.Time) *Problem {
	p := &Problem{}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil || json.Unmarshal(raw, p) != nil {
		p = &Problem{}
	}
	p.Status = res.StatusCode // what the line says counts
	if p.Code == "" {
		var oauth struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if json.Unmarshal(raw, &oauth) == nil && oauth.Error != "" {
			p.Code, p.Detail = oauth.Error, oauth.Description
		}
	}
	if p.Code == "" {
		p.Code = "http_" + strconv.Itoa(res.StatusCode)
	}
	if p.Detail == "" {
		p.Detail = http.StatusText(res.StatusCode)
	}
	p.RetryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	p.wantsNonce = strings.Contains(res.Header.Get("WWW-Authenticate"), "use_dpop_nonce")
	return p
}

// maxRetryAfter is the longest the client waits because a server asks for it. Who
// is told to come later than that gets the refusal at once, and knows when.
const maxRetryAfter = time.Minute

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if s, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(s, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
