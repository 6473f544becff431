//go:build judges

package contract

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// twist is a fault that a proxy puts between the server and its callers.
type twist struct {
	operation string // that it is put into
	found     string // what schemathesis has to say
	request   func(*http.Request)
	answer    func(*http.Response, []byte) []byte
}

// twists are three faults of the kinds that a contract is broken by, and a fourth: a
// check that takes everything is none.
var twists = map[string]twist{
	"a member of another type": {operation: "listBusinessUnits", found: "Response violates schema",
		answer: func(_ *http.Response, body []byte) []byte {
			return bytes.Replace(body, []byte(`"revision":1`), []byte(`"revision":"1"`), 1)
		}},
	"a status that is not described": {operation: "createDraft", found: "Undocumented status code",
		answer: func(res *http.Response, body []byte) []byte {
			if res.StatusCode == http.StatusCreated {
				res.StatusCode = http.StatusNonAuthoritativeInfo
			}
			return body
		}},
	"a required header that may be missing": {operation: "createGroup", found: "Missing required header accepted",
		request: func(r *http.Request) {
			if r.Header.Get("Idempotency-Key") == "" {
				r.Header.Set("Idempotency-Key", "made-up-"+strconv.FormatInt(r.ContentLength, 10)+"-"+r.RemoteAddr)
			}
		}},
	"an answer without a header it has to have": {operation: "listDocuments", found: "Missing required response headers",
		answer: func(res *http.Response, body []byte) []byte { res.Header.Del("ETag"); return body }},
}

// TestSeededFaults: schemathesis finds each fault that a proxy puts into answers that
// are right, and none of its kind where the proxy puts in nothing. What else it may find
// by chance is a matter of TestSchemathesis.
func TestSeededFaults(t *testing.T) {
	w := start(t, "")
	g := w.prepare(1)
	seek := func(t *testing.T, tw twist, operations ...string) attack {
		arguments := []string{"--max-examples", "20", "--seed", strconv.Itoa(*seed), "--phases", "coverage,fuzzing"}
		for _, id := range operations {
			arguments = append(arguments, "--include-operation-id", id)
		}
		return w.attacked(t, w.twisted(t, tw), g, arguments...)
	}
	var operations []string
	for name, tw := range twists {
		operations = append(operations, tw.operation)
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			if a := seek(t, tw, tw.operation); !a.failed || !strings.Contains(a.out, tw.found) {
				t.Errorf("it was not found:\n%s", a.out)
			}
		})
	}
	a := seek(t, twist{}, operations...)
	for name, tw := range twists {
		if strings.Contains(a.out, tw.found) {
			t.Errorf("%s was found where nothing was put in:\n%s", name, a.out)
		}
	}
	if !t.Failed() {
		fmt.Printf("ok %s: %d faults put in, %d found\n", t.Name(), len(twists), len(twists))
	}
}

// twisted gives the address of a proxy that puts a fault into what goes through it.
func (w *world) twisted(t *testing.T, tw twist) string {
	t.Helper()
	target, err := url.Parse(w.URL)
	must(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if tw.request != nil {
				tw.request(r.Out)
			}
		},
		ModifyResponse: func(res *http.Response) error {
			if tw.answer == nil {
				return nil
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			body = tw.answer(res, body)
			res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			res.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
