package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/server"
)

// adminVerb is one thing that `paraph admin NOUN VERB` does: a request to the API.
type adminVerb struct {
	about  string
	method string
	path   string // %s is what stands behind the verb
	names  string // what that is called; "" for none
	fields string // flags that become members of the body
	// body makes the body of the flags that were given; nil: the members alone.
	body func(given map[string]any) any
}

const (
	clientFields = "name principal scopes roles business-units profile"
	deviceFields = "title off clients roles actions passkey-roots passkey-models passkey-max-age certificate-roots"
	unitFields   = "title weight bytes documents-per-month bytes-per-file pages-per-document"
)

// adminNouns are what can be administered. All of it is done by the API.
var adminNouns = map[string]map[string]adminVerb{
	"organisation": {
		"list":   {about: "List the organisations of the installation.", method: http.MethodGet, path: "/v1/organisations"},
		"show":   {about: "Show an organisation.", method: http.MethodGet, path: "/v1/organisations/%s", names: "ID"},
		"create": {about: "Make an organisation; its set-up link is shown once.", method: http.MethodPost, path: "/v1/organisations", fields: "name"},
		"change": {about: "Rename an organisation.", method: http.MethodPatch, path: "/v1/organisations/%s", names: "ID", fields: "name"},
		"close":  {about: "Let nobody of an organisation in.", method: http.MethodPatch, path: "/v1/organisations/%s", names: "ID", body: closed(true)},
		"open":   {about: "Let them in again.", method: http.MethodPatch, path: "/v1/organisations/%s", names: "ID", body: closed(false)},
	},
	"unit": {
		"list":       {about: "List the business units.", method: http.MethodGet, path: "/v1/business-units"},
		"show":       {about: "Show a business unit, its limits and what it uses.", method: http.MethodGet, path: "/v1/business-units/%s", names: "NAME"},
		"create":     {about: "Make a business unit.", method: http.MethodPost, path: "/v1/business-units", fields: "name " + unitFields, body: unitBody},
		"change":     {about: "Change a business unit; a limit of 0 takes it away.", method: http.MethodPatch, path: "/v1/business-units/%s", names: "NAME", fields: unitFields, body: unitBody},
		"close":      {about: "Let a unit take no new documents.", method: http.MethodPatch, path: "/v1/business-units/%s", names: "NAME", body: closed(true)},
		"open":       {about: "Let it take them again.", method: http.MethodPatch, path: "/v1/business-units/%s", names: "NAME", body: closed(false)},
		"rotate-key": {about: "Give a unit another key.", method: http.MethodPost, path: "/v1/business-units/%s/rotate-key", names: "NAME"},
	},
	"role": {
		"list":   {about: "List the roles.", method: http.MethodGet, path: "/v1/roles"},
		"save":   {about: "Make or change a role of the organisation.", method: http.MethodPut, path: "/v1/roles/%s", names: "NAME", fields: "title scopes"},
		"remove": {about: "Remove a role that no client has.", method: http.MethodDelete, path: "/v1/roles/%s", names: "NAME"},
	},
	"device-rule": {
		"list":   {about: "List what is let be done from trusted devices only.", method: http.MethodGet, path: "/v1/device-rules"},
		"show":   {about: "Show a device rule.", method: http.MethodGet, path: "/v1/device-rules/%s", names: "NAME"},
		"save":   {about: "Make or change a device rule.", method: http.MethodPut, path: "/v1/device-rules/%s", names: "NAME", fields: deviceFields, body: deviceBody},
		"remove": {about: "Remove a device rule.", method: http.MethodDelete, path: "/v1/device-rules/%s", names: "NAME"},
	},
	"directory-token": {
		"list":   {about: "List the tokens of directories.", method: http.MethodGet, path: "/v1/directory-tokens"},
		"create": {about: "Make a token for a directory, for SCIM alone; it is shown once.", method: http.MethodPost, path: "/v1/directory-tokens", fields: "name expires-at"},
		"revoke": {about: "End one at once.", method: http.MethodDelete, path: "/v1/directory-tokens/%s", names: "ID"},
	},
	"client": {
		"list":          {about: "List the clients.", method: http.MethodGet, path: "/v1/clients"},
		"show":          {about: "Show a client.", method: http.MethodGet, path: "/v1/clients/%s", names: "ID"},
		"create":        {about: "Make a client; its secret is shown once.", method: http.MethodPost, path: "/v1/clients", fields: clientFields, body: clientBody},
		"change":        {about: "Change a client.", method: http.MethodPatch, path: "/v1/clients/%s", names: "ID", fields: clientFields, body: clientBody},
		"rotate-secret": {about: "Give a client another secret, shown once; the one before works for --overlap longer.", method: http.MethodPost, path: "/v1/clients/%s/rotate-secret", names: "ID", fields: "overlap"},
		"revoke":        {about: "End a client's access.", method: http.MethodDelete, path: "/v1/clients/%s", names: "ID"},
	},
	"key": {
		"list":     {about: "List the keys that sign access tokens, with when each signs.", method: http.MethodGet, path: "/v1/token-keys"},
		"rotate":   {about: "Make the next of those keys; it signs in a quarter of an hour.", method: http.MethodPost, path: "/v1/token-keys"},
		"withdraw": {about: "Take one out at once, with all tokens it has signed.", method: http.MethodDelete, path: "/v1/token-keys/%s", names: "ID"},
	},
}

func closed(yes bool) func(map[string]any) any {
	return func(map[string]any) any { return map[string]bool{"closed": yes} }
}

// unitBody puts limits where the API has them.
func unitBody(given map[string]any) any {
	limits := map[string]any{}
	for _, name := range []string{"bytes", "documents_per_month", "bytes_per_file", "pages_per_document"} {
		if v, ok := given[name]; ok {
			limits[name] = v
			delete(given, name)
		}
	}
	if len(limits) > 0 {
		given["limits"] = limits
	}
	return given
}

// deviceBody puts what is demanded where the API has it.
func deviceBody(given map[string]any) any {
	for _, name := range []string{"passkey_roots", "passkey_models", "passkey_max_age_seconds", "certificate_roots"} {
		v, said := given[name]
		if !said {
			continue
		}
		delete(given, name)
		of, member, _ := strings.Cut(name, "_")
		demand, _ := given[of].(map[string]any)
		if demand == nil {
			demand = map[string]any{}
			given[of] = demand
		}
		demand[member] = v
	}
	return given
}

// clientBody lays the members of a profile beside the others.
func clientBody(given map[string]any) any {
	if profile, ok := given["profile"].(map[string]any); ok {
		delete(given, "profile")
		for name, v := range profile {
			if _, said := given[name]; !said {
				given[name] = v
			}
		}
	}
	return given
}

// runAdmin administers a server by its API, and on the machine makes set-up links.
func runAdmin(ctx context.Context, env *Env, args []string) int {
	switch {
	case len(args) > 0 && args[0] == "setup-link":
		return runSetupLink(ctx, env, args[1:])
	case len(args) > 0 && args[0] == "setup":
		return runSetup(ctx, env, args[1:])
	case len(args) > 0 && args[0] == "device-rules-off":
		return runDeviceRulesOff(ctx, env, args[1:])
	case len(args) > 1:
		if verb, ok := adminNouns[args[0]][args[1]]; ok {
			return runAdminVerb(ctx, env, args[0], args[1], verb, args[2:])
		}
	}
	adminUsage(env)
	if slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "--help" || a == "help" }) {
		return exitOK
	}
	return exitUsage
}

func adminUsage(env *Env) {
	fmt.Fprintln(env.Stderr, "Administer a server: organisations, units, roles, device rules, tokens of directories, clients and keys.\n\n"+
		"  paraph admin setup-link    On the machine: make a link by which somebody becomes administrator, once.\n"+
		"  paraph admin setup LINK    Use such a link; the administrator's secret is shown once.\n"+
		"  paraph admin device-rules-off    On the machine: demand no devices any more, where nobody can show one.")
	for _, noun := range []string{"organisation", "unit", "role", "device-rule", "directory-token", "client", "key"} {
		fmt.Fprintln(env.Stderr)
		for _, name := range sortedNames(adminNouns[noun]) {
			v := adminNouns[noun][name]
			fmt.Fprintf(env.Stderr, "  %-40s  %s\n", strings.TrimSpace("paraph admin "+noun+" "+name+" "+v.names), v.about)
		}
	}
	fmt.Fprintln(env.Stderr, "\nAll but those on the machine speak with the API: set PARAPH_URL, PARAPH_CLIENT_ID and PARAPH_CLIENT_SECRET.")
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// runAdminVerb sends one request and shows the answer.
func runAdminVerb(ctx context.Context, env *Env, noun, name string, v adminVerb, args []string) int {
	fs := flag.NewFlagSet("paraph admin "+noun+" "+name, flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	fs.Usage = func() {
		fmt.Fprintf(env.Stderr, "%s\n\nUsage: paraph admin %s [flags]\n\n", v.about, strings.TrimSpace(noun+" "+name+" "+v.names))
		fs.PrintDefaults()
	}
	asJSON := fs.Bool("json", false, "Write JSON.")
	ifMatch, key := "", ""
	if v.method != http.MethodGet {
		fs.StringVar(&key, "idempotency-key", "", "Name of this request: the same again does nothing more. Empty: a new one.")
	}
	if v.method == http.MethodPatch || v.method == http.MethodPut || v.method == http.MethodDelete {
		fs.StringVar(&ifMatch, "if-revision", "", "Do it only where the thing still has this revision.")
	}
	given := map[string]any{}
	for field := range strings.FieldsSeq(v.fields) {
		addField(fs, field, given)
	}
	connect := adminConnection(env, fs)
	what := ""
	if v.names != "" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	if code, done := parse(fs, args); done {
		return code
	}
	if fs.NArg() > 0 || (v.names != "") != (what != "") {
		fs.Usage()
		return exitUsage
	}
	req := adminRequest{method: v.method, path: v.path, key: key}
	if v.names != "" {
		req.path = fmt.Sprintf(v.path, url.PathEscape(what))
	}
	if ifMatch != "" {
		req.ifMatch = `"` + ifMatch + `"`
	}
	switch {
	case v.body != nil:
		req.body = v.body(given)
	case v.fields != "":
		req.body = given
	}
	c, err := connect()
	if err != nil {
		return fail(env, err)
	}
	answer, err := c.send(ctx, req)
	if err != nil {
		return fail(env, err)
	}
	return showAdmin(env, noun, answer, *asJSON)
}

// addField adds the flag of a body's member, which is there only if it was given.
func addField(fs *flag.FlagSet, field string, given map[string]any) {
	member := strings.ReplaceAll(field, "-", "_")
	about := map[string]string{
		"name": "Name.", "principal": "Whom it speaks for: an e-mail address or a service's name.", "title": "Title.", "weight": "Its share of the work beside others, 1 to 1000.",
		"scopes": "Scopes, with commas.", "roles": "Roles, with commas.", "business-units": "Units to confine it to, with commas; all: not confined.",
		"profile": "File (JSON) with further members of the client, such as grant_types or jwks.", "expires-at": "When it ends, such as 2027-03-31 or 2027-03-31T12:00:00Z; within 366 days.", "overlap": "How long the secret before works too, such as 24h.",
		"off": "true: keep it, and demand nothing for now.", "clients": "Ids of the programs that it holds for, with commas; left out: all.", "actions": "Actions that it holds for, such as task.decide, with commas; left out: all.",
		"passkey-roots": "File of certificates (PEM) that vouch for the makes of passkeys that do.", "passkey-models": "AAGUIDs of the authenticators that do, with commas; left out: any that the roots vouch for.",
		"passkey-max-age": "How old the login may be, such as 5m.", "certificate-roots": "File of certificates (PEM) of the device authorities.",
		"bytes": "Most bytes stored.", "documents-per-month": "Most new documents in a month.", "bytes-per-file": "Most bytes of a file.", "pages-per-document": "Most pages of a document.",
	}[field]
	fs.Func(field, about, func(text string) error {
		v, err := fieldValue(field, text)
		if field == "overlap" || field == "passkey-max-age" {
			member = strings.ReplaceAll(field, "-", "_") + "_seconds"
		}
		given[member] = v
		return err
	})
}

// fieldValue reads a flag as what the API wants.
func fieldValue(field, text string) (any, error) {
	switch field {
	case "scopes", "roles", "business-units", "clients", "actions", "passkey-models":
		if field == "business-units" && text == "all" {
			return nil, nil
		}
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }), nil
	case "weight", "bytes", "documents-per-month", "bytes-per-file", "pages-per-document":
		var n json.Number
		err := json.Unmarshal([]byte(text), &n)
		return n, err
	case "expires-at":
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			return day, nil
		}
		return time.Parse(time.RFC3339, text)
	case "off":
		return strconv.ParseBool(text)
	case "passkey-roots", "certificate-roots":
		raw, err := os.ReadFile(text)
		return string(raw), err
	case "overlap", "passkey-max-age":
		d, err := time.ParseDuration(text)
		return int64(d.Seconds()), err
	case "profile":
		raw, err := os.ReadFile(text)
		if err != nil {
			return nil, err
		}
		var profile map[string]any
		err = json.Unmarshal(raw, &profile)
		return profile, err
	}
	return text, nil
}

// runSetupLink makes a set-up link on the machine.
func runSetupLink(ctx context.Context, env *Env, args []string) int {
	fs := flag.NewFlagSet("paraph admin setup-link", flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	asJSON := fs.Bool("json", false, "Write JSON.")
	org := fs.String("organisation-id", "", "Organisation that gets another administrator. Empty: the first one, if it is not there yet.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	link, err := server.NewSetupLink(ctx, &l.Config, *org)
	if err != nil {
		return fail(env, err)
	}
	if *asJSON {
		printJSON(env, link)
		return exitOK
	}
	fmt.Fprintln(env.Stdout, link.URL)
	fmt.Fprintf(env.Stderr, "It works once, until %s. Whoever has it becomes administrator: hand it on as you would a password.\n", link.ExpiresAt.Local().Format(time.RFC1123))
	return exitOK
}

// runDeviceRulesOff switches off an organisation's device rules on the machine.
func runDeviceRulesOff(ctx context.Context, env *Env, args []string) int {
	fs := flag.NewFlagSet("paraph admin device-rules-off", flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	org := fs.String("organisation-id", "", "Organisation whose rules are switched off.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	n, err := server.SwitchOffDeviceRules(ctx, &l.Config, *org)
	if err != nil {
		return fail(env, err)
	}
	fmt.Fprintf(env.Stdout, "Device rules that are off now: %d. `paraph admin device-rule save NAME --off false …` puts one in force again.\n", n)
	return exitOK
}

// runSetup uses a set-up link.
func runSetup(ctx context.Context, env *Env, args []string) int {
	fs := flag.NewFlagSet("paraph admin setup", flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	asJSON := fs.Bool("json", false, "Write JSON.")
	body := map[string]string{}
	member := func(name string) func(string) error {
		return func(v string) error { body[name] = v; return nil }
	}
	fs.Func("organisation", "Name of the first organisation, where the link makes it.", member("organisation"))
	fs.Func("principal", "The administrator's e-mail address.", member("principal"))
	link := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		link, args = args[0], args[1:]
	}
	if code, done := parse(fs, args); done {
		return code
	}
	base, token, ok := strings.Cut(link, "/setup#")
	if !ok || fs.NArg() > 0 {
		fmt.Fprintln(env.Stderr, "Usage: paraph admin setup LINK [--organisation NAME] [--principal EMAIL] [--json]")
		return exitUsage
	}
	body["token"] = token
	answer, err := (&adminClient{base: base, http: http.DefaultClient, open: true}).send(ctx, adminRequest{method: http.MethodPost, path: "/v1/setup", body: body})
	if err != nil {
		return fail(env, err)
	}
	return showAdmin(env, "client", answer, *asJSON)
}
