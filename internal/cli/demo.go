package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

// demoLimit ends a demo that hangs.
const demoLimit = 10 * time.Minute

// demo is one walk through the main job, on a server of its own.
type demo struct {
	env      *Env
	tell     *teller
	out      string // folder of the results
	self     string // this program
	browser  string
	server   *demoServer
	admin    *paraph.Client
	sender   *paraph.Client
	deciders []*paraph.Client // in the order of the approvers
	started  time.Time

	order, photo *demoDocument
	envelope     *paraph.Envelope
	sum          demoSummary
}

// demoSummary is what a demo found, for --json.
type demoSummary struct {
	OK         bool               `json:"ok"`
	Fault      string             `json:"fault,omitempty"`
	Folder     string             `json:"folder"`
	Steps      []demoStep         `json:"steps"`
	TimeToOCR  map[string]float64 `json:"time_to_ocr_seconds,omitempty"`  // upload to searchable, by file
	TimeToSign float64            `json:"time_to_sign_seconds,omitempty"` // request to sealed
	Pages      map[string]int     `json:"pages,omitempty"`
	Digests    map[string]string  `json:"digests,omitempty"` // SHA-256 of the files kept
	Events     int                `json:"events,omitempty"`
	Proofs     int                `json:"proofs,omitempty"`
}

// demoStep is one step that was taken.
type demoStep struct {
	Title   string  `json:"title"`
	Found   string  `json:"found,omitempty"`
	Seconds float64 `json:"seconds"`
}

func runDemo(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "demo")
	out := fs.String("out", "", "Folder for the results; default: out/demo- and the time.")
	keep := fs.Bool("keep", false, "Keep the server's data folder.")
	browser := fs.String("browser", "", "Chromium or Chrome to sign with; default: PARAPH_BROWSER, else the first in PATH.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	if code, done := parse(fs, args); done {
		return code
	}
	if fs.NArg() > 0 {
		fs.Usage()
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	d := &demo{env: env, tell: newTeller(env), started: time.Now()}
	d.sum = demoSummary{TimeToOCR: map[string]float64{}, Pages: map[string]int{}, Digests: map[string]string{}, Steps: []demoStep{}}
	err := d.prepare(*out, *browser)
	if err == nil {
		err = d.walk(ctx, *keep)
	}
	d.sum.OK = err == nil
	if err != nil {
		d.sum.Fault = err.Error()
	}
	if *asJSON {
		printJSON(env, d.sum)
	} else if err == nil {
		d.table(env.Stdout)
	}
	if err != nil {
		return fail(env, fmt.Errorf("the demo stopped at: %w", err))
	}
	return exitOK
}

// prepare finds what the demo needs before anything is started.
func (d *demo) prepare(out, browser string) error {
	var err error
	if d.self, err = os.Executable(); err != nil {
		return err
	}
	if d.browser, err = findBrowser(browser, d.env.Getenv); err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join("out", "demo-"+d.started.Format("20060102-150405"))
	}
	if d.out, err = filepath.Abs(out); err != nil {
		return err
	}
	d.sum.Folder = d.out
	return os.MkdirAll(d.out, 0o755)
}

// walk starts the server, takes every step and stops the server, whatever happens.
func (d *demo) walk(ctx context.Context, keep bool) (err error) {
	data, err := os.MkdirTemp("", "paraph-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if keep {
			fmt.Fprintf(d.env.Stderr, "The server's data stay in %s\n", data)
			return
		}
		err = errors.Join(err, os.RemoveAll(data))
	}()
	defer func() {
		if d.server != nil {
			err = errors.Join(err, d.server.stop())
		}
	}()
	for _, s := range []struct {
		title string
		run   func(context.Context) (string, error)
	}{
		{"Start a server on its defaults", func(ctx context.Context) (string, error) { return d.start(ctx, data) }},
		{"Make credentials for the sender and two approvers", d.credentials},
		{"Upload a scanned order and a phone photo", d.upload},
		{"Read both files", d.read},
		{"Compare the text of every page with what stands on it", d.compare},
		{"Search and show the words' boxes", d.search},
		{"Fetch the searchable PDF; the original is untouched", d.searchable},
		{"Submit the order by the canonical payload", d.submit},
		{"Ines Aldana approves", func(ctx context.Context) (string, error) { return d.decide(ctx, 0, "Within budget.") }},
		{"Tomas Rehn approves", func(ctx context.Context) (string, error) { return d.decide(ctx, 1, "Paid from cost centre 4410.") }},
		{"Ask two people to sign, one after the other", d.send},
		{"Mara Lind reads, agrees and draws her signature on a phone", func(ctx context.Context) (string, error) { return d.sign(ctx, 0) }},
		{"Jonas Vik reads, agrees and types his name at a desk", func(ctx context.Context) (string, error) { return d.sign(ctx, 1) }},
		{"Seal and archive", d.await},
		{"Fetch the sealed PDF and the archive package", d.fetch},
		{"Fetch the events with their proofs", d.proofs},
		{"Verify all of it offline", d.verify},
		{"Refuse a copy of each with one byte changed", d.tamper},
	} {
		if err := d.step(ctx, s.title, s.run); err != nil {
			return err
		}
	}
	return nil
}

// step takes one step and says how it went.
func (d *demo) step(ctx context.Context, title string, run func(context.Context) (string, error)) error {
	d.tell.begin(title)
	began := time.Now()
	found, err := run(ctx)
	took := time.Since(began)
	if err != nil {
		d.tell.failed(title, took)
		if d.server != nil && ctx.Err() == nil { // who interrupts knows why
			d.server.lastWords(d.env.Stderr)
		}
		return fmt.Errorf("%s: %w", title, err)
	}
	d.sum.Steps = append(d.sum.Steps, demoStep{title, found, took.Seconds()})
	d.tell.done(title, found, took)
	return nil
}

// table says the figures that matter.
func (d *demo) table(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(tw, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(tw)
	row("Time to OCR, order", "%.1f s for %d pages", d.sum.TimeToOCR[orderName], d.sum.Pages[orderName])
	row("Time to OCR, photo", "%.1f s for %d page", d.sum.TimeToOCR[photoName], d.sum.Pages[photoName])
	row("Time to sign", "%.1f s, from the request to the sealed PDF", d.sum.TimeToSign)
	row("Sealed PDF", "%d pages, SHA-256 %s", d.sum.Pages[sealedName], short(d.sum.Digests[sealedName]))
	row("Archive package", "SHA-256 %s", short(d.sum.Digests[packageName]))
	row("Log", "%d events, %d proofs", d.sum.Events, d.sum.Proofs)
	row("All of it", "%.1f s", time.Since(d.started).Seconds())
	row("Folder", "%s", d.out)
	if err := tw.Flush(); err != nil {
		fmt.Fprintln(d.env.Stderr, "paraph:", err)
	}
}

// short gives a digest as people read it: 8…8.
func short(sum string) string {
	if len(sum) <= 17 {
		return sum
	}
	return sum[:8] + "…" + sum[len(sum)-8:]
}

// teller says progress on standard error: a line a step, in colour and with the
// running step shown only on a terminal.
type teller struct {
	w        io.Writer
	terminal bool
	colour   bool
}

func newTeller(env *Env) *teller {
	t := &teller{w: env.Stderr}
	if f, ok := env.Stderr.(*os.File); ok {
		info, err := f.Stat()
		t.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && env.Getenv("TERM") != "dumb"
	}
	t.colour = t.terminal && env.Getenv("NO_COLOR") == ""
	return t
}

func (t *teller) paint(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *teller) begin(title string) {
	if t.terminal {
		fmt.Fprintf(t.w, "  %s  %s", t.paint("2", "       …"), title)
	}
}

func (t *teller) line(mark, colour, title string, took time.Duration) {
	if t.terminal {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
	fmt.Fprintf(t.w, "%s %7.2f s  %s\n", t.paint(colour, mark), took.Seconds(), title)
}

func (t *teller) done(title, found string, took time.Duration) {
	t.line("✓", "32", title, took)
	for line := range strings.Lines(found) {
		fmt.Fprintf(t.w, "             %s\n", t.paint("2", strings.TrimRight(line, "\n")))
	}
}

func (t *teller) failed(title string, took time.Duration) { t.line("✗", "31", title, took) }
