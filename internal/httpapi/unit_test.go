package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/testneed"
)

// TestEveryKindHasItsStatus: a new kind of fault must not fall through to 0.
func TestEveryKindHasItsStatus(t *testing.T) {
	t.Parallel()
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		p := problemOf(fault.New(k, "some_code", "Something."))
		if p.Status < 400 || p.Code != "some_code" || p.Type != "/docs/errors#some_code" || p.Title == "" {
			t.Errorf("%s: %+v", k, p)
		}
	}
	if p := problemOf(errors.New("secret cause")); p.Status != 500 || strings.Contains(fmt.Sprint(*p), "secret") {
		t.Errorf("an unclassified error: %+v", p)
	}
	p := problemOf(fmt.Errorf("wrapped: %w", fault.Wrap(io.EOF, fault.Unavailable, "store_unavailable", "Away.")))
	if p.Status != 503 || p.Code != "store_unavailable" {
		t.Errorf("a wrapped fault: %+v", p)
	}
}

// TestInternalCausesStayInside: even a fault that says it is internal tells the caller nothing of its cause.
func TestInternalCausesStayInside(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	writeProblem(w, httptest.NewRequest("GET", "/", nil), fault.Wrap(errors.New("pq: password"), fault.Internal, "hash_missing", "hash 17 of table x"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "17") || strings.Contains(w.Body.String(), "pq") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestProblemHeaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err          error
		header, want string
	}{
		{&fault.Fault{Kind: fault.TooMany, Code: "rate_limited", RetryAfter: 1500 * time.Millisecond}, "Retry-After", "2"},
		{fault.New(fault.NotFound, "not_found", ""), "Cache-Control", "no-store"},
	} {
		w := httptest.NewRecorder()
		writeProblem(w, httptest.NewRequest("GET", "/", nil), c.err)
		if got := w.Header().Get(c.header); got != c.want {
			t.Errorf("%v: %s %q, want %q", c.err, c.header, got, c.want)
		}
	}
}

// TestCatalogueIsComplete reads the rooms whose faults reach callers and looks
// for every code they name.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	// Codes of journals, keys and workers, and those of OAuth and of pages for logins, which no operation of the API returns;
	// internal ones are all told as "internal" would be.
	// Nor does one return what an event that came in is put into quarantine for.
	never := regexp.MustCompile(`^(bad_command|client_gone|hint_without_facts|bad_(log_key|verifier_key|witness_key|cosignature_time|policy|hash|entry|tree_size|character|blob_id|outcome)|(bundle|chain|checkpoint|leaf|proof|disclosure|entry)_\w+|add_checkpoint_malformed|cosignature_refused|quorum_not_reached|witness_key_unavailable|log_incomplete|log_key_unavailable|hash_missing|package_differs|seal_unsound|blob_(exists|not_found)|schema_(newer|outdated)|invalid_grant|access_denied|request_used|wrong_code|used|too_many_passkeys|email_unverified|domain_not_vouched|not_known_here)$`)
	code := regexp.MustCompile(`fault\.(?:New|Wrap)\([^"\n]*"([a-z_]+)"|\.Err\("([a-z_]+)"|httpFault\([^"\n]*"([a-z_]+)"`)
	for _, room := range []string{"service", "document", "approval", "signing", "access", "journal", "blob", "store", "httpapi"} {
		files, err := filepath.Glob(filepath.Join(testneed.Root(t), "internal", room, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(room, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllSubmatch(src, -1) {
				name := string(m[1]) + string(m[2]) + string(m[3])
				if _, ok := catalogue[name]; !ok && !never.MatchString(name) {
					t.Errorf("%s: the code %s is not in the catalogue", filepath.Base(file), name)
				}
			}
		}
	}
}

func TestPointers(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"body": "", "body.title": "/title", "body.recipients[12].email": "/recipients/12/email", "body.a/b": "/a~1b",
		"query.limit": "query/limit", "header.Idempotency-Key": "header/Idempotency-Key", "path.id": "path/id",
	} {
		if got := pointerOf(location); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}

// TestDetailCodes: what a schema refuses has the code of what is wrong with it, and not of
// the words it is told in.
func TestDetailCodes(t *testing.T) {
	t.Parallel()
	type body struct {
		N int      `json:"n,omitempty" minimum:"1" maximum:"5"`
		F float64  `json:"f,omitempty" exclusiveMinimum:"0"`
		S string   `json:"s,omitempty" minLength:"2" maxLength:"3"`
		P string   `json:"p,omitempty" pattern:"^[a-z]+$"`
		E string   `json:"e,omitempty" enum:"a,b"`
		L []string `json:"l,omitempty" minItems:"1" maxItems:"2"`
		B bool     `json:"b,omitempty"`
	}
	registry := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	schema := huma.SchemaFromType(registry, reflect.TypeFor[body]())
	for raw, want := range map[string]string{
		`{"n":0}`: "out_of_range", `{"n":6}`: "out_of_range", `{"f":0}`: "out_of_range", `{"n":"x"}`: "wrong_type", `{"n":1.5}`: "wrong_type",
		`{"s":"x"}`: "too_short", `{"s":"xxxx"}`: "too_long", `{"s":1}`: "wrong_type", `{"p":"X"}`: "invalid", `{"e":"c"}`: "bad_value",
		`{"l":[]}`: "too_short", `{"l":["a","b","c"]}`: "too_long", `{"l":"a"}`: "wrong_type", `{"b":1}`: "wrong_type", `{"z":1}`: "unknown_member",
	} {
		var v any
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			t.Fatal(err)
		}
		var found huma.ValidateResult
		huma.Validate(registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, &found)
		if len(found.Errors) != 1 {
			t.Errorf("%s: %v", raw, found.Errors)
			continue
		}
		if got := detailOf(found.Errors[0]); got.Code != want {
			t.Errorf("%s: %s is %s, want %s", raw, found.Errors[0], got.Code, want)
		}
	}
}

func TestForwardedFor(t *testing.T) {
	t.Parallel()
	s := Sources{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		address      string
		kept         string
	}{
		{"no proxy", "192.0.2.1:99", nil, "192.0.2.1", ""},
		{"a stranger's header", "192.0.2.1:99", []string{"203.0.113.9"}, "192.0.2.1", ""},
		{"one proxy", "10.0.0.1:99", []string{"203.0.113.9"}, "203.0.113.9", "203.0.113.9"},
		{"two proxies", "10.0.0.1:99", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9", "203.0.113.9, 10.0.0.2"},
		{"forged further left", "10.0.0.1:99", []string{"8.8.8.8, 203.0.113.9"}, "203.0.113.9", "8.8.8.8, 203.0.113.9"},
		{"in two headers", "10.0.0.1:99", []string{"8.8.8.8", "203.0.113.9"}, "203.0.113.9", "8.8.8.8, 203.0.113.9"},
		{"only our own", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", "10.0.0.3, 10.0.0.2"},
		{"nonsense", "10.0.0.1:99", []string{"203.0.113.9, unknown"}, "10.0.0.1", "203.0.113.9, unknown"},
		{"nonsense behind ours", "10.0.0.1:99", []string{"<script>, 10.0.0.2"}, "10.0.0.2", "<script>, 10.0.0.2"},
		{"IPv6 and port", "[2001:db8::1]:99", []string{"[2001:4860::1]:443"}, "2001:4860::1", "[2001:4860::1]:443"},
		{"IPv6 in brackets", "10.0.0.1:99", []string{"[2001:4860::1]"}, "2001:4860::1", "[2001:4860::1]"},
		{"mapped IPv4", "[::ffff:10.0.0.1]:99", []string{"::ffff:203.0.113.9"}, "203.0.113.9", "::ffff:203.0.113.9"},
		{"IPv4 and port", "10.0.0.1:99", []string{"203.0.113.9:4711"}, "203.0.113.9", "203.0.113.9:4711"},
		{"empty element", "10.0.0.1:99", []string{"203.0.113.9,"}, "10.0.0.1", "203.0.113.9,"},
		{"control characters", "10.0.0.1:99", []string{"203.0.113.9\x00\u202e"}, "10.0.0.1", "203.0.113.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if src := s.Of(r); src.Address != c.address || src.Forwarded != c.kept || src.Peer == "" {
			t.Errorf("%s: %+v", c.name, src)
		}
	}
}

// FuzzForwardedFor: whatever stands in the header, the address believed is an
// address, and never one that a stranger wrote to the left of a stranger.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.9", "8.8.8.8, 203.0.113.9", "[::1]:80, 10.0.0.1", ",,,", "fe80::1%eth0", "\xff"} {
		f.Add(seed)
	}
	s := Sources{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:80"
		r.Header["X-Forwarded-For"] = []string{header + ", 198.51.100.7"}
		src := s.Of(r)
		if src.Address != "198.51.100.7" || len(src.Forwarded) > maxForwarded {
			t.Errorf("%q: %+v", header, src)
		}
		r.Header["X-Forwarded-For"] = []string{header}
		if _, err := netip.ParseAddr(s.Of(r).Address); err != nil {
			t.Errorf("%q: %v", header, err)
		}
	})
}

func TestRequestDigest(t *testing.T) {
	t.Parallel()
	req := func(method, target, media string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Content-Type", media)
		return r
	}
	base := requestDigest(req("POST", "/v1/a?x=1&y=2", "application/json"), []byte("body"))
	same := requestDigest(req("POST", "/v1/a?y=2&x=1", "application/json; charset=utf-8"), []byte("body"))
	if string(base) != string(same) {
		t.Error("order of the query or a parameter of the media type changed the digest")
	}
	for name, other := range map[string][]byte{
		"method": requestDigest(req("PUT", "/v1/a?x=1&y=2", "application/json"), []byte("body")),
		"path":   requestDigest(req("POST", "/v1/b?x=1&y=2", "application/json"), []byte("body")),
		"query":  requestDigest(req("POST", "/v1/a?x=1&y=3", "application/json"), []byte("body")),
		"media":  requestDigest(req("POST", "/v1/a?x=1&y=2", "text/plain"), []byte("body")),
		"body":   requestDigest(req("POST", "/v1/a?x=1&y=2", "application/json"), []byte("bodY")),
		"parts":  requestDigest(req("POST", "/v1/a?x=1&y=2", "application/json"), []byte("bo"), []byte("dy")),
	} {
		if string(other) == string(base) {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestPreferWaitIsRead(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": 0, "wait=10": 10 * time.Second, "respond-async, wait=5": 5 * time.Second, `Wait="7"; x=1`: 7 * time.Second,
		"wait=9999999999999999999": 0, "wait=100000": time.Minute, "wait=-1": 0, "wait": 0, "waits=3": 0,
	} {
		if got := preferWait(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.pdf": `attachment; filename=a.pdf`, "../../etc/passwd": `attachment; filename=_.._etc_passwd`, "a\r\nSet-Cookie: x": `attachment; filename="a__Set-Cookie_ x"`,
		"": "attachment; filename=document", "\"; x=\"y": `attachment; filename="_; x=_y"`, "å.pdf": "attachment; filename*=utf-8''%C3%A5.pdf", "...": "attachment; filename=document",
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := disposition(strings.Repeat("å", 500) + ".pdf"); len(got) > 800 || !strings.HasSuffix(got, ".pdf") {
		t.Errorf("a long name: %d bytes", len(got))
	}
}

// FuzzUploadFields: whatever a form holds, its fields are told as faults or taken; nothing panics.
func FuzzUploadFields(f *testing.F) {
	f.Add("document", []byte(`{"title":"x","labels":{"a":"b"}}`))
	f.Add("labels", []byte(`[1]`))
	f.Add("~/", []byte{0xff})
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		form := formFields{into: &service.NewDocument{}}
		form.set(name, "/"+escapePointer(name), value)
		if form.into.Labels != nil {
			if _, err := json.Marshal(form.into.Labels); err != nil {
				t.Error(err)
			}
		}
	})
}
