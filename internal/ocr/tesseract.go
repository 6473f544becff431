package ocr

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TesseractConfig says how Tesseract runs. The zero value works.
type TesseractConfig struct {
	Command   string        // default tesseract, looked up in PATH
	DataDir   string        // folder of its language files; default its own
	Processes int           // at once; default the number of cores
	CPU       time.Duration // processor time of one page; default 60 s; a page of A4 needs 1 s
	Timeout   time.Duration // of one page by the clock, for one that waits; default three times CPU
	Memory    int64         // bytes of address space of one process; default 1 GiB; a page of A4 needs 100 MB
}

// Tesseract runs the tesseract command line program (version 5), one process a
// page, so that a page on which it hangs, crashes or eats memory harms nobody.
// A pool of living engines would save 3 % of the time and lose that.
type Tesseract struct {
	config TesseractConfig
	slots  chan struct{}

	mu          sync.Mutex
	description *Description
}

// NewTesseract makes a runner. It does not look for the program yet: a server
// without it must start and say so.
func NewTesseract(config TesseractConfig) *Tesseract {
	if config.Command == "" {
		config.Command = "tesseract"
	}
	if config.Processes <= 0 {
		config.Processes = runtime.NumCPU()
	}
	if config.CPU <= 0 {
		config.CPU = 60 * time.Second
	}
	if config.Timeout <= 0 {
		config.Timeout = 3 * config.CPU // a busy machine is not the page's fault
	}
	if config.Memory <= 0 {
		config.Memory = 1 << 30
	}
	return &Tesseract{config: config, slots: make(chan struct{}, config.Processes)}
}

// Describe asks the program for its version and languages, once.
func (t *Tesseract) Describe(ctx context.Context) (Description, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.description != nil {
		return *t.description, nil
	}
	version, err := t.ask(ctx, "--version")
	if err != nil {
		return Description{}, err
	}
	languages, err := t.ask(ctx, "--list-langs")
	if err != nil {
		return Description{}, err
	}
	d := Description{Engine: "tesseract"}
	first, _, _ := strings.Cut(version, "\n")
	d.Version = strings.TrimPrefix(strings.TrimSpace(first), "tesseract ")
	_, list, _ := strings.Cut(languages, "\n") // the first line is a heading
	d.Languages = strings.Fields(list)
	t.description = &d
	return d, nil
}

func (t *Tesseract) ask(ctx context.Context, question string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	args := []string{question}
	if t.config.DataDir != "" {
		args = append([]string{"--tessdata-dir", t.config.DataDir}, args...)
	}
	out, err := t.command(ctx, args).Output()
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, unix.ENOENT) {
		return "", fmt.Errorf("%w: %s: install the package tesseract-ocr", ErrMissingEngine, t.config.Command)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s %s: %w", ErrCrashed, t.config.Command, question, err)
	}
	return string(out), nil
}

// Recognise runs one process on a page and waits for a free slot before.
func (t *Tesseract) Recognise(ctx context.Context, page Page) (Result, error) {
	description, err := t.Describe(ctx)
	if err != nil {
		return Result{}, err
	}
	if len(page.Languages) == 0 {
		return Result{}, fmt.Errorf("%w: none was asked for", ErrMissingLanguage)
	}
	for _, language := range page.Languages {
		if !slices.Contains(description.Languages, language) {
			return Result{}, fmt.Errorf("%w: %s: install the package tesseract-ocr-%s", ErrMissingLanguage, language, language)
		}
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	settings := settingsOf(page)
	table, err := t.run(ctx, page, settings)
	if err != nil {
		return Result{}, err
	}
	lines, err := parseTSV(table, image.Rect(0, 0, page.Image.Rect.Dx(), page.Image.Rect.Dy()))
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	return Result{Lines: lines, Engine: description.Engine, Version: description.Version, Languages: page.Languages, Settings: settings}, nil
}

func settingsOf(page Page) map[string]string {
	mode := map[Layout]string{LayoutPage: "3", LayoutColumn: "4", LayoutBlock: "6", LayoutLine: "7"}[page.Layout]
	settings := map[string]string{
		"psm": mode,
		// A second try on every doubtful line as white on black costs 5 % and gains nothing.
		"tessedit_do_invert": "0",
	}
	if page.Letters != "" {
		settings["tessedit_char_whitelist"] = page.Letters
	}
	return settings
}

// run starts the process, feeds it the page and gives its table.
func (t *Tesseract) run(ctx context.Context, page Page, settings map[string]string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	args := []string{"stdin", "stdout", "-l", strings.Join(page.Languages, "+"), "--dpi", strconv.Itoa(page.DPI)}
	if t.config.DataDir != "" {
		args = append(args, "--tessdata-dir", t.config.DataDir)
	}
	args = append(args, "--psm", settings["psm"])
	for name, value := range settings {
		if name != "psm" {
			args = append(args, "-c", name+"="+value)
		}
	}
	cmd := t.command(limited, append(args, "-c", "tessedit_create_tsv=1"))
	var table bytes.Buffer
	complaints := &tail{}
	cmd.Stdout, cmd.Stderr = &table, complaints
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: start %s: %w", ErrCrashed, t.config.Command, err)
	}
	// The limits hold before the first byte of the page is there to be parsed.
	limitErr := t.limit(cmd.Process.Pid)
	var writeErr error
	if limitErr == nil {
		writeErr = writePGM(input, page.Image)
	}
	if err := input.Close(); err != nil && writeErr == nil {
		writeErr = err
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: limit %v", ErrTimeout, t.config.Timeout)
	case limitErr != nil:
		return nil, fmt.Errorf("limit %s: %w", t.config.Command, limitErr)
	case err != nil:
		return nil, classify(err, complaints.String())
	case writeErr != nil:
		return nil, fmt.Errorf("%w: it did not read the page: %w", ErrCrashed, writeErr)
	}
	return table.Bytes(), nil
}

// limit bounds what a running process may use.
func (t *Tesseract) limit(pid int) error {
	seconds := uint64(max((t.config.CPU+time.Second-1)/time.Second, 1))
	return errors.Join(
		unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: uint64(t.config.Memory), Max: uint64(t.config.Memory)}, nil),
		unix.Prlimit(pid, unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds + 1}, nil),
		unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil), // a page's content has no place in a core file
	)
}

// command makes a process in a group of its own, which a cancelled context
// kills wholly, and with nothing of the environment of this one.
func (t *Tesseract) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.config.Command, args...)
	// More threads save 3 % of the time of a page and cost half as much again.
	cmd.Env = []string{"OMP_THREAD_LIMIT=1", "LC_ALL=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// classify tells what an unsuccessful end means. A C++ program that gets no
// memory aborts: signal 6, or exit 134 where a shell stands between.
func classify(err error, complaints string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("%w: %w", ErrCrashed, err)
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	aborted := exit.ExitCode() == 134 || status.Signaled() && status.Signal() == syscall.SIGABRT
	if aborted || strings.Contains(complaints, "bad_alloc") || strings.Contains(complaints, "annot allocate memory") {
		return fmt.Errorf("%w: %w: %s", ErrMemory, err, complaints)
	}
	if status.Signaled() && status.Signal() == syscall.SIGXCPU {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w: %s", ErrCrashed, err, complaints)
}

// writePGM writes a picture in the one format that costs nothing to make and
// little to read.
func writePGM(w io.Writer, img *image.Gray) error {
	out := bufio.NewWriterSize(w, 256<<10)
	width, height := img.Rect.Dx(), img.Rect.Dy()
	fmt.Fprintf(out, "P5\n%d %d\n255\n", width, height)
	for y := range height {
		if _, err := out.Write(img.Pix[y*img.Stride:][:width]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// tail keeps the last of what a process complains of.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	const keep = 1024
	t.data = append(t.data, p...)
	if len(t.data) > keep {
		t.data = append([]byte(nil), t.data[len(t.data)-keep:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(t.data), "")), " ")
}
