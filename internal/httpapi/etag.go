package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	json "github.com/go-json-experiment/json/v1"
)

// tagging gives answers in JSON to GET requests an ETag, made of the revision of
// what is shown, where it has one, and a digest of the answer; and answers 304
// where the caller has it already (RFC 9110 section 13).
type tagging struct {
	http.ResponseWriter
	request *http.Request
	held    *bytes.Buffer // the answer, while it is held back
}

// WriteHeader implements http.ResponseWriter.
func (t *tagging) WriteHeader(status int) {
	h := t.Header()
	if status == http.StatusOK && h.Get("ETag") == "" && jsonMedia.MatchString(h.Get("Content-Type")) {
		t.held = &bytes.Buffer{}
		return
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (t *tagging) Write(p []byte) (int, error) {
	if t.held != nil {
		return t.held.Write(p)
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach through.
func (t *tagging) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// finish sends what was held back and gives the status.
func (t *tagging) finish() int {
	body := t.held.Bytes()
	t.held = nil
	sum := sha256.Sum256(body)
	tag := base64.RawURLEncoding.EncodeToString(sum[:9])
	var shown struct {
		Revision int64 `json:"revision"`
	}
	if json.Unmarshal(body, &shown) == nil && shown.Revision > 0 {
		tag = strconv.FormatInt(shown.Revision, 10) + "." + tag
	}
	tag = `"` + tag + `"`
	t.Header().Set("ETag", tag)
	if matches(t.request.Header.Get("If-None-Match"), tag) {
		for _, h := range []string{"Content-Type", "Content-Length"} {
			t.Header().Del(h)
		}
		t.ResponseWriter.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	t.ResponseWriter.WriteHeader(http.StatusOK)
	if _, err := t.ResponseWriter.Write(body); err != nil {
		return http.StatusOK // the caller has gone
	}
	return http.StatusOK
}

// matches tells whether a list of ETags holds the tag, by weak comparison.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
