// Package client runs the commands that are clients of the API, as a person types
// them, against the real program.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/paraph/paraph/internal/e2e/programtest"
	paraph "github.com/paraph/paraph/sdk/go"
)

const person = "ines.aldana@tidewater.example"

var everything = []string{"documents:read", "documents:write", "approvals:write", "tasks:read", "tasks:decide", "envelopes:read", "envelopes:write", "events:read"}

// desk is a person at a terminal, with a folder for the login.
type desk struct {
	t      *testing.T
	server *programtest.Process
	admin  *paraph.Client
	home   string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s := programtest.Serve(t, programtest.Options{Data: t.TempDir()})
	admin, err := paraph.New(paraph.Config{URL: s.URL, ClientID: s.ID, ClientSecret: s.Secret})
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, server: s, admin: admin, home: t.TempDir()}
}

func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.Command(programtest.Build(d.t), args...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+d.home, "PARAPH_CLIENT_ID=", "PARAPH_CLIENT_SECRET=")
	cmd.Dir = d.home
	return cmd
}

// run runs a command that has to end with the code.
func (d *desk) run(code int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	cmd := d.command(args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	_ = cmd.Run() // how it ended stands in its state
	if got := cmd.ProcessState.ExitCode(); got != code {
		d.t.Fatalf("paraph %s ended with %d, want %d: %s%s", strings.Join(args, " "), got, code, &out, &said)
	}
	return out.String(), said.String()
}

// read runs a command with --json and takes its first line, or all of it.
func read[T any](d *desk, args ...string) T {
	d.t.Helper()
	out, _ := d.run(0, append(args, "--json")...)
	var v T
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&v); err != nil {
		d.t.Fatalf("paraph %s said %q: %v", strings.Join(args, " "), out, err)
	}
	return v
}

// newClient makes a client over the API.
func (d *desk) newClient(req paraph.ClientRequest) *paraph.ClientSecret {
	d.t.Helper()
	c, err := d.admin.CreateClient(d.t.Context(), req)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// browser is the person's browser, as far as forms go.
type browser struct {
	t    *testing.T
	base string
	jar  map[string]string
}

func (b *browser) send(method, where string, form url.Values) (body, location string) {
	b.t.Helper()
	if !strings.HasPrefix(where, "http") {
		where = b.base + where
	}
	req, err := http.NewRequest(method, where, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	for _, c := range res.Cookies() {
		b.jar[c.Name] = c.Value
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 400 {
		b.t.Fatalf("%s %s: %d %s %v", method, where, res.StatusCode, raw, err)
	}
	return string(raw), res.Header.Get("Location")
}

var hidden = regexp.MustCompile(`name="form" value="([^"]*)"`)

func (b *browser) form(page string) string {
	b.t.Helper()
	m := hidden.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("there is no form on %s", page)
	}
	return m[1]
}

// allow does what `paraph login` asks a person to do.
func (d *desk) allow(complete, code string, key *paraph.ClientSecret) {
	d.t.Helper()
	b := &browser{t: d.t, base: d.server.URL, jar: map[string]string{}}
	_, to := b.send("GET", complete, nil)
	page, _ := b.send("GET", to, nil)
	_, to = b.send("POST", "/login", url.Values{"form": {b.form(page)}, "key": {key.Client.ID}, "secret": {key.ClientSecret}})
	b.send("GET", to, nil)
	page, _ = b.send("POST", "/oauth/device", url.Values{"user_code": {code}})
	if page, _ = b.send("POST", "/oauth/device", url.Values{"form": {b.form(page)}, "answer": {"allow"}}); !strings.Contains(page, "The device is connected") {
		d.t.Fatalf("the device is not connected: %s", page)
	}
}

func (d *desk) login(key *paraph.ClientSecret) {
	d.t.Helper()
	app := d.newClient(paraph.ClientRequest{
		Name: "The command line", Principal: "cli@tidewater.example", Scopes: everything, TokenEndpointAuthMethod: "none",
		GrantTypes: []string{"urn:ietf:params:oauth:grant-type:device_code", "refresh_token"},
	})
	cmd := d.command("login", "--json", "--url", d.server.URL, "--client-id", app.Client.ID)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		d.t.Fatal(err)
	}
	var asked struct {
		Complete string `json:"verification_uri_complete"`
		Code     string `json:"user_code"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		d.t.Fatal(err)
	}
	d.allow(asked.Complete, asked.Code, key)
	if _, err := io.Copy(io.Discard, lines); err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		d.t.Fatalf("the login ended with %v", err)
	}
}

// TestAPersonAtATerminal goes the way of a document by commands alone.
func TestAPersonAtATerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if _, said := d.run(1, "doc", "list"); !strings.Contains(said, "paraph login") {
		t.Errorf("without a login it says %q", said)
	}
	d.login(d.newClient(paraph.ClientRequest{Name: "Ines", Principal: person, Scopes: everything}))
	file := filepath.Join(d.home, "paraph", "login.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the login is kept as %v, %v", info, err)
	}

	if err := os.WriteFile(filepath.Join(d.home, "order.pdf"), programtest.TextPDF("BT /F1 24 Tf 72 700 Td (Purchase order 4711) Tj ET"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := read[paraph.Uploaded](d, "doc", "upload", "order.pdf", "--title", "Order \x1b[2J4711", "--label", "cost_centre=4410")
	id := up.Document.ID
	if up.Operation.State != paraph.OperationStateSucceeded || up.Document.Pages != 1 || up.Document.Labels["cost_centre"] != "4410" {
		t.Errorf("uploaded %+v", up)
	}
	if out, _ := d.run(0, "report", "--by", "state,document_type"); !strings.Contains(out, "draft  document") {
		t.Errorf("the report says %q", out)
	}
	d.run(2, "report", "--times", "lunch")
	if out, _ := d.run(0, "doc", "list", "--state", "draft"); !strings.Contains(out, id) || strings.Contains(out, "\x1b") {
		t.Errorf("the list is %q", out)
	}
	large := read[paraph.Uploaded](d, "doc", "upload", "order.pdf", "--in-pieces", "--label", "a=b")
	if large.Document.ID == id || large.Document.Labels["a"] != "b" || large.Document.Pages != 1 {
		t.Errorf("uploaded in pieces %+v", large)
	}
	if _, said := d.run(1, "doc", "upload", "order.pdf", "--resume", "upl_nowhere"); !strings.Contains(said, "not_found") && !strings.Contains(said, "404") {
		t.Errorf("an upload that is none: %q", said)
	}
	if _, said := d.run(1, "doc", "upload", "order.pdf", "nowhere.pdf"); !strings.Contains(said, "nowhere.pdf") {
		t.Errorf("a missing file: %q", said)
	}
	d.download(id)
	d.decideAndSend(id)
	d.tail(id)

	if out, _ := d.run(0, "logout"); !strings.Contains(out, "gone") {
		t.Errorf("logout says %q", out)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the login is still there: %v", err)
	}
	d.run(1, "doc", "list")
}

func (d *desk) download(id string) {
	d.t.Helper()
	out, _ := d.run(0, "doc", "download", id, "--version", "1", "-o", "got.pdf")
	want, err1 := os.ReadFile(filepath.Join(d.home, "order.pdf"))
	got, err2 := os.ReadFile(filepath.Join(d.home, "got.pdf"))
	if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
		d.t.Errorf("got.pdf is another file (%v, %v); it said %q", err1, err2, out)
	}
	if _, said := d.run(1, "doc", "download", id, "-o", "got.pdf"); !strings.Contains(said, "--force") {
		d.t.Errorf("a file was replaced unasked: %q", said)
	}
	if left, err := filepath.Glob(filepath.Join(d.home, ".paraph-*")); err != nil || len(left) > 0 {
		d.t.Errorf("parts are left over: %v %v", left, err)
	}
	d.run(0, "doc", "download", id, "-o", "got.pdf", "--force")
	if out, _ := d.run(0, "doc", "download", id, "--version", "1", "-o", "-"); out != string(want) {
		d.t.Errorf("%d bytes on standard output", len(out))
	}
}

func (d *desk) decideAndSend(id string) {
	t := d.t
	t.Helper()
	submit := func() {
		_, err := d.admin.CreateApproval(t.Context(), paraph.ApprovalRequest{DocumentID: id, DocumentType: "document", Approvers: []string{person}, Initiator: paraph.Initiator{UserID: "u", Email: person}})
		if err != nil {
			t.Fatal(err)
		}
	}
	submit()
	if out, _ := d.run(0, "doc", "show", id); !strings.Contains(out, person) || !strings.Contains(out, "original") {
		t.Errorf("shown as %q", out)
	}
	if out, _ := d.run(0, "approve", id, "--comment", "Within budget."); !strings.Contains(out, "approved") {
		t.Errorf("approve says %q", out)
	}
	if _, said := d.run(1, "approve", id); !strings.Contains(said, "no task is open") {
		t.Errorf("a second yes: %q", said)
	}
	d.run(2, "send", id, "--to", "not an address")
	e := read[paraph.Envelope](d, "send", id, "--to", "Mara Lind <mara.lind@tidewater.example>", "--to", "jonas@larkfield.example", "--message", "Please sign.")
	if len(e.Recipients) != 2 || e.Recipients[0].State != paraph.RecipientStateSent || e.Recipients[1].Name != "jonas" || e.Recipients[1].State != paraph.RecipientStateWaiting {
		t.Errorf("sent %+v", e)
	}
	if out, _ := d.run(1, "remind", id, "--who", "nobody@larkfield.example"); out != "" {
		t.Errorf("nobody was reminded as %q", out)
	}
}

// tail hears what happens to the next document.
func (d *desk) tail(id string) {
	t := d.t
	t.Helper()
	page, err := d.admin.ListEvents(t.Context(), paraph.ListEventsParams{DocumentID: id, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := d.run(0, "events", "tail", "--after", page.Items[0].Cursor, "--document", id, "--count", "2", "--json")
	var first paraph.Event
	if err := json.Unmarshal([]byte(out[:strings.IndexByte(out, '\n')]), &first); err != nil || first.DocumentSequence != 2 || strings.Count(out, "\n") != 2 {
		t.Errorf("heard %q: %v", out, err)
	}
}

// TestBatch runs a file of operations twice, and faults in between.
func TestBatch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.login(d.newClient(paraph.ClientRequest{Name: "Ines", Principal: person, Scopes: everything}))
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(d.home, "work.jsonl"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	draft := func(title string) string {
		return `{"method":"POST","path":"/v1/drafts","body":{"title":"` + title + `"}}`
	}
	refused := `{"id":"mine","method":"POST","path":"/v1/documents/doc_nowhere/void","body":{"reason":"x"}}`
	count := func() int {
		t.Helper()
		out, _ := d.run(0, "doc", "list", "--json")
		return strings.Count(out, "\n")
	}
	write(draft("a"), "", draft("b"), refused)
	for range 2 {
		out, said := d.run(1, "batch", "run", "work.jsonl")
		if !strings.Contains(out, "mine") || !strings.Contains(out, "404") || !strings.Contains(said, "2 done, 1 refused") || count() != 2 {
			t.Fatalf("it says %q %q, and there are %d documents", out, said, count())
		}
	}
	if out, _ := d.run(1, "batch", "run", "work.jsonl", "--json"); !strings.Contains(out, `"replayed":true`) {
		t.Errorf("a second run says %q", out)
	}
	d.run(1, "batch", "run", "work.jsonl", "--atomic", "--key", "another")
	if n := count(); n != 2 {
		t.Errorf("an undone transaction left %d documents", n)
	}
	d.run(0, "batch", "run", "work.jsonl", "--help")
	write(draft("c"), `{"method":"POST","paht":"/v1/drafts"}`, "not JSON")
	if _, said := d.run(1, "batch", "run", "work.jsonl"); !strings.Contains(said, "line 2") || !strings.Contains(said, "line 3") || count() != 2 {
		t.Errorf("faults in the file: %q", said)
	}
	if out, _ := d.run(0, "doc", "list", "--label", "a=b"); out != "" {
		t.Errorf("a filter lets through %q", out)
	}
}

// TestTokensOfALoginAreRenewed: two commands share a login whose tokens are renewed.
func TestTokensOfALoginAreRenewed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.login(d.newClient(paraph.ClientRequest{Name: "Ines", Principal: person, Scopes: everything}))
	file := filepath.Join(d.home, "paraph", "login.json")
	change := func(f func(login map[string]any)) {
		t.Helper()
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var login map[string]any
		if err := json.Unmarshal(raw, &login); err != nil {
			t.Fatal(err)
		}
		f(login["session"].(map[string]any))
		if raw, err = json.Marshal(login); err == nil {
			err = os.WriteFile(file, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := ""
	change(func(s map[string]any) { before, s["renew_at"] = s["access_token"].(string), "2020-01-01T00:00:00Z" })
	d.run(0, "doc", "list")
	change(func(s map[string]any) {
		if s["access_token"] == before || s["access_token"] == "" {
			t.Error("the token was not renewed")
		}
		s["access_token"] = "made up" // as after the server's keys have changed
	})
	d.run(0, "doc", "list")
	change(func(s map[string]any) { s["refresh_token"], s["renew_at"] = "made up", "2020-01-01T00:00:00Z" })
	if _, said := d.run(1, "doc", "list"); !strings.Contains(said, "Your login has ended") {
		t.Errorf("it says %q", said)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, said := d.run(1, "doc", "list"); !strings.Contains(said, "read by others") {
		t.Errorf("a login that others can read: %q", said)
	}
}

// TestCompletion lets bash complete by what is written for it.
func TestCompletion(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, home: t.TempDir()}
	script, _ := d.run(0, "completion", "bash")
	for line, want := range map[string]string{"paraph doc up": "upload", "paraph doc upload --ti": "--title", "paraph appr": "approve", "paraph webhook listen --for": "--forward"} {
		words := strings.Fields(line)
		cmd := exec.CommandContext(context.Background(), "bash", "-c", script+"\nCOMP_WORDS=("+line+"); COMP_CWORD="+string(rune('0'+len(words)-1))+"; _paraph; echo ${COMPREPLY[@]}")
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q is completed to %q, want %q (%v)", line, got, want, err)
		}
	}
	if out, _ := d.run(0, "completion", "fish"); !strings.Contains(out, "-a 'upload'") || !strings.Contains(out, "-l title") {
		t.Error("fish is not told of upload")
	}
	if out, _ := d.run(0, "completion", "zsh"); !strings.HasPrefix(out, "#compdef paraph") {
		t.Error("zsh is not told what it is for")
	}
}
