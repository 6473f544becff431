package paraph

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrNoCredentials is returned where a request needs a token and the client was
// made without an id and a secret, or a session.
var ErrNoCredentials = errors.New("paraph: this needs a client id and a client secret")

// Session is what a person's login left: tokens that act for the person.
type Session struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	Scope        string    `json:"scope"`
	RenewAt      time.Time `json:"renew_at"` // a little before the access token ends
}

// Sessions keeps the session of a login. It is asked before each renewal, so that
// many processes can share one: a refresh token serves once.
type Sessions interface {
	Load() (Session, error)
	Save(Session) error
}

// tokens gets access tokens by client credentials (RFC 6749 section 4.4), or by the
// refresh token of a session, and keeps one until shortly before its end. place is
// held by whoever asks for one, so that many requests at once ask once.
type tokens struct {
	id, secret, scope string
	sessions          Sessions
	place             lock
	token             string
	renew             time.Time
	refused           string // of the session: the server did not take it
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
	if t.id == "" || t.secret == "" && t.sessions == nil {
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
	if t.sessions != nil {
		return t.refresh(ctx, c)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.scope != "" {
		form.Set("scope", t.scope)
	}
	s, err := c.askToken(ctx, form)
	if err == nil {
		t.token, t.renew = s.AccessToken, s.RenewAt
	}
	return s.AccessToken, err
}

// refresh takes the session's access token while it is good, and else has it renewed.
func (t *tokens) refresh(ctx context.Context, c *Client) (string, error) {
	s, err := t.sessions.Load()
	if err != nil {
		return "", err
	}
	if s.AccessToken == t.refused || !c.now().Before(s.RenewAt) {
		old := s
		if s, err = c.askToken(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}}); err != nil {
			return "", err
		}
		if s.RefreshToken == "" {
			s.RefreshToken = old.RefreshToken
		}
		if err := t.sessions.Save(s); err != nil {
			return "", err
		}
	}
	t.token, t.renew = s.AccessToken, s.RenewAt
	return t.token, nil
}

// forget drops a token the server refused, unless another has taken its place.
func (t *tokens) forget(token string) {
	release, err := t.place.take(context.Background())
	if err != nil {
		return // a context without an end does not end
	}
	defer release()
	if t.token == token {
		t.token, t.refused = "", token
	}
}

// askToken asks the token endpoint, once more where it wants its nonce in the proof.
func (c *Client) askToken(ctx context.Context, form url.Values) (Session, error) {
	s, err := c.tokenOnce(ctx, form)
	if IsCode(err, "use_dpop_nonce") {
		s, err = c.tokenOnce(ctx, form)
	}
	return s, err
}

func (c *Client) tokenOnce(ctx context.Context, form url.Values) (Session, error) {
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		Scope        string `json:"scope"`
		ExpiresIn    int    `json:"expires_in"`
	}
	asked := c.now()
	if err := c.form(ctx, "/oauth/token", form, &answer); err != nil {
		return Session{}, err
	}
	want := "Bearer"
	if c.proof != nil {
		want = "DPoP"
	}
	if answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, want) {
		return Session{}, errors.New("paraph: the token answer holds no " + want + " token")
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	return Session{answer.AccessToken, answer.RefreshToken, answer.Scope, asked.Add(life - min(life/5, 30*time.Second))}, nil
}

// form sends a form to the authorization server, as the client.
func (c *Client) form(ctx context.Context, path string, form url.Values, out any) error {
	if c.tokens.secret == "" {
		form.Set("client_id", c.tokens.id)
	}
	u := *c.base
	u.Path += path
	w := newWatch(ctx, c.timeout)
	defer w.end()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", c.agent)
	if err := c.proof.authorize(req, "", c.now()); err != nil {
		return err
	}
	if c.tokens.secret != "" { // both are form-encoded before they are joined (RFC 6749 section 2.3.1)
		req.SetBasicAuth(url.QueryEscape(c.tokens.id), url.QueryEscape(c.tokens.secret))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return w.why(err)
	}
	defer res.Body.Close()
	c.proof.note(res)
	if res.StatusCode != http.StatusOK {
		return problemOf(res, c.now())
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		return w.why(err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return errors.New("paraph: the authorization server's answer is not JSON")
	}
	return nil
}
