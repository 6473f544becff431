package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/webhook"
	paraph "github.com/paraph/paraph/sdk/go"
)

// runWebhook does what concerns events sent to subscribers, as a client of the API.
func runWebhook(ctx context.Context, env *Env, args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case "listen":
			return runWebhookListen(ctx, env, args[1:])
		case "replay":
			return runWebhookReplay(ctx, env, args[1:])
		case "portal":
			return runWebhookPortal(ctx, env, args[1:])
		}
	}
	fmt.Fprintln(env.Stderr, "Usage: paraph webhook listen|replay|portal [flags]")
	return exitUsage
}

// listenWait is how long one question for events may wait.
const listenWait = 20 * time.Second

// runWebhookListen forwards events to a port of this machine, as an endpoint would
// get them: for development, where no server can reach it.
func runWebhookListen(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "webhook")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each event.")
	forward := fs.String("forward", "", "Address on this machine that events are sent to, such as http://localhost:3000/hook. Needed.")
	types := fs.String("types", "", "Types of event, or beginnings with .* at their end, with commas. Empty: all.")
	secret := fs.String("secret", "", "Secret to sign with (whsec_…). Empty: a new one, which is shown.")
	after := fs.String("after", "", "Cursor to begin behind. Empty: with what happens next.")
	connect := apiFlags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	l := &listener{env: env, json: *asJSON, filter: paraph.ListEventsParams{After: *after, Latest: *after == "", Wait: int(listenWait.Seconds())}}
	if *types != "" {
		l.filter.Type = strings.Split(*types, ",")
	}
	if err := l.aim(*forward, *secret); err != nil {
		fmt.Fprintln(env.Stderr, "paraph:", err)
		return exitUsage
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	if err := l.run(ctx, client); err != nil && ctx.Err() == nil {
		return fail(env, err)
	}
	return exitOK
}

// listener forwards events to an address of this machine.
type listener struct {
	env    *Env
	json   bool
	filter paraph.ListEventsParams
	to     *url.URL
	signer *webhook.Signer
	http   *http.Client
}

// aim takes the address and the secret. Only this machine can be forwarded to.
func (l *listener) aim(forward, secret string) (err error) {
	if l.to, err = url.Parse(forward); err != nil || l.to.Host == "" {
		return fmt.Errorf("say with --forward where events are sent to, such as http://localhost:3000/hook")
	}
	if secret == "" {
		secret, _ = webhook.NewSecret(webhook.HMAC)
		fmt.Fprintf(l.env.Stderr, "Events are signed with the secret %s\n", secret)
	}
	l.signer, err = webhook.NewSigner(secret)
	l.http = safehttp.New(safehttp.Options{PlainHTTP: true, AllowedOnly: true, Timeout: webhook.DefaultTimeout, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	return err
}

// run forwards until ctx ends.
func (l *listener) run(ctx context.Context, client *paraph.Client) error {
	fmt.Fprintf(l.env.Stderr, "Waiting for events; they go to %s. End with Ctrl-C.\n", l.to)
	for ctx.Err() == nil {
		page, err := client.ListEvents(ctx, l.filter)
		if err != nil {
			return err
		}
		for i := range page.Items {
			l.forward(ctx, &page.Items[i])
		}
		l.filter.After, l.filter.Latest = page.Next, false
	}
	return nil
}

// forward sends one event and tells what was answered.
func (l *listener) forward(ctx context.Context, e *paraph.Event) {
	said := struct {
		ID     string `json:"id"`
		Type   string `json:"type"`
		Status int    `json:"status,omitempty"`
		Error  string `json:"error,omitempty"`
	}{ID: e.ID, Type: e.Type}
	status, err := l.post(ctx, e)
	if said.Status = status; err != nil {
		said.Error = err.Error()
	}
	if l.json {
		printLine(l.env, said)
		return
	}
	outcome := strconv.Itoa(status)
	if err != nil {
		outcome = said.Error
	}
	fmt.Fprintf(l.env.Stdout, "%s  %s  %-28s  %s\n", e.Time.Local().Format(time.TimeOnly), e.ID, e.Type, outcome)
}

func (l *listener) post(ctx context.Context, e *paraph.Event) (status int, err error) {
	body, _ := event.Render(event.Rendering, entryOf(e), e.Source)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.to.String(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	now := time.Now()
	req.Header.Set("Content-Type", event.MediaType)
	req.Header.Set(webhook.HeaderID, e.ID)
	req.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(webhook.HeaderSignature, webhook.Sign([]*webhook.Signer{l.signer}, e.ID, now, body))
	res, err := l.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// entryOf gives an event of the API as an entry, as far as what is sent shows it.
func entryOf(e *paraph.Event) *journal.Entry {
	out := &journal.Entry{
		ID: e.ID, Org: e.Organisation, Unit: e.BusinessUnit, Kind: journal.Kind(e.Type), DocumentID: e.DocumentID, DocSeq: int64(e.DocumentSequence), At: e.Time,
		Actor:  journal.Actor{Kind: journal.ActorKind(e.ActorKind), ID: e.ActorID, Principal: e.ActorPrincipal, OnBehalfOf: e.OnBehalfOf},
		Source: journal.Source{RequestID: e.RequestID}, Trace: e.TraceParent, Data: json.RawMessage(e.Data),
	}
	out.SubjectType, out.SubjectID, _ = strings.Cut(e.Subject, "/")
	if !e.Erased {
		out.Salt[0] = 1 // whose content is there
	}
	return out
}

// runWebhookReplay sends past events to an endpoint, and waits until all are on their way.
func runWebhookReplay(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "webhook")
	asJSON := fs.Bool("json", false, "Write JSON.")
	endpoint := fs.String("endpoint", "", "Id of the endpoint (ep_…). Needed.")
	which := fs.String("which", "", "dead, missing or all. Empty: dead, and all where events are named.")
	types := fs.String("types", "", "Only these types of event, or beginnings with .* at their end, with commas.")
	condition := fs.String("condition", "", "Only events for which this expression (CEL) is true.")
	since := fs.String("since", "", "Only events that happened then or later, such as 2026-03-02T09:30:00Z.")
	until := fs.String("until", "", "Only events that happened before.")
	ids := fs.String("events", "", "Only these events, with commas.")
	connect := apiFlags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	req := paraph.ReplayRequest{Which: paraph.ReplayRequestWhich(*which), Condition: *condition}
	for list, into := range map[string]*[]string{*types: &req.Types, *ids: &req.EventIDs} {
		if list != "" {
			*into = strings.Split(list, ",")
		}
	}
	var err error
	if req.Since, err = timeFlag("since", *since); err == nil {
		req.Until, err = timeFlag("until", *until)
	}
	if err == nil && *endpoint == "" {
		err = fmt.Errorf("say with --endpoint where the events go")
	}
	if err != nil {
		fmt.Fprintln(env.Stderr, "paraph:", err)
		return exitUsage
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	r, err := client.StartWebhookReplay(ctx, *endpoint, req)
	for err == nil && r.State == "running" {
		fmt.Fprintf(env.Stderr, "%d of %d places in the log, %d events. %s\n", r.Progress.Done, r.Progress.Total, r.Deliveries, r.Waiting)
		r, err = client.GetWebhookReplay(ctx, *endpoint, r.ID, paraph.Wait(5*time.Second))
	}
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, r)
	} else {
		fmt.Fprintf(env.Stdout, "%d events are on their way to %s.\n", r.Deliveries, *endpoint)
	}
	if r.State == "failed" {
		return fail(env, fmt.Errorf("the replay could not go on: %s", r.Reason))
	}
	return exitOK
}

// timeFlag reads a time; nil where there is none.
func timeFlag(name, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return nil, fmt.Errorf("--%s is a time such as 2026-03-02T09:30:00Z, not %q", name, value)
	}
	return &t, nil
}

// runWebhookPortal makes a link to the page of endpoints.
func runWebhookPortal(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "webhook")
	asJSON := fs.Bool("json", false, "Write JSON.")
	endpoints := fs.String("endpoints", "", "Ids of the endpoints it shows, with commas. Empty: all that the client may see.")
	write := fs.Bool("write", false, "Let whoever has the link send events anew, skip them, and enable endpoints.")
	lifetime := fs.Duration("for", time.Hour, "How long it works: a minute to seven days.")
	connect := apiFlags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	req := paraph.PortalRequest{MayWrite: *write, LifetimeSeconds: lifetime.Seconds()}
	if *endpoints != "" {
		req.EndpointIDs = strings.Split(*endpoints, ",")
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	link, err := client.CreateWebhookPortalLink(ctx, req)
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, link)
		return exitOK
	}
	fmt.Fprintln(env.Stdout, link.URL)
	fmt.Fprintf(env.Stderr, "It works until %s. Whoever has it needs no account.\n", link.ExpiresAt.Local().Format(time.RFC1123))
	return exitOK
}
