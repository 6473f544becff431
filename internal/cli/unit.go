package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

func unitParts() []part {
	return []part{
		{"export", "Write everything that a business unit owns into one file.", "[flags] UNIT", runUnitExport},
		{"import", "Make the documents of such a file in a business unit.", "[flags] UNIT FILE", runUnitImport},
	}
}

func runUnit(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "unit", unitParts(), args)
}

func runUnitExport(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "unit")
	to := fs.String("to", "", "File to write. Empty: UNIT.zip.")
	resume := fs.String("export", "", "Id of an export that was made (exp_…), to fetch its archive alone.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	unit, code, done := parseOne(env, fs, args, "say which business unit to export")
	if done {
		return code
	}
	if *to == "" {
		*to = unit + ".zip"
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	if *resume == "" {
		started, err := client.ExportBusinessUnit(ctx, unit)
		if err != nil {
			return failAPI(env, err)
		}
		*resume = started.ID
		if err := watch(ctx, env, client, started.Operation.ID, "export of "+unit); err != nil {
			return failAPI(env, err)
		}
	}
	made, err := client.GetUnitExport(ctx, unit, *resume)
	if err != nil {
		return failAPI(env, err)
	}
	if err := fetchArchive(ctx, env, client, made, *to); err != nil {
		return failAPI(env, fmt.Errorf("%w\nFetch it with: paraph unit export --export %s --to %s %s", err, made.ID, *to, unit))
	}
	if *asJSON {
		printJSON(env, made)
		return exitOK
	}
	fmt.Fprintf(env.Stdout, "%s  %d bytes  SHA-256 %s\n", *to, made.Size, made.SHA256)
	fmt.Fprintln(env.Stderr, "Check it with: paraph verify --log-key KEY --ca ROOT "+*to)
	return exitOK
}

// fetchArchive writes an archive into a file, which is there once it is whole.
func fetchArchive(ctx context.Context, env *Env, client *paraph.Client, e *paraph.UnitExport, to string) error {
	if e.State != paraph.UnitExportStateReady {
		return fmt.Errorf("the export %s is %s (%s); there is no archive to fetch", e.ID, e.State, e.Code)
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".paraph-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has its name by then, or is not wanted
	progress, end := newBar(env, filepath.Base(to))
	_, err = client.GetUnitExportArchive(ctx, e.BusinessUnit, e.ID, f, paraph.OnProgress(progress))
	end()
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

func runUnitImport(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "unit")
	resume := fs.String("resume", "", "Id of an upload that broke off (upl_…), to go on with.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	rest, code, done := parseMixed(fs, args)
	if done {
		return code
	}
	if len(rest) != 2 {
		return wrong(env, "say into which business unit, and which file")
	}
	unit, name := rest[0], rest[1]
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	made, err := sendArchive(ctx, env, client, unit, name, *resume)
	if err != nil {
		return failAPI(env, err)
	}
	if err := watch(ctx, env, client, made.OperationID, "import into "+unit); err != nil {
		return failAPI(env, err)
	}
	m, err := client.GetUnitImport(ctx, unit, made.ImportID)
	if err != nil {
		return failAPI(env, err)
	}
	if *asJSON {
		printJSON(env, m)
	} else {
		fmt.Fprintf(env.Stdout, "%s  %d documents: %d made, %d known, %d disposed of, %d failed\n", m.ID, m.Documents, m.Made, m.Known, m.Disposed, m.Failed)
	}
	if m.Failed == 0 {
		return exitOK
	}
	params := paraph.ListImportedDocumentsParams{Outcome: "failed", Limit: 20}
	page, err := client.ListImportedDocuments(ctx, unit, m.ID, params)
	if err != nil {
		return failAPI(env, err)
	}
	var rows [][]string
	for _, r := range page.Items {
		rows = append(rows, []string{strconv.Itoa(int(r.Number)), r.OriginDocumentID, r.Code, plain(r.Reason)})
	}
	table(env.Stderr, []string{"LINE", "DOCUMENT", "CODE", "REASON"}, rows)
	fmt.Fprintln(env.Stderr, "Send the file again once that is mended: it makes those alone.")
	return exitFailed
}

// sendArchive sends an archive in pieces, however small it is: one way for all.
func sendArchive(ctx context.Context, env *Env, client *paraph.Client, unit, name, resume string) (*paraph.Made, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	file := paraph.File{Content: f, Name: filepath.Base(name), MediaType: "application/zip"}
	if resume == "" {
		if resume, err = client.BeginImport(ctx, unit, file); err != nil {
			return nil, err
		}
	}
	progress, end := newBar(env, filepath.Base(name))
	defer end()
	made, err := client.ContinueUpload(ctx, resume, file, paraph.OnProgress(progress))
	if err != nil {
		return nil, fmt.Errorf("%w\nWhat arrived is kept for a day. Go on with: paraph unit import --resume %s %s %s", err, resume, unit, name)
	}
	return made, nil
}

// watch waits for an operation's end and shows how far it is.
func watch(ctx context.Context, env *Env, client *paraph.Client, operation, what string) error {
	for {
		op, err := client.GetOperation(ctx, operation, paraph.Wait(2*time.Second))
		if err != nil {
			return err
		}
		switch op.State {
		case paraph.OperationStateSucceeded:
			return nil
		case paraph.OperationStateFailed:
			return fmt.Errorf("the %s failed (%s): %s", what, op.Code, op.Reason)
		}
		if pr := op.Progress; pr != nil && onTerminal(env.Stderr) {
			fmt.Fprintf(env.Stderr, "%s: %s, %d of %d      \r", what, plain(pr.Step), pr.Done, pr.Total)
		}
	}
}
