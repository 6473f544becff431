package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
)

// office is a server after its first start, and a command line beside it.
type office struct {
	*testing.T
	server *server.Server
	env    map[string]string
	log    *bytes.Buffer
}

func newOffice(t *testing.T) *office {
	t.Helper()
	c := config.Default()
	c.DataDir, c.Listen, c.OCRLanguages = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "eng"
	o := &office{T: t, log: &bytes.Buffer{}, env: map[string]string{"PARAPH_DATA_DIR": c.DataDir}}
	s, err := server.New(t.Context(), &c, server.Options{SetupLink: true, Log: slog.New(slog.NewTextHandler(o.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.server, o.env["PARAPH_URL"], o.env["PARAPH_PUBLIC_URL"] = s, s.URL(), s.URL()
	return o
}

// paraph runs a command and gives what it wrote.
func (o *office) paraph(want int, args ...string) (stdout, stderr string) {
	o.Helper()
	var out, complaints bytes.Buffer
	code := Run(append([]string{"paraph"}, args...), strings.NewReader(""), &out, &complaints, func(name string) string { return o.env[name] })
	if code != want {
		o.Fatalf("paraph %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &complaints)
	}
	return out.String(), complaints.String()
}

// get runs a command and gives a member of the JSON that it wrote, by its path.
func (o *office) get(path string, args ...string) any {
	o.Helper()
	out, _ := o.paraph(exitOK, append(args, "--json")...)
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		o.Fatalf("%v: %s", err, out)
	}
	for name := range strings.SplitSeq(path, ".") {
		v = v.(map[string]any)[name]
	}
	return v
}

// TestAdministratorsDay: from the first start by its link to a unit, a client, another
// secret and another organisation, by the command line alone. No secret is in the log.
func TestAdministratorsDay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	link, ok := o.server.Setup()
	if !ok || o.server.Admin != nil {
		t.Fatal("the first start made no link, or an administrator already")
	}
	other := o.get("setup_url", "admin", "setup-link").(string)
	if _, complaint := o.paraph(exitFailed, "admin", "unit", "list"); !strings.Contains(complaint, "PARAPH_CLIENT_ID") {
		t.Error(complaint)
	}
	out, _ := o.paraph(exitOK, "admin", "setup", link.URL, "--organisation", "Harbour Works", "--principal", "ada@example.com", "--json")
	var made struct {
		Client struct{ ID, Principal string }
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Client.Principal != "ada@example.com" {
		t.Fatalf("%v %s", err, out)
	}
	for _, used := range []string{link.URL, other} {
		if _, complaint := o.paraph(exitFailed, "admin", "setup", used); !strings.Contains(complaint, "setup_link_gone") {
			t.Error(complaint)
		}
	}
	if _, complaint := o.paraph(exitFailed, "admin", "setup-link"); !strings.Contains(complaint, "there already") {
		t.Error(complaint)
	}
	o.env["PARAPH_CLIENT_ID"], o.env["PARAPH_CLIENT_SECRET"] = made.Client.ID, made.Secret

	o.paraph(exitOK, "admin", "unit", "create", "--name", "buying", "--title", "Buying", "--bytes", "1000000")
	o.paraph(exitOK, "admin", "unit", "change", "buying", "--documents-per-month", "10", "--if-revision", "1")
	if _, complaint := o.paraph(exitFailed, "admin", "unit", "change", "buying", "--weight", "2", "--if-revision", "1"); !strings.Contains(complaint, "precondition_failed") {
		t.Error(complaint)
	}
	if n := o.get("limits.bytes", "admin", "unit", "show", "buying"); n != 1e6 {
		t.Errorf("the limit is %v", n)
	}
	if out, _ := o.paraph(exitOK, "admin", "unit", "list"); !strings.Contains(out, "buying") || !strings.Contains(out, "documents_per_month=10") {
		t.Error(out)
	}
	o.paraph(exitOK, "admin", "role", "save", "clerk", "--scopes", "tasks:read,documents:read")
	id := o.get("client.id", "admin", "client", "create", "--name", "ERP", "--principal", "erp", "--roles", "clerk", "--business-units", "buying").(string)
	if _, complaint := o.paraph(exitFailed, "admin", "client", "create", "--name", "ERP", "--principal", "e r p"); !strings.Contains(complaint, "/principal") || !strings.Contains(complaint, "/scopes") {
		t.Error(complaint)
	}
	shown, told := o.paraph(exitOK, "admin", "client", "rotate-secret", id, "--overlap", "1h")
	if !strings.Contains(shown, "client_secret:") || !strings.Contains(told, "this once") {
		t.Error(shown, told)
	}
	o.paraph(exitOK, "admin", "client", "change", id, "--name", "ERP of buying", "--business-units", "all")
	if units := o.get("business_units", "admin", "client", "show", id); units != nil {
		t.Errorf("it is confined to %v", units)
	}
	o.paraph(exitOK, "admin", "client", "revoke", id)
	o.paraph(exitOK, "admin", "role", "remove", "clerk")
	o.paraph(exitOK, "admin", "key", "rotate")
	if out, _ := o.paraph(exitOK, "admin", "key", "list"); !strings.Contains(out, "next") || !strings.Contains(out, "signs") {
		t.Error(out)
	}

	o.devices()
	north := o.get("setup_url", "admin", "organisation", "create", "--name", "Northern Works").(string)
	nora := o.get("client_secret", "admin", "setup", north, "--principal", "nora@example.com").(string)
	again := o.get("setup_url", "admin", "setup-link", "--organisation-id", o.first("Harbour Works")).(string)
	second := o.get("client_secret", "admin", "setup", again, "--principal", "second@example.com").(string)
	o.paraph(exitOK, "admin", "organisation", "close", o.first("Northern Works"))
	o.paraph(exitOK, "admin", "organisation", "open", o.first("Northern Works"))

	if err := o.server.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"the first administrator's secret": made.Secret, "another organisation's": nora, "the second administrator's": second,
		"the first link": token(link.URL), "a later link": token(other), "an organisation's link": token(north)} {
		if secret == "" || strings.Contains(o.log.String(), secret) {
			t.Errorf("%s is in the log, or was never shown", what)
		}
	}
}

// devices demands devices, stops that again by the API and on the machine, and gives a
// directory a token.
func (o *office) devices() {
	o.Helper()
	roots := filepath.Join(o.TempDir(), "roots.pem")
	res, err := http.Get(o.env["PARAPH_URL"] + "/.well-known/paraph/ca.pem")
	if err != nil {
		o.Fatal(err)
	}
	pem, err := io.ReadAll(res.Body)
	if err := cmp.Or(err, res.Body.Close(), os.WriteFile(roots, pem, 0o600)); err != nil {
		o.Fatal(err)
	}
	o.paraph(exitOK, "admin", "device-rule", "save", "board", "--roles", "approver", "--actions", "task.decide", "--passkey-roots", roots, "--passkey-models", "2fc0579f-8113-47ea-b116-bb5a8db9202a", "--passkey-max-age", "5m")
	if age := o.get("passkey.max_age_seconds", "admin", "device-rule", "show", "board"); age != 300. {
		o.Errorf("a login may be %v old", age)
	}
	if _, complaint := o.paraph(exitFailed, "admin", "device-rule", "save", "all", "--certificate-roots", roots); !strings.Contains(complaint, "locks_you_out") || !strings.Contains(complaint, "device/device_certificate") {
		o.Error(complaint)
	}
	if out, _ := o.paraph(exitOK, "admin", "device-rules-off", "--organisation-id", o.first("Harbour Works")); !strings.Contains(out, "off now: 1.") {
		o.Error(out)
	}
	if off := o.get("off", "admin", "device-rule", "show", "board"); off != true {
		o.Errorf("the rule is off: %v", off)
	}
	o.paraph(exitOK, "admin", "device-rule", "remove", "board")
	shown, told := o.paraph(exitOK, "admin", "directory-token", "create", "--name", "Entra ID", "--expires-at", time.Now().AddDate(0, 6, 0).Format(time.DateOnly))
	if !strings.Contains(shown, "pdt_") || !strings.Contains(told, "this once") {
		o.Error(shown, told)
	}
	id := o.get("items", "admin", "directory-token", "list").([]any)[0].(map[string]any)["id"].(string)
	o.paraph(exitOK, "admin", "directory-token", "revoke", id)
}

func token(link string) string {
	_, token, _ := strings.Cut(link, "#")
	return token
}

// first gives the id of the organisation of a name.
func (o *office) first(name string) string {
	o.Helper()
	for _, item := range o.get("items", "admin", "organisation", "list").([]any) {
		if one := item.(map[string]any); one["name"] == name {
			return one["id"].(string)
		}
	}
	o.Fatalf("no organisation %s", name)
	return ""
}

// TestAdminUsage: what is not understood says how it is meant.
func TestAdminUsage(t *testing.T) {
	t.Parallel()
	o := &office{T: t, env: map[string]string{}}
	for _, args := range [][]string{{}, {"unit"}, {"unit", "eat"}, {"unit", "show"}, {"unit", "list", "x"}, {"unit", "change", "a", "--weight", "heavy"}, {"setup", "x"}, {"client", "rotate-secret", "x", "--overlap", "soon"}} {
		if _, complaint := o.paraph(exitUsage, append([]string{"admin"}, args...)...); !strings.Contains(complaint, "sage") && !strings.Contains(complaint, "paraph admin") && !strings.Contains(complaint, "invalid value") {
			t.Errorf("%v: %s", args, complaint)
		}
	}
	for noun, verbs := range adminNouns {
		for name := range verbs {
			o.paraph(exitOK, "admin", noun, name, "--help")
		}
	}
}
