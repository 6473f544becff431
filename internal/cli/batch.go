package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	paraph "github.com/paraph/paraph/sdk/go"
)

// What one request may hold; the rest goes into the next.
const (
	batchOperations = 1000
	batchBytes      = 3 << 20
	batchFile       = 256 << 20 // the largest file of operations
)

func batchParts() []part {
	return []part{{"run", "Run the operations in a file, one JSON object a line; - is standard input. Run again, it does nothing twice.", "[flags] FILE", runBatchRun}}
}

func runBatch(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "batch", batchParts(), args)
}

func runBatchRun(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "batch")
	atomic := fs.Bool("atomic", false, "All operations in one transaction, or none; 1,000 at most.")
	key := fs.String("key", "", "Name of this run. The same name and line never do anything twice. Empty: made of the file's content.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each result.")
	connect := apiFlags(env, fs)
	file, code, done := parseOne(env, fs, args, "say which file holds the operations, such as {\"method\":\"POST\",\"path\":\"/v1/drafts\",\"body\":{…}} on each line")
	if done {
		return code
	}
	operations, name, err := readOperations(env, file)
	if err == nil && *atomic && len(operations) > batchOperations {
		err = fmt.Errorf("%d operations are too many for one transaction; %d are the most", len(operations), batchOperations)
	}
	if err != nil {
		return fail(env, err)
	}
	if *key != "" {
		name = *key
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	run := &batchRun{env: env, client: client, json: *asJSON, mode: paraph.BatchModeIndependent}
	if *atomic {
		run.mode = paraph.BatchModeAtomic
	}
	for i := range operations {
		if operations[i].IdempotencyKey == "" && operations[i].Method != paraph.BatchOperationMethodGet {
			operations[i].IdempotencyKey = name + "-" + strconv.Itoa(i+1)
		}
	}
	if err := run.all(ctx, operations); err != nil {
		return failAPI(env, fmt.Errorf("after %d of %d operations: %w", run.succeeded+run.failed, len(operations), err))
	}
	fmt.Fprintf(env.Stderr, "%d done, %d refused.\n", run.succeeded, run.failed)
	if run.failed > 0 {
		return exitFailed
	}
	return exitOK
}

// readOperations reads a file of operations whole, so that a fault in its last line
// is told before anything is done, and gives a name made of its content.
func readOperations(env *Env, path string) (operations []paraph.BatchOperation, name string, err error) {
	in := env.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, batchFile+1))
	if err != nil {
		return nil, "", err
	}
	if len(raw) > batchFile {
		return nil, "", fmt.Errorf("%s is larger than %s; split it", path, size(batchFile))
	}
	var faults []error
	n := 0
	for line := range bytes.Lines(raw) {
		n++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var o paraph.BatchOperation
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&o); err != nil {
			faults = append(faults, fmt.Errorf("line %d is no operation, which is an object of JSON: %w", n, err))
		} else if o.Method == "" || o.Path == "" {
			faults = append(faults, fmt.Errorf("line %d: method and path are needed", n))
		}
		if o.ID == "" {
			o.ID = "line " + strconv.Itoa(n)
		}
		operations = append(operations, o)
	}
	if len(operations) == 0 {
		faults = append(faults, fmt.Errorf("%s holds no operations", path))
	}
	sum := sha256.Sum256(raw)
	return operations, "file-" + hex.EncodeToString(sum[:16]), errors.Join(faults...)
}

// batchRun sends operations, as many at a time as fit into a request.
type batchRun struct {
	env               *Env
	client            *paraph.Client
	json              bool
	mode              paraph.BatchMode
	succeeded, failed int
}

func (r *batchRun) all(ctx context.Context, operations []paraph.BatchOperation) error {
	progress, end := newBar(r.env, "operations")
	defer end()
	total := int64(len(operations))
	for len(operations) > 0 {
		n := r.fitting(operations)
		got, err := r.client.RunBatch(ctx, paraph.Batch{Mode: r.mode, Operations: operations[:n]})
		if err != nil {
			return err
		}
		end()
		r.show(got.Results)
		r.succeeded, r.failed = r.succeeded+got.Succeeded, r.failed+got.Failed
		operations = operations[n:]
		progress(total-int64(len(operations)), total)
	}
	return nil
}

// fitting tells how many operations go into the next request: all where they are one
// transaction.
func (r *batchRun) fitting(operations []paraph.BatchOperation) int {
	if r.mode == paraph.BatchModeAtomic {
		return len(operations)
	}
	bytes := 0
	for n, o := range operations {
		if bytes += len(o.Body) + len(o.Path) + 400; n == batchOperations || bytes > batchBytes && n > 0 {
			return n
		}
	}
	return len(operations)
}

func (r *batchRun) show(results []paraph.BatchResult) {
	var rows [][]string
	for _, one := range results {
		if r.json {
			printLine(r.env, one)
			continue
		}
		what := "done"
		switch {
		case one.Problem != nil:
			what = refused(one.Problem)
		case one.Replayed:
			what = "had been done before"
		}
		rows = append(rows, []string{one.ID, strconv.Itoa(one.Status), what})
	}
	if len(rows) > 0 {
		table(r.env.Stdout, []string{"OPERATION", "STATUS", "RESULT"}, rows)
	}
}

// refused says in one line why an operation was refused, with every fault of it.
func refused(p *paraph.Refusal) string {
	what := p.Detail + " (" + p.Code + ")"
	for _, f := range p.Errors {
		what += "; " + f.Pointer + ": " + f.Message
	}
	return what
}
