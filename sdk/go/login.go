package paraph

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
)

// Device is what a person is shown who logs in from a program without a browser
// (RFC 8628): go to URL and type Code, or open Complete, which holds both.
type Device struct {
	URL      string
	Complete string
	Code     string
	Expires  time.Time
}

// Login lets a person log in with a device code. show is called once with what the
// person has to do; then Login waits until the person has done it. The client of c
// has to be one that may use device codes.
func (c *Client) Login(ctx context.Context, show func(Device)) (Session, error) {
	form := url.Values{}
	if c.tokens.scope != "" {
		form.Set("scope", c.tokens.scope)
	}
	var started struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Where      string `json:"verification_uri"`
		Complete   string `json:"verification_uri_complete"`
		ExpiresIn  int    `json:"expires_in"`
		Interval   int    `json:"interval"`
	}
	err := c.form(ctx, "/oauth/device_authorization", form, &started)
	if IsCode(err, "use_dpop_nonce") {
		err = c.form(ctx, "/oauth/device_authorization", form, &started)
	}
	if err != nil {
		return Session{}, err
	}
	show(Device{started.Where, started.Complete, started.UserCode, c.now().Add(time.Duration(started.ExpiresIn) * time.Second)})
	interval := time.Duration(max(started.Interval, 1)) * time.Second
	for {
		if err := c.pause(ctx, interval); err != nil {
			return Session{}, err
		}
		s, err := c.askToken(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {started.DeviceCode}})
		var broken *ConnectionError
		switch {
		case IsCode(err, "authorization_pending"), errors.As(err, &broken):
		case IsCode(err, "slow_down"):
			interval += 5 * time.Second
		default:
			return s, err
		}
	}
}

// Logout ends a session at the server: its tokens, and what the person allowed.
func (c *Client) Logout(ctx context.Context, s Session) error {
	var none struct{}
	err := c.form(ctx, "/oauth/revoke", url.Values{"token": {s.RefreshToken}, "token_type_hint": {"refresh_token"}}, &none)
	if err != nil && strings.Contains(err.Error(), "is not JSON") {
		return nil // the answer is empty (RFC 7009 section 2.2)
	}
	return err
}
