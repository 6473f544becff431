package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

// bulkFile is the largest file of rows or of a template that is read, in bytes.
const bulkFile = 16 << 20

func bulkParts() []part {
	return []part{
		{"start", "Send a document to everybody in a table, CSV or JSON lines, and wait for the end.", "--template FILE [flags] ROWS", runBulkStart},
		{"list", "List bulk sends, newest first.", "[flags]", runBulkList},
		{"show", "Show how far a bulk send has come.", "[flags] BULK", runBulkShow},
		{"rows", "Show what became of each row.", "[flags] BULK", runBulkRows},
		{"results", "Write what became of all rows, as CSV for a spreadsheet or as JSON lines.", "[flags] BULK", runBulkResults},
		{"pause", "Pause a bulk send between two rows.", "[flags] BULK", runBulkChange},
		{"resume", "Let a paused bulk send go on.", "[flags] BULK", runBulkChange},
		{"retry", "Try the refused rows again.", "[flags] BULK", runBulkChange},
		{"cancel", "End a bulk send; what was sent stays sent.", "[flags] BULK", runBulkChange},
	}
}

func runBulk(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "bulk", bulkParts(), args)
}

func runBulkStart(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	template := fs.String("template", "", "File with the request in JSON, but for its rows. Needed.")
	document := fs.String("document", "", "Id of the document that is sent (doc_…). Empty: that of the template.")
	delimiter := fs.String("delimiter", "", "What divides the fields of CSV: comma, semicolon or tab. Empty: that of the template, or a comma.")
	key := fs.String("key", "", "Name of this run. The same name and content never send anything twice. Empty: a new one.")
	wait := fs.Bool("wait", true, "Wait until no row waits.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	rows, code, done := parseOne(env, fs, args, "say which file holds the rows; - is standard input")
	switch {
	case done:
		return code
	case *template == "":
		return wrong(env, "say with --template which file holds the request: its recipients, with {{column}} for what a row says")
	}
	req, err := bulkRequest(env, *template, rows)
	if err != nil {
		return fail(env, err)
	}
	if *document != "" {
		req.DocumentID = *document
	}
	if *delimiter != "" {
		req.Delimiter = paraph.BulkSendRequestDelimiter(*delimiter)
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	var options []paraph.Option
	if *key != "" {
		options = append(options, paraph.IdempotencyKey(*key))
	}
	b, err := client.StartBulkSend(ctx, *req, options...)
	if err == nil && *wait {
		b, err = awaitBulk(ctx, env, client, b)
	}
	return bulkDone(env, b, err, *asJSON)
}

// bulkRequest reads a request and the rows that go into it. The rows' form is told by
// their file's name, where the request says nothing.
func bulkRequest(env *Env, template, rows string) (*paraph.BulkSendRequest, error) {
	raw, err := readBounded(env, template)
	if err != nil {
		return nil, err
	}
	req := &paraph.BulkSendRequest{}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(req); err != nil {
		return nil, fmt.Errorf("%s: %w", template, err)
	}
	if raw, err = readBounded(env, rows); err != nil {
		return nil, err
	}
	if ext := strings.ToLower(filepath.Ext(rows)); req.Format == "" && (ext == ".jsonl" || ext == ".ndjson") {
		req.Format = paraph.BulkSendRequestFormatJsonl
	}
	req.Rows = string(raw)
	return req, nil
}

func readBounded(env *Env, path string) ([]byte, error) {
	in := env.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, bulkFile+1))
	if err == nil && len(raw) > bulkFile {
		err = fmt.Errorf("%s is larger than %s; split it", path, size(bulkFile))
	}
	return raw, err
}

// awaitBulk waits until a bulk send does not run any more, and shows how far it is.
func awaitBulk(ctx context.Context, env *Env, client *paraph.Client, b *paraph.BulkSend) (*paraph.BulkSend, error) {
	progress, end := newBar(env, "rows")
	defer end()
	for b.State == "running" {
		progress(int64(b.Rows.Sent+b.Rows.Refused), int64(b.Rows.Total))
		next, err := client.GetBulkSend(ctx, b.ID, paraph.Wait(2*time.Second))
		if err != nil {
			return b, err
		}
		b = next
	}
	return b, nil
}

// bulkDone shows a bulk send, and fails where it stands still or has refused rows.
func bulkDone(env *Env, b *paraph.BulkSend, err error, asJSON bool) int {
	if b != nil && b.ID != "" {
		if asJSON {
			printJSON(env, b)
		} else {
			bulkTable(env, *b)
		}
	}
	switch {
	case err != nil:
		return failAPI(env, err)
	case b.State == "paused":
		return fail(env, fmt.Errorf("it stands still: %s Go on with `paraph bulk resume %s`", plain(b.Reason), b.ID))
	case b.Rows.Refused > 0:
		return fail(env, fmt.Errorf("%d rows were refused. See why with `paraph bulk rows --state refused %s`", b.Rows.Refused, b.ID))
	}
	return exitOK
}

func bulkTable(env *Env, all ...paraph.BulkSend) {
	var rows [][]string
	for _, b := range all {
		rows = append(rows, []string{b.ID, string(b.State), strconv.Itoa(b.Rows.Sent), strconv.Itoa(b.Rows.Refused), strconv.Itoa(b.Rows.Waiting), b.CreatedAt.Local().Format("2006-01-02 15:04"), b.Reason})
	}
	table(env.Stdout, []string{"BULK SEND", "STATE", "SENT", "REFUSED", "WAITING", "BEGUN", "REASON"}, rows)
}

func runBulkList(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	state := fs.String("state", "", "running, paused, finished or cancelled.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each.")
	connect := apiFlags(env, fs)
	if code, done := parse(fs, args); done {
		return code
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	page, err := client.ListBulkSends(ctx, paraph.ListBulkSendsParams{State: paraph.BulkSendState(*state), Limit: 100})
	if err != nil {
		return failAPI(env, err)
	}
	if !*asJSON {
		bulkTable(env, page.Items...)
		return exitOK
	}
	for _, b := range page.Items {
		printLine(env, b)
	}
	return exitOK
}

func runBulkShow(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	wait := fs.Bool("wait", false, "Wait until no row waits.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which bulk send (blk_…)")
	if done {
		return code
	}
	b, err := client.GetBulkSend(ctx, id)
	if err == nil && *wait {
		b, err = awaitBulk(ctx, env, client, b)
	}
	if err != nil {
		return failAPI(env, err)
	}
	if *asJSON {
		printJSON(env, b)
	} else {
		bulkTable(env, *b)
	}
	return exitOK
}

func runBulkRows(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	state := fs.String("state", "", "waiting, sent or refused.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each row.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which bulk send (blk_…)")
	if done {
		return code
	}
	var rows [][]string
	for r, err := range client.AllBulkRows(ctx, id, paraph.ListBulkRowsParams{State: paraph.BulkRowState(*state), Limit: 100}) {
		if err != nil {
			return failAPI(env, err)
		}
		if *asJSON {
			printLine(env, r)
			continue
		}
		rows = append(rows, []string{strconv.Itoa(r.Number), string(r.State), r.DocumentID, r.EnvelopeID, r.Reason})
	}
	if !*asJSON {
		table(env.Stdout, []string{"ROW", "STATE", "DOCUMENT", "ENVELOPE", "REASON"}, rows)
	}
	return exitOK
}

func runBulkResults(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	state := fs.String("state", "", "waiting, sent or refused. Empty: all.")
	asJSON := fs.Bool("json", false, "JSON lines instead of CSV.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which bulk send (blk_…)")
	if done {
		return code
	}
	params := paraph.GetBulkResultsParams{State: paraph.BulkRowState(*state)}
	if *asJSON {
		params.As = "jsonl"
	}
	if _, err := client.GetBulkResults(ctx, id, params, env.Stdout); err != nil {
		return failAPI(env, err)
	}
	return exitOK
}

// runBulkChange does what its name says with a bulk send.
func runBulkChange(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "bulk")
	goesOn := p.name == "resume" || p.name == "retry"
	wait, reason := new(bool), new(string)
	if goesOn {
		wait = fs.Bool("wait", true, "Wait until no row waits.")
	}
	if p.name == "pause" {
		reason = fs.String("reason", "", "Why, for whoever resumes it.")
	}
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which bulk send (blk_…)")
	if done {
		return code
	}
	var b *paraph.BulkSend
	var err error
	switch p.name {
	case "pause":
		b, err = client.PauseBulkSend(ctx, id, paraph.Reason{Reason: *reason})
	case "cancel":
		b, err = client.CancelBulkSend(ctx, id)
	case "resume":
		b, err = client.ResumeBulkSend(ctx, id)
	case "retry":
		b, err = client.RetryBulkSend(ctx, id)
	}
	if err == nil && *wait {
		b, err = awaitBulk(ctx, env, client, b)
	}
	if goesOn || err != nil {
		return bulkDone(env, b, err, *asJSON)
	}
	if *asJSON {
		printJSON(env, b)
	} else {
		bulkTable(env, *b)
	}
	return exitOK
}
