package csc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
)

const (
	// maxAnswer bounds an answer, in bytes; the largest is a chain of certificates.
	maxAnswer = 1 << 20
	// tokenMargin is how long before its end an access token is renewed.
	tokenMargin = 30 * time.Second
	// defaultLife is how long a token or an authorisation lasts that does not say so (11.2, 11.6).
	defaultLife = time.Hour
)

// errToken: the service does not take the access token, which may just have ended.
var errToken = errors.New("the service does not take the access token")

// call asks a method of the API as who is logged in. A token that is not taken any
// more is renewed once.
func (c *Credential) call(ctx context.Context, method string, in, out any) error {
	for again := false; ; again = true {
		token, err := c.login(ctx, again)
		if err != nil {
			return err
		}
		err = c.exchange(ctx, method, in, token, out)
		if again || !errors.Is(err, errToken) || c.conf.Login.Token != "" || token == "" {
			return err
		}
	}
}

// exchange sends one request of the API (7.2): JSON by POST, answered by JSON.
func (c *Credential) exchange(ctx context.Context, method string, in any, token string, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.conf.URL+"/"+method, bytes.NewReader(body))
	if err != nil {
		return c.fail(sealkey.Unfit, "its address cannot be used: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	return c.do(r, method, out)
}

// do sends a request and reads its answer.
func (c *Credential) do(r *http.Request, what string, out any) error {
	res, err := c.conf.HTTP.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is told already
		}
		return c.fail(sealkey.Unreachable, "%s: %w", what, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.fail(sealkey.Unreachable, "%s: the answer broke off: %w", what, err)
	case len(raw) > maxAnswer:
		return c.fail(sealkey.Malformed, "%s: the answer is longer than %d bytes", what, maxAnswer)
	case res.StatusCode != http.StatusOK:
		return c.refusal(res.StatusCode, what, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return c.fail(sealkey.Malformed, "%s: the answer is no JSON of the API: %w", what, err)
	}
	return nil
}

// refusal reads an error of the API (10.1).
func (c *Credential) refusal(status int, what string, raw []byte) error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(raw, &said) != nil {
		said.Error = "" // a page of a proxy, as a rule
	}
	e := &sealkey.Error{Keeper: c.Address(), Reason: sealkey.Refused, Code: sealkey.Printable(said.Error), Err: fmt.Errorf("%s: HTTP status %d", what, status)}
	if said.Description != "" {
		e.Err = fmt.Errorf("%s: %s", what, sealkey.Printable(said.Description))
	}
	switch {
	case status == http.StatusUnauthorized:
		e.Reason, e.Err = sealkey.Login, fmt.Errorf("%w: %w", errToken, e.Err)
	case status == http.StatusTooManyRequests || status >= 500:
		e.Reason = sealkey.Unreachable
	case status >= 300 && status < 400:
		e.Reason, e.Err = sealkey.Unfit, fmt.Errorf("%s: the service sends elsewhere (HTTP status %d); give its own address", what, status)
	}
	return e
}

// login gives the Authorization header, "" where none is wanted; anew logs in
// although there is a token that looks good.
func (c *Credential) login(ctx context.Context, anew bool) (string, error) {
	l := &c.conf.Login
	if l.Token != "" {
		return "Bearer " + l.Token, nil
	}
	if l.User == "" && l.ClientID == "" {
		return "", nil
	}
	c.token.Lock()
	defer c.token.Unlock()
	if !anew && c.access != "" && c.conf.Now().Before(c.accessUntil) {
		return "Bearer " + c.access, nil
	}
	var got struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Seconds int64  `json:"expires_in"`
	}
	var err error
	if l.User != "" {
		err = c.loginBasic(ctx, &got)
	} else {
		err = c.loginClient(ctx, &got)
	}
	if err != nil {
		var e *sealkey.Error
		if errors.As(err, &e) && e.Reason == sealkey.Refused {
			e.Reason = sealkey.Login
		}
		return "", err
	}
	if got.Access == "" || got.Type != "" && !strings.EqualFold(got.Type, "bearer") && !strings.EqualFold(got.Type, "service") {
		return "", c.fail(sealkey.Malformed, "the login gave no bearer token")
	}
	life := time.Duration(got.Seconds) * time.Second
	if life <= 0 {
		life = defaultLife
	}
	c.access, c.accessUntil = got.Access, c.conf.Now().Add(life-min(tokenMargin, life/2))
	return "Bearer " + c.access, nil
}

// loginBasic logs in with a name and a password (11.2).
func (c *Credential) loginBasic(ctx context.Context, out any) error {
	if !slices.Contains(c.service.AuthType, "basic") {
		return c.fail(sealkey.Unfit, "the service takes no user name and password, but %s", strings.Join(c.service.AuthType, ", "))
	}
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(c.conf.Login.User, c.conf.Login.Password)
	return c.exchange(ctx, "auth/login", struct{}{}, r.Header.Get("Authorization"), out)
}

// loginClient gets a token for client credentials (RFC 6749, 4.4).
func (c *Credential) loginClient(ctx context.Context, out any) error {
	address, err := c.tokenAddress(ctx)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"service"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return c.fail(sealkey.Malformed, "the address of its authorisation server cannot be used")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(c.conf.Login.ClientID), url.QueryEscape(c.conf.Login.ClientSecret))
	return c.do(r, "oauth2/token", out)
}

// tokenAddress gives the address of the token endpoint: below the base that the
// service names (8.4), or that of its issuer's metadata (RFC 8414).
func (c *Credential) tokenAddress(ctx context.Context) (string, error) {
	address := ""
	switch {
	case c.service.OAuth2 != "":
		address = strings.TrimSuffix(c.service.OAuth2, "/") + "/oauth2/token"
	case c.service.OAuth2Issuer != "":
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.service.OAuth2Issuer, "/")+"/.well-known/oauth-authorization-server", nil)
		if err != nil {
			return "", c.fail(sealkey.Malformed, "the address of its authorisation server cannot be used")
		}
		var meta struct {
			Issuer string `json:"issuer"`
			Token  string `json:"token_endpoint"`
		}
		if err := c.do(r, "the authorisation server's metadata", &meta); err != nil {
			return "", err
		}
		if meta.Issuer != c.service.OAuth2Issuer {
			return "", c.fail(sealkey.Malformed, "the authorisation server's metadata are those of another issuer")
		}
		address = meta.Token
	default:
		return "", c.fail(sealkey.Unfit, "the service names no authorisation server")
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return "", c.fail(sealkey.Unfit, "the service wants client credentials sent to an address that is not https")
	}
	return address, nil
}
