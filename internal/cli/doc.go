package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

// part is a command below another.
type part struct {
	name, about, usage string
	run                func(ctx context.Context, env *Env, p *part, args []string) int
}

// runPart runs the part of a command that the first argument names.
func runPart(ctx context.Context, env *Env, command string, parts []part, args []string) int {
	if len(args) > 0 {
		for i := range parts {
			if parts[i].name == args[0] {
				return parts[i].run(ctx, env, &parts[i], args[1:])
			}
		}
	}
	w, code := env.Stderr, exitUsage
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		code = exitOK
	}
	if len(args) > 0 && code != exitOK {
		fmt.Fprintf(w, "There is no command \"%s %s\".\n\n", command, plain(args[0]))
	}
	fmt.Fprintf(w, "%s\n\n", commands()[command].about)
	for _, p := range parts {
		fmt.Fprintf(w, "  paraph %s %s %s\n      %s\n", command, p.name, p.usage, p.about)
	}
	return code
}

// flags makes the flag set of a part.
func (p *part) flags(env *Env, command string) *flag.FlagSet {
	fs := flag.NewFlagSet("paraph "+command+" "+p.name, flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	fs.Usage = func() {
		fmt.Fprintf(env.Stderr, "%s\n\nUsage: paraph %s %s %s\n\n", p.about, command, p.name, p.usage)
		fs.PrintDefaults()
	}
	return fs
}

// parseOne is parseMixed for commands that take one argument; missing asks for it.
func parseOne(env *Env, fs *flag.FlagSet, args []string, missing string) (one string, code int, done bool) {
	rest, code, done := parseMixed(fs, args)
	switch {
	case done:
		return "", code, true
	case len(rest) != 1:
		return "", wrong(env, missing), true
	}
	return rest[0], 0, false
}

// oneAt is parseOne for commands that ask the server about it; connect is what apiFlags gave.
func oneAt(env *Env, fs *flag.FlagSet, args []string, connect func() (*paraph.Client, error), missing string) (client *paraph.Client, one string, code int, done bool) {
	one, code, done = parseOne(env, fs, args, missing)
	if done {
		return nil, "", code, true
	}
	client, err := connect()
	if err != nil {
		return nil, "", fail(env, err), true
	}
	return client, one, 0, false
}

// parseMixed reads flags and other arguments in any order, as people type them.
func parseMixed(fs *flag.FlagSet, args []string) (rest []string, code int, done bool) {
	for {
		if code, done = parse(fs, args); done {
			return nil, code, true
		}
		if args = fs.Args(); len(args) == 0 {
			return rest, exitOK, false
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// wrong says what the arguments lack.
func wrong(env *Env, what string) int {
	fmt.Fprintln(env.Stderr, "paraph:", what)
	return exitUsage
}

// pairs are flags that say name=value, each time once.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("it is name=value")
	}
	p[name] = value
	return nil
}

func docParts() []part {
	return []part{
		{"upload", "Upload files, and wait until they are read.", "[flags] FILE…", runDocUpload},
		{"list", "List documents, newest first.", "[flags]", runDocList},
		{"show", "Show a document: what it is, where it stands, what it waits for.", "[flags] DOCUMENT", runDocShow},
		{"download", "Download a document's file.", "[flags] DOCUMENT", runDocDownload},
	}
}

func runDoc(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "doc", docParts(), args)
}

// mediaTypes are those of files that Paraph reads, by their endings.
var mediaTypes = map[string]string{
	".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".tif": "image/tiff", ".tiff": "image/tiff", ".webp": "image/webp",
}

func runDocUpload(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "doc")
	var params paraph.CreateDocumentParams
	label := pairs{}
	fs.StringVar(&params.Title, "title", "", "Title, where one file is uploaded. Empty: the file's name.")
	fs.StringVar(&params.DocumentType, "type", "", "Document type.")
	fs.StringVar(&params.BusinessUnit, "unit", "", "Business unit it belongs to.")
	fs.StringVar(&params.ExternalID, "external-id", "", "Your own reference.")
	fs.StringVar(&params.Metadata, "metadata", "", "A JSON object, as the document type wants it.")
	fs.Var(label, "label", "A label, as name=value; may be given more than once.")
	pieces := fs.Bool("in-pieces", false, "Send it so that it can be gone on with; files of 64 MB and more are sent so anyway.")
	resume := fs.String("resume", "", "Id of an upload that broke off (upl_…), to go on with for one file.")
	wait := fs.Bool("wait", true, "Wait until the pages are read.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each file.")
	connect := apiFlags(env, fs)
	files, code, done := parseMixed(fs, args)
	switch {
	case done:
		return code
	case len(files) == 0:
		return wrong(env, "say which files to upload")
	case len(files) > 1 && (params.Title != "" || *resume != ""):
		return wrong(env, "--title and --resume are for one file")
	}
	params.Label = label
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	for _, name := range files {
		up, err := uploadFile(ctx, env, client, params, name, *pieces, *resume)
		if err == nil && *wait {
			err = waitRead(ctx, env, client, up, name)
		}
		if err != nil {
			code = failAPI(env, fmt.Errorf("%s: %w", name, err))
			continue // the others are not to blame
		}
		if *asJSON {
			printLine(env, up)
		} else {
			fmt.Fprintf(env.Stdout, "%s  %s  %s\n", up.Document.ID, plain(up.Document.Title), pagesOf(up.Document.Pages))
		}
	}
	return code
}

// inPieces is the size from which files are sent in pieces, in bytes.
const inPieces = 64 << 20

func uploadFile(ctx context.Context, env *Env, client *paraph.Client, params paraph.CreateDocumentParams, name string, pieces bool, resume string) (*paraph.Uploaded, error) {
	f, err := os.Open(name)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err // the caller names the file
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file := paraph.File{Content: f, Name: filepath.Base(name), MediaType: mediaTypes[strings.ToLower(filepath.Ext(name))]}
	progress, end := newBar(env, filepath.Base(name))
	defer end()
	if !pieces && resume == "" && info.Size() < inPieces {
		return client.CreateDocument(ctx, params, file, paraph.OnProgress(progress))
	}
	if resume == "" {
		if resume, err = client.BeginUpload(ctx, params, file); err != nil {
			return nil, err
		}
	}
	made, err := client.ContinueUpload(ctx, resume, file, paraph.OnProgress(progress))
	if err != nil {
		return nil, fmt.Errorf("%w\nWhat arrived is kept for a day. Go on with: paraph doc upload --resume %s %s", err, resume, name)
	}
	d, err := client.GetDocument(ctx, made.DocumentID)
	if err != nil {
		return nil, err
	}
	return &paraph.Uploaded{Document: *d, Operation: paraph.Operation{ID: made.OperationID}}, nil
}

// waitRead waits until a file's pages are read, and gives what is known then.
func waitRead(ctx context.Context, env *Env, client *paraph.Client, up *paraph.Uploaded, name string) error {
	if onTerminal(env.Stderr) {
		fmt.Fprintf(env.Stderr, "%s is being read.\r", plain(filepath.Base(name)))
	}
	op, err := client.WaitOperation(ctx, up.Operation.ID)
	if err != nil {
		return err
	}
	d, err := client.GetDocument(ctx, up.Document.ID)
	if err != nil {
		return err
	}
	up.Document, up.Operation = *d, *op
	return nil
}

func runDocList(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "doc")
	var params paraph.ListDocumentsParams
	states := fs.String("state", "", "Only in these states, with commas, such as in_review,approved.")
	types := fs.String("type", "", "Only of these document types, with commas.")
	fs.StringVar(&params.BusinessUnit, "unit", "", "Only of this business unit.")
	fs.StringVar(&params.ExternalID, "external-id", "", "Only with this reference.")
	fs.StringVar(&params.Q, "find", "", "Only those whose title, reference, labels, metadata or pages hold every one of these words.")
	fs.StringVar(&params.Sort, "sort", "", "Order, as the API names it; with - before it from large to small. Empty: newest first.")
	label := pairs{}
	fs.Var(label, "label", "Only with this label, as name=value; may be given more than once.")
	limit := fs.Int("limit", 50, "Documents at most; 0: all.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each document.")
	connect := apiFlags(env, fs)
	if rest, code, done := parseMixed(fs, args); done || len(rest) > 0 {
		if !done {
			return wrong(env, "doc list takes flags only")
		}
		return code
	}
	params.Label = label
	for _, s := range split(*states) {
		params.State = append(params.State, paraph.DocumentState(s))
	}
	params.DocumentType = split(*types)
	if *limit > 0 {
		params.Limit = min(*limit, 100)
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	var rows [][]string
	n := 0
	for d, err := range client.AllDocuments(ctx, params) {
		if err != nil {
			return failAPI(env, err)
		}
		if *asJSON {
			printLine(env, d)
		}
		row := []string{d.ID, string(d.State), d.Title, d.DocumentType}
		if d.CreatedAt != nil {
			row = append(row, when(*d.CreatedAt, time.Now()))
		}
		rows = append(rows, row)
		if n++; n == *limit {
			break
		}
	}
	switch {
	case *asJSON:
	case n == 0:
		fmt.Fprintln(env.Stderr, "No document fits.")
	default:
		table(env.Stdout, []string{"DOCUMENT", "STATE", "TITLE", "TYPE", "CREATED"}, rows)
	}
	return exitOK
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func runDocShow(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "doc")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which document, by its id")
	if done {
		return code
	}
	d, err := client.GetDocument(ctx, id)
	if err != nil {
		return failAPI(env, err)
	}
	versions, err := client.ListDocumentVersions(ctx, d.ID)
	if err != nil {
		return failAPI(env, err)
	}
	// Who may not see tasks sees the document all the same.
	tasks, err := client.ListTasks(ctx, paraph.ListTasksParams{DocumentID: d.ID})
	if err != nil && !paraph.IsCode(err, "missing_scope") {
		return failAPI(env, err)
	}
	if tasks == nil {
		tasks = &paraph.Page[paraph.Task]{}
	}
	if *asJSON {
		printJSON(env, map[string]any{"document": d, "versions": versions, "tasks": tasks.Items})
		return exitOK
	}
	showDocument(env.Stdout, d, versions, tasks.Items)
	return exitOK
}

func showDocument(w io.Writer, d *paraph.Document, versions []paraph.Version, tasks []paraph.Task) {
	now := time.Now()
	fmt.Fprintf(w, "%s\n%s · %s · %s · by %s, %s\n", plain(d.Title), d.ID, d.State, pagesOf(d.Pages), plain(d.CreatedBy), when(d.CreatedAt, now))
	if d.Processing.Reason != "" {
		fmt.Fprintf(w, "Processing is %s: %s (%s)\n", d.Processing.Status, plain(d.Processing.Reason), d.Processing.Code)
	}
	var rows [][]string
	for _, t := range tasks {
		rows = append(rows, []string{t.ID, t.Assignee, string(t.State), t.Comment})
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		table(w, []string{"TASK", "OF", "STATE", "COMMENT"}, rows)
	}
	rows = nil
	for _, v := range versions {
		rows = append(rows, []string{fmt.Sprint(v.Number), string(v.Kind), v.MediaType, size(v.Size), v.SHA256[:8] + "…" + v.SHA256[len(v.SHA256)-8:], when(v.CreatedAt, now)})
	}
	fmt.Fprintln(w)
	table(w, []string{"VERSION", "KIND", "MEDIA TYPE", "SIZE", "SHA-256", "CREATED"}, rows)
}

func runDocDownload(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "doc")
	out := fs.String("o", "", "File to write; - is standard output. Empty: the name it has at the server, in this folder.")
	version := fs.Int("version", 0, "Number of the version; 0: the current one.")
	force := fs.Bool("force", false, "Replace a file that is there.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	id, code, done := parseOne(env, fs, args, "say which document, by its id")
	switch {
	case done:
		return code
	case *out == "-" && *asJSON:
		return wrong(env, "standard output takes the file or the JSON, not both")
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	fetch := func(w io.Writer) (*paraph.Download, error) {
		progress, end := newBar(env, id)
		defer end()
		if *version > 0 {
			return client.GetVersionContent(ctx, id, *version, w, paraph.OnProgress(progress))
		}
		return client.GetDocumentContent(ctx, id, w, paraph.OnProgress(progress))
	}
	if *out == "-" {
		if _, err := fetch(env.Stdout); err != nil {
			return failAPI(env, err)
		}
		return exitOK
	}
	d, name, err := fetchInto(*out, *force, fetch)
	if err != nil {
		return failAPI(env, err)
	}
	if *asJSON {
		printJSON(env, map[string]any{"file": name, "sha256": d.SHA256, "size": d.Size})
	} else {
		fmt.Fprintf(env.Stdout, "%s  %s  SHA-256 %s\n", plain(name), size(d.Size), d.SHA256)
	}
	return exitOK
}

// fetchInto writes a file beside its place and puts it there once it is whole.
func fetchInto(name string, force bool, fetch func(io.Writer) (*paraph.Download, error)) (*paraph.Download, string, error) {
	part, err := os.CreateTemp(filepath.Dir(name), ".paraph-*")
	if err != nil {
		return nil, "", err
	}
	d, err := fetch(part)
	err = errors.Join(err, part.Close())
	if err == nil && name == "" {
		if name = filepath.Base(filepath.FromSlash(strings.ReplaceAll(d.FileName, `\`, "/"))); name == "." || strings.HasPrefix(name, ".") {
			name = "document"
		}
	}
	if err == nil && !force {
		if _, there := os.Lstat(name); there == nil {
			err = fmt.Errorf("%s is there already: say --force to replace it, or -o for another name", name)
		}
	}
	if err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		return nil, "", errors.Join(err, os.Remove(part.Name()))
	}
	return d, name, nil
}

// partsOf gives the parts of a command that has a table of them.
func partsOf(command string) []part {
	switch command {
	case "doc":
		return docParts()
	case "events":
		return eventsParts()
	case "batch":
		return batchParts()
	case "bulk":
		return bulkParts()
	case "docs":
		return docsParts()
	case "unit":
		return unitParts()
	}
	return nil
}
