package soak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// request is what a caller asks for; its key names it for good.
type request struct {
	method, path string // path, or a whole URL
	body         []byte
	header       map[string]string
	key          string
}

// answer is what came back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (a answer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(a.body, &p) // no JSON: no code
	return p.Code
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

// send asks, and once more with a new token where the old one's time is up: a
// soak takes longer than any token lives. An error means that nobody knows what
// became of it.
func (w *world) send(rq request) (answer, error) {
	a, err := w.once(rq)
	if err != nil || a.status != http.StatusUnauthorized || rq.path[0] != '/' || rq.path == tokenPath {
		return a, err
	}
	if err := w.login(); err != nil {
		return a, nil // the answer stands: it says what is wrong
	}
	return w.once(rq)
}

const tokenPath = "/oauth/token"

// once asks once.
func (w *world) once(rq request) (answer, error) {
	target := rq.path
	if target[0] == '/' {
		target = "http://" + w.address + target
	}
	req, err := http.NewRequest(rq.method, target, bytes.NewReader(rq.body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("User-Agent", browser)
	if token, ok := w.token.Load().(string); ok && rq.path[0] == '/' {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if rq.key != "" {
		req.Header.Set("Idempotency-Key", rq.key)
		req.Header.Set("X-Request-Id", rq.key)
	}
	for k, v := range rq.header {
		if v == "" { // without it
			req.Header.Del(k)
			continue
		}
		req.Header.Set(k, v)
	}
	res, err := w.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body}, err
}

// login takes a new token. The key that signs tokens outlives the process, so an
// old one works until its time is up.
func (w *world) login() error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {w.model.id}, "client_secret": {w.model.secret}}
	a, err := w.send(request{method: http.MethodPost, path: tokenPath, body: []byte(form.Encode()),
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}})
	if err != nil {
		return err
	}
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || got.Token == "" {
		return errors.Join(fmt.Errorf("no token: %d %s", a.status, a.body), err)
	}
	w.token.Store(got.Token)
	return nil
}

func toJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain maps always marshal
	}
	return raw
}
