// Command oauth lets client libraries that nobody here wrote judge Paraph's
// authorization server: it starts the program it is given, registers clients over
// the API, and logs in by coreos/go-oidc with golang.org/x/oauth2. Then it has
// openid-client (Node.js) and Authlib (Python) do the same, and more, and a browser
// walk through the pages. Each prints a verdict a line, "ok …" or "not ok …".
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// redirect is where people come back to; nobody listens there.
const redirect = "http://127.0.0.1:9/done"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "Usage: oauth PARAPH [PROGRAM ARGUMENT]...\n\nOf the further arguments, each pair is a program that judges by the file after it.")
		os.Exit(2)
	}
	s, err := start(ctx, os.Args[1])
	if err == nil {
		err = s.judge(ctx, os.Args[2:])
		s.stop()
	}
	if err != nil {
		fmt.Println("not ok the authorization server's judge:", err)
		os.Exit(1)
	}
}

// setting is what the other judges are told, as JSON in the environment.
type setting struct {
	Issuer   string         `json:"issuer"`
	Redirect string         `json:"redirect"`
	Person   credential     `json:"person"`
	Web      credential     `json:"web"`    // a program with a secret
	App      credential     `json:"app"`    // one without
	Signed   credential     `json:"signed"` // one with a key
	Key      map[string]any `json:"key"`    // of Signed, a private JWK
}

type credential struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
}

func (s *server) judge(ctx context.Context, programs []string) error {
	set, err := s.register(ctx)
	if err != nil {
		return err
	}
	if err := s.login(ctx, set); err != nil {
		return fmt.Errorf("go-oidc: %w", err)
	}
	if err := s.device(ctx, set); err != nil {
		return fmt.Errorf("x/oauth2: %w", err)
	}
	told, err := json.Marshal(set)
	if err != nil {
		return err
	}
	var failed error
	for ; len(programs) > 1; programs = programs[2:] {
		cmd := exec.CommandContext(ctx, programs[0], programs[1])
		cmd.Env = append(os.Environ(), "PARAPH_OAUTH="+string(told))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil { // the others judge all the same
			failed = errors.Join(failed, fmt.Errorf("%s: %w", programs[1], err))
		}
	}
	return failed
}

// register makes the person's access key and the clients.
func (s *server) register(ctx context.Context) (set setting, err error) {
	private, public, err := drawJWK()
	if err != nil {
		return set, err
	}
	set = setting{Issuer: s.url, Redirect: redirect, Key: private}
	code := []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}
	both := append([]string{"client_credentials"}, code...)
	for _, c := range []struct {
		into *credential
		name string
		more map[string]any
	}{
		{&set.Person, "Mara Lind", nil},
		{&set.Web, "Web", map[string]any{"grant_types": both, "redirect_uris": []string{redirect}}},
		{&set.App, "App", map[string]any{"token_endpoint_auth_method": "none", "grant_types": code, "redirect_uris": []string{redirect}}},
		{&set.Signed, "Signed", map[string]any{"token_endpoint_auth_method": "private_key_jwt", "grant_types": both, "redirect_uris": []string{redirect},
			"jwks": map[string]any{"keys": []any{public}}, "require_pushed_authorization_requests": true}},
	} {
		body := map[string]any{"name": c.name, "principal": "mara@test.example", "scopes": []string{"documents:read", "tasks:read"}}
		for k, v := range c.more {
			body[k] = v
		}
		var made struct {
			Client struct {
				ID string `json:"id"`
			} `json:"client"`
			Secret string `json:"client_secret"`
		}
		if err := s.call(ctx, "/v1/clients", body, &made); err != nil {
			return set, err
		}
		*c.into = credential{made.Client.ID, made.Secret}
	}
	return set, nil
}

// login is the code flow with an ID token, a refresh, and what the person told.
func (s *server) login(ctx context.Context, set setting) error {
	provider, err := oidc.NewProvider(ctx, set.Issuer)
	if err != nil {
		return err
	}
	fmt.Println("ok go-oidc takes the discovery document")
	verifier := oauth2.GenerateVerifier()
	c := oauth2.Config{ClientID: set.Web.ID, ClientSecret: set.Web.Secret, Endpoint: provider.Endpoint(), RedirectURL: redirect, Scopes: []string{oidc.ScopeOpenID, "profile", "email", "documents:read"}}
	back, err := browse(set, c.AuthCodeURL("state-1", oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce-1")))
	if err != nil {
		return err
	}
	if back.Get("state") != "state-1" || back.Get("iss") != set.Issuer {
		return fmt.Errorf("sent back with %v", back)
	}
	token, err := c.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: set.Web.ID}).Verify(ctx, raw)
	if err != nil {
		return err
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		return err
	}
	if id.Nonce != "nonce-1" || id.Subject != set.Person.ID {
		return fmt.Errorf("the ID token is about %s, with the nonce %s", id.Subject, id.Nonce)
	}
	fmt.Println("ok go-oidc logs in with PKCE and takes the ID token with its nonce and at_hash")
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Email != "mara@test.example" {
		return fmt.Errorf("userinfo: %+v %w", info, err)
	}
	fmt.Println("ok go-oidc reads userinfo")
	token.Expiry = time.Now().Add(-time.Minute)
	next, err := c.TokenSource(ctx, token).Token()
	if err != nil || next.RefreshToken == token.RefreshToken || next.AccessToken == token.AccessToken {
		return fmt.Errorf("the refresh: %w", err)
	}
	if err := s.works(ctx, next); err != nil {
		return err
	}
	fmt.Println("ok x/oauth2 refreshes, and the API takes the token")
	own := clientcredentials.Config{ClientID: set.Web.ID, ClientSecret: set.Web.Secret, TokenURL: provider.Endpoint().TokenURL}
	if next, err = own.Token(ctx); err != nil {
		return err
	}
	fmt.Println("ok x/oauth2 gets a token for the client itself")
	return s.works(ctx, next)
}

// device is the device flow of x/oauth2.
func (s *server) device(ctx context.Context, set setting) error {
	c := oauth2.Config{ClientID: set.App.ID, Scopes: []string{"documents:read"}, Endpoint: oauth2.Endpoint{TokenURL: set.Issuer + "/oauth/token", DeviceAuthURL: set.Issuer + "/oauth/device_authorization", AuthStyle: oauth2.AuthStyleInParams}}
	started, err := c.DeviceAuth(ctx)
	if err != nil {
		return err
	}
	if _, err := browse(set, started.VerificationURIComplete); err != nil {
		return err
	}
	token, err := c.DeviceAccessToken(ctx, started)
	if err != nil {
		return err
	}
	fmt.Println("ok x/oauth2 gets tokens by a device code")
	return s.works(ctx, token)
}

func (s *server) works(ctx context.Context, token *oauth2.Token) error {
	res, err := oauth2.NewClient(ctx, oauth2.StaticTokenSource(token)).Get(s.url + "/v1/documents")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answers %s", res.Status)
	}
	return nil
}

// browse is a person with a browser: it logs in where it is asked to, allows what
// it is asked for, and gives what it is sent back with; nil for a device.
func browse(set setting, address string) (url.Values, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := b.Get(address)
	for range 10 {
		if err != nil {
			return nil, err
		}
		page, err2 := io.ReadAll(res.Body)
		if res.Body.Close(); err2 != nil {
			return nil, err2
		}
		if to, err := res.Location(); err == nil {
			if to.Host == "127.0.0.1:9" {
				return to.Query(), nil
			}
			res, err2 = b.Get(to.String())
			if err = err2; err != nil {
				return nil, err
			}
			continue
		}
		form, action := fill(set, page)
		if form == nil {
			if bytes.Contains(page, []byte("The device is connected")) {
				return nil, nil
			}
			return nil, fmt.Errorf("%s: %s", res.Status, page)
		}
		to, err3 := res.Request.URL.Parse(action)
		if err3 != nil {
			return nil, err3
		}
		res, err = b.PostForm(to.String(), form)
	}
	return nil, fmt.Errorf("the pages lead nowhere")
}

// server is a running Paraph.
type server struct {
	cmd        *exec.Cmd
	dir        string
	url, token string
	made       int
}

func start(ctx context.Context, program string) (*server, error) {
	dir, err := os.MkdirTemp("", "oauth-judge-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, cmd: exec.CommandContext(ctx, program, "serve", "--json", "--data-dir", dir, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--log-level", "warn")}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said struct {
		URL    string
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err == nil {
		s.url = said.URL
		var token *oauth2.Token
		if token, err = (&clientcredentials.Config{ClientID: said.ID, ClientSecret: said.Secret, TokenURL: s.url + "/oauth/token"}).Token(ctx); err == nil {
			s.token = token.AccessToken
			return s, nil
		}
	}
	s.stop()
	return nil, fmt.Errorf("the server does not start: %w", err)
}

func (s *server) stop() {
	if err := s.cmd.Process.Signal(os.Interrupt); err == nil {
		if err := s.cmd.Wait(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.RemoveAll(s.dir)
}

func (s *server) call(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	s.made++
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", fmt.Sprintf("judge-%d", s.made))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if raw, err = io.ReadAll(res.Body); err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, raw)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
