package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

func runLogin(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "login")
	var c paraph.Config
	add := partyFlags(env, fs, "PARAPH_")
	add(&c.URL, "url", "http://127.0.0.1:8080", "Address of the server.")
	add(&c.ClientID, "client-id", "", "Id of a client that may use device codes; an administrator makes one for everybody. Better in PARAPH_CLIENT_ID.")
	scopes := fs.String("scopes", "", "What the login is for, with commas, such as documents:read,tasks:decide. Empty: all that the client may have.")
	asJSON := fs.Bool("json", false, "Say what to do, and what came of it, as lines of JSON.")
	if code, done := parse(fs, args); done {
		return code
	}
	if c.ClientID == "" {
		fmt.Fprintln(env.Stderr, "paraph: say with --client-id which client you log in by; your administrator knows it.\n"+
			"It is made once for everybody: POST /v1/clients with the grant types urn:ietf:params:oauth:grant-type:device_code and refresh_token, and token_endpoint_auth_method none.")
		return exitUsage
	}
	if *scopes != "" {
		c.Scopes = strings.Split(*scopes, ",")
	}
	file, err := loginOf(env)
	if err != nil {
		return fail(env, err)
	}
	client, err := paraph.New(c)
	if err != nil {
		return fail(env, err)
	}
	session, err := client.Login(ctx, func(d paraph.Device) {
		if *asJSON {
			printLine(env, map[string]any{"verification_uri": d.URL, "verification_uri_complete": d.Complete, "user_code": d.Code, "expires_at": d.Expires})
			return
		}
		fmt.Fprintf(env.Stderr, "Open %s\nand type the code %s, or open\n%s\n\nWaiting until %s.\n", d.URL, d.Code, d.Complete, d.Expires.Local().Format(time.TimeOnly))
	})
	if err != nil {
		return fail(env, err)
	}
	if err := file.write(&login{URL: c.URL, ClientID: c.ClientID, Session: session}); err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printLine(env, map[string]any{"url": c.URL, "scope": session.Scope, "file": file.path})
		return exitOK
	}
	fmt.Fprintf(env.Stdout, "You are logged in at %s. The tokens are in %s.\n", c.URL, file.path)
	return exitOK
}

func runLogout(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "logout")
	asJSON := fs.Bool("json", false, "Write JSON.")
	if code, done := parse(fs, args); done {
		return code
	}
	file, err := loginOf(env)
	if err != nil {
		return fail(env, err)
	}
	l, err := file.read()
	if errors.Is(err, errNotLoggedIn) {
		if *asJSON {
			printJSON(env, map[string]any{"was_logged_in": false})
		} else {
			fmt.Fprintln(env.Stdout, "Nobody was logged in.")
		}
		return exitOK
	}
	var ended error
	if err == nil {
		var client *paraph.Client
		if client, ended = paraph.New(paraph.Config{URL: l.URL, ClientID: l.ClientID, Sessions: file, UserAgent: "paraph-cli/" + env.Version}); ended == nil {
			ended = client.Logout(ctx, l.Session)
		}
	} else {
		ended = err // the file could not be read; it goes all the same
	}
	if err := os.Remove(file.path); err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, map[string]any{"was_logged_in": true, "ended_at_server": ended == nil})
	} else {
		fmt.Fprintln(env.Stdout, "The tokens are gone from this machine.")
	}
	if ended != nil {
		return fail(env, fmt.Errorf("the server could not be told, so what the login allowed runs out by itself or is ended there: %w", ended))
	}
	return exitOK
}
