package paraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrNoCredentials is returned where a request needs a token and the client was
// made without an id and a secret.
var ErrNoCredentials = errors.New("paraph: this needs a client id and a client secret")

// tokens gets access tokens by client credentials (RFC 6749 section 4.4) and
// keeps one until shortly before its end. place is held by whoever asks for one,
// so that many requests at once ask once.
type tokens struct {
	id, secret, scope string
	place             lock
	token             string
	renew             time.Time
}

// lock is a mutex whose waiting ends with a context. It holds one place.
type lock chan struct{}

func (l lock) take(ctx context.Context) (release func(), err error) {
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t *tokens) get(ctx context.Context, c *Client) (string, error) {
	if t.id == "" {
		return "", ErrNoCredentials
	}
	release, err := t.place.take(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if t.token != "" && c.now().Before(t.renew) {
		return t.token, nil
	}
	return t.fetch(ctx, c)
}

// forget drops a token the server refused, unless another has taken its place.
func (t *tokens) forget(token string) {
	release, err := t.place.take(context.Background())
	if err != nil {
		return // a context without an end does not end
	}
	defer release()
	if t.token == token {
		t.token = ""
	}
}

func (t *tokens) fetch(ctx context.Context, c *Client) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.scope != "" {
		form.Set("scope", t.scope)
	}
	u := *c.base
	u.Path += "/oauth/token"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.agent)
	// Both are form-encoded before they are joined (RFC 6749 section 2.3.1).
	req.SetBasicAuth(url.QueryEscape(t.id), url.QueryEscape(t.secret))
	asked := c.now()
	res, err := c.http.Do(req)
	if err != nil {
		return "", &connectionError{err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", problemOf(res, c.now())
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxProblem)).Decode(&answer); err != nil {
		return "", fmt.Errorf("paraph: the token answer: %w", err)
	}
	if answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, "Bearer") {
		return "", errors.New("paraph: the token answer holds no bearer token")
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	t.token, t.renew = answer.AccessToken, asked.Add(life-min(life/5, 30*time.Second))
	return t.token, nil
}
