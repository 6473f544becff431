package pdf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/sandbox"
)

// Names and arguments of the operations, shared by both sides.
const (
	OpWarm      = "pdf.warm"
	OpInspect   = "pdf.inspect"
	OpRender    = "pdf.render"
	OpText      = "pdf.text"
	OpNormalise = "pdf.normalise"
	OpImages    = "pdf.images"
	OpLayer     = "pdf.layer"

	OpCertificate = "pdf.certificate"
	OpAppend      = "pdf.append_certificate"
)

// Arguments of the operations, as they travel to the child.
type (
	NoArgs    struct{}
	LimitArgs struct {
		Limits Limits `json:"limits"`
	}
	InspectArgs struct {
		Declared string `json:"declared"`
		Limits   Limits `json:"limits"`
	}
	RenderArgs struct {
		Options RenderOptions `json:"options"`
		Limits  Limits        `json:"limits"`
	}
	LayerArgs struct {
		Pages  []PageWords `json:"pages"`
		Limits Limits      `json:"limits"`
	}
	TextArgs struct {
		Page   int    `json:"page"`
		Limits Limits `json:"limits"`
	}
)

// CacheEnv is the environment variable by which a child learns where pdfium's
// compiled code is kept; it is the only one it gets.
const CacheEnv = "PARAPH_PDFIUM_CACHE"

// FontDir is where Debian keeps fonts; certificate pages take what the built-in
// font lacks from there, if it is there.
const FontDir = "/usr/share/fonts"

// Config says how the tools run. The zero value works.
type Config struct {
	Argv     []string      // the child's command line; default /proc/self/exe child
	Env      []string      // added to the child's environment; default none
	CacheDir string        // pdfium's compiled code (42 MB, made once); default none: each child compiles for 3 s
	WorkDir  string        // private folder for spooled output; default in the system's temporary folder
	Children int           // at once; default the number of cores
	Timeout  time.Duration // of one operation; default 60 s
	Idle     time.Duration // an unused child ends after it; default 30 s
	Memory   int64         // bytes of one child; default 900 MiB
	Limits   Limits
}

// Tools does work on documents in child processes. It is safe for concurrent
// use. Files that are read may be used by several calls at once; a file that is
// written must be empty, and its position is at the end afterwards.
type Tools struct {
	config Config
	pool   *sandbox.Pool
	warmer func() error
}

// New makes the tools; no process starts before the first call.
func New(config Config) (*Tools, error) {
	if config.Children <= 0 {
		config.Children = runtime.NumCPU()
	}
	config.Limits = config.Limits.WithDefaults()
	folder := sandbox.Folder{Read: []string{FontDir}}
	env := config.Env
	if config.CacheDir != "" {
		dir, err := filepath.Abs(config.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("find the cache folder: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the cache folder: %w", err)
		}
		config.CacheDir = dir
		folder.Read = append(folder.Read, dir)
		env = append(append([]string{}, env...), CacheEnv+"="+dir)
	}
	pool, err := sandbox.NewPool(sandbox.Config{
		Argv: config.Argv, Env: env, Size: config.Children, Timeout: config.Timeout, Idle: config.Idle,
		Dir: config.WorkDir, Limits: sandbox.Limits{Memory: config.Memory}, Folder: folder,
	})
	if err != nil {
		return nil, err
	}
	t := &Tools{config: config, pool: pool}
	t.warmer = sync.OnceValue(func() error { return t.fillCache(env) })
	return t, nil
}

// Warm fills the cache of compiled code, once; later calls return at once. The
// other methods do it themselves, so a server calls it only to be quick from
// the first document on. A cache that cannot be filled costs time, nothing else.
func (t *Tools) Warm() error { return t.warmer() }

// fillCache compiles pdfium in a child that may write the cache and sees no
// document; those that see documents may only read it.
func (t *Tools) fillCache(env []string) error {
	if t.config.CacheDir == "" {
		return nil
	}
	pool, err := sandbox.NewPool(sandbox.Config{
		Argv: t.config.Argv, Env: env, Size: 1,
		// Compiling takes 3 s; a busy machine or the race detector makes it minutes.
		Timeout: 10 * time.Minute, Limits: sandbox.Limits{Memory: 4 << 30},
		Folder: sandbox.Folder{Write: []string{t.config.CacheDir}},
	})
	if err != nil {
		return err
	}
	err = pool.Do(context.Background(), sandbox.Job{Op: OpWarm, Args: NoArgs{}}, nil)
	return errors.Join(err, pool.Close())
}

// Close waits for running work and ends all children.
func (t *Tools) Close() error { return t.pool.Close() }

// Children gives how many operations run at once.
func (t *Tools) Children() int { return t.config.Children }

// Limits gives what is accepted.
func (t *Tools) Limits() Limits { return t.config.Limits }

// Do runs any operation the child knows, for rooms that add their own.
func (t *Tools) Do(ctx context.Context, job sandbox.Job, result any) error {
	_ = t.Warm() // without the cache the child compiles by itself, only slower
	return t.pool.Do(ctx, job, result)
}

// Spool makes an unnamed private file for a result; it vanishes when closed.
func (t *Tools) Spool() (*os.File, error) { return t.pool.Spool() }

// Inspect says what a file is and what is in it. declared is the media type or
// the file name it came with, or empty.
//
// Faults: ErrEmpty, ErrUnsupported, ErrDamaged, ErrEncrypted, ErrTooManyPages,
// ErrTooLarge, and those of the sandbox. So it is with all methods that read a
// document; each names only what it adds.
func (t *Tools) Inspect(ctx context.Context, file *os.File, declared string) (*Inspection, error) {
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		return nil, ErrEmpty
	}
	found := &Inspection{}
	err := t.Do(ctx, sandbox.Job{Op: OpInspect, Args: InspectArgs{declared, t.config.Limits}, Files: []*os.File{file}}, found)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Render gives a picture of one page of a PDF. Adds ErrNoSuchPage.
func (t *Tools) Render(ctx context.Context, file *os.File, options RenderOptions) (*Rendered, error) {
	out, err := t.Spool()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	made := &Rendered{}
	job := sandbox.Job{Op: OpRender, Args: RenderArgs{options, t.config.Limits}, Files: []*os.File{file, out}}
	if err := t.Do(ctx, job, made); err != nil {
		return nil, err
	}
	info, err := out.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	made.Data = make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(out, 0, info.Size()), made.Data); err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	return made, nil
}

// Text gives the words of a page as the PDF itself holds them. Adds ErrNoSuchPage.
func (t *Tools) Text(ctx context.Context, file *os.File, page int) (*PageText, error) {
	text := &PageText{}
	err := t.Do(ctx, sandbox.Job{Op: OpText, Args: TextArgs{page, t.config.Limits}, Files: []*os.File{file}}, text)
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Normalise writes a PDF anew into out (open for reading and writing, empty),
// without encryption and with sound structure. Adds ErrSigned.
func (t *Tools) Normalise(ctx context.Context, file, out *os.File) error {
	return t.Do(ctx, sandbox.Job{Op: OpNormalise, Args: LimitArgs{t.config.Limits}, Files: []*os.File{file, out}}, nil)
}

// ImagesToPDF writes the pictures (up to 15 files, of any accepted kind but
// PDF) as pages into out (open for writing, empty) and gives the number of pages.
func (t *Tools) ImagesToPDF(ctx context.Context, pictures []*os.File, out *os.File) (int, error) {
	pages := 0
	files := append(append([]*os.File{}, pictures...), out)
	err := t.Do(ctx, sandbox.Job{Op: OpImages, Args: LimitArgs{t.config.Limits}, Files: files}, &pages)
	return pages, err
}

// AddTextLayer writes the PDF to out (open for writing, empty) with invisible
// words under the given pages, so that it can be searched; the bytes of file
// stay an identical prefix and the pages look the same. Adds ErrNoSuchPage and
// ErrSigned; ErrDamaged also when the file must be normalised first.
func (t *Tools) AddTextLayer(ctx context.Context, file, out *os.File, pages []PageWords) error {
	return t.Do(ctx, sandbox.Job{Op: OpLayer, Args: LayerArgs{pages, t.config.Limits}, Files: []*os.File{file, out}}, nil)
}
