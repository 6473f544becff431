package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
)

// adminClient speaks with the API as one client.
type adminClient struct {
	base, id, secret string
	http             *http.Client
	open             bool // without an access token
}

// maxAdminAnswer bounds an answer, in bytes.
const maxAdminAnswer = 16 << 20

// adminConnection adds the flags that say which server, and as whom.
func adminConnection(env *Env, fs *flag.FlagSet) func() (*adminClient, error) {
	c := &adminClient{http: &http.Client{Timeout: time.Minute}}
	add := partyFlags(env, fs, "PARAPH_")
	add(&c.base, "url", "http://127.0.0.1:8080", "Address of the server.")
	add(&c.id, "client-id", "", "Id of an API client; better in PARAPH_CLIENT_ID.")
	add(&c.secret, "client-secret", "", "Its secret; better in PARAPH_CLIENT_SECRET.")
	return func() (*adminClient, error) {
		if c.id == "" || c.secret == "" {
			return nil, fmt.Errorf("the id and the secret of an administrator's client are needed: set PARAPH_CLIENT_ID and PARAPH_CLIENT_SECRET; the first one comes from `paraph admin setup-link`")
		}
		c.base = strings.TrimRight(c.base, "/")
		return c, nil
	}
}

type adminRequest struct {
	method, path, key, ifMatch string
	body                       any
}

// send sends a request and gives the answer's JSON. A refusal is an error in the
// server's words, with every fault.
func (c *adminClient) send(ctx context.Context, r adminRequest) (json.RawMessage, error) {
	var body io.Reader
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.method != http.MethodGet {
		if r.key == "" {
			r.key = rand.Text()
		}
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.ifMatch != "" {
		req.Header.Set("If-Match", r.ifMatch)
	}
	if !c.open {
		token, err := c.token(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return c.do(req)
}

func (c *adminClient) do(req *http.Request) (json.RawMessage, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAdminAnswer))
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 300 {
		return raw, nil
	}
	var p struct {
		Detail string `json:"detail"`
		Code   string `json:"code"`
		OAuth  string `json:"error_description"`
		Errors []struct {
			Pointer string `json:"pointer"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(raw, &p) != nil || p.Detail+p.OAuth == "" {
		return nil, fmt.Errorf("the server answered %s", res.Status)
	}
	text := p.Detail + p.OAuth
	if p.Code != "" {
		text += " (" + p.Code + ")"
	}
	for _, e := range p.Errors {
		text += "\n  " + e.Pointer + ": " + e.Message
	}
	return nil, fmt.Errorf("%s", text)
}

// token gets an access token by the client's secret.
func (c *adminClient) token(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret))
	raw, err := c.do(req)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	return answer.Token, json.Unmarshal(raw, &answer)
}

// adminColumns are what lists of a noun show.
var adminColumns = map[string][]string{
	"organisation":    {"id", "name", "closed_at"},
	"unit":            {"name", "title", "weight", "limits", "closed_at"},
	"role":            {"name", "scopes", "own"},
	"device-rule":     {"name", "title", "off", "clients", "roles", "actions"},
	"directory-token": {"id", "name", "made_by", "expires_at", "used_at", "revoked_at"},
	"client":          {"id", "name", "principal", "roles", "scopes", "business_units", "revoked_at"},
	"key":             {"id", "algorithm", "state", "signs_at"},
}

// showAdmin shows an answer: JSON for programs, a table or lines for people. A secret
// stands on standard output, and what to do with it on standard error.
func showAdmin(env *Env, noun string, raw json.RawMessage, asJSON bool) int {
	if asJSON {
		printJSON(env, raw)
		return exitOK
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		return fail(env, fmt.Errorf("the answer cannot be read: %w", err))
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	if items, ok := v["items"].([]any); ok {
		columns := adminColumns[noun]
		fmt.Fprintln(w, strings.ToUpper(strings.ReplaceAll(strings.Join(columns, "\t"), "_", " ")))
		for _, item := range items {
			row := make([]string, len(columns))
			for i, name := range columns {
				row[i] = inLine(item.(map[string]any)[name])
			}
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
	} else {
		showMembers(w, "", v)
	}
	if err := w.Flush(); err != nil {
		return fail(env, err)
	}
	if v["client_secret"] != nil || v["setup_url"] != nil || v["token"] != nil {
		fmt.Fprintln(env.Stderr, "The secret is shown this once. Keep it where you keep passwords.")
	}
	return exitOK
}

func showMembers(w io.Writer, indent string, v map[string]any) {
	for _, name := range sortedNames(v) {
		if inner, ok := v[name].(map[string]any); ok {
			fmt.Fprintf(w, "%s%s:\n", indent, name)
			showMembers(w, indent+"  ", inner)
			continue
		}
		fmt.Fprintf(w, "%s%s:\t%s\n", indent, name, inLine(v[name]))
	}
}

// inLine writes a value of JSON for people, on one line.
func inLine(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		return plain(v)
	case float64:
		return fmt.Sprintf("%.0f", v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = inLine(v[i])
		}
		return strings.Join(parts, ",")
	case map[string]any:
		var parts []string
		for _, name := range sortedNames(v) {
			parts = append(parts, name+"="+inLine(v[name]))
		}
		if parts == nil {
			return "–"
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}
