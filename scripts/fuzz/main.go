// Command fuzz runs the fuzz targets of the tree, one after another, and keeps what
// it finds: inputs that reach code which none reached before become seeds in
// testdata/fuzz, where every `go test` runs them. The smallest come first, up to a
// bound for each target, so that the corpora stay quick to run and to read.
//
//	go run ./scripts/fuzz [-time 10m] [-match regexp] [-parallel n] [packages]
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// keptBytes bounds what is kept of one target, and keptInputs how many inputs.
	keptBytes  = 64 << 10
	keptInputs = 100
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// target is one fuzz test.
type target struct{ pkg, dir, name string }

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fuzz", flag.ExitOnError)
	span := flags.Duration("time", 10*time.Minute, "for each target")
	match := flags.String("match", ".", "targets whose package and name match, as pkg.FuzzName")
	parallel := flags.Int("parallel", 0, "processes at once; 0: as many as there are cores")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*match)
	if err != nil {
		return err
	}
	targets, err := find(ctx, flags.Args())
	if err != nil {
		return err
	}
	cache, err := goEnv(ctx, "GOCACHE")
	if err != nil {
		return err
	}
	failed, kept, ran := 0, 0, 0
	for _, t := range targets {
		if !wanted.MatchString(t.pkg + "." + t.name) {
			continue
		}
		ran++
		execs, ok, err := t.fuzz(ctx, *span, *parallel)
		if err != nil {
			return err
		}
		n, err := t.keep(filepath.Join(cache, "fuzz", filepath.FromSlash(t.pkg), t.name))
		if err != nil {
			return err
		}
		if kept += n; !ok {
			failed++
		}
		fmt.Printf("%-70s %12d inputs tried, %3d new ones kept, %s\n", t.pkg+"."+t.name, execs, n, map[bool]string{true: "clean", false: "FAILED"}[ok])
	}
	fmt.Printf("%d targets, %s each: %d failed, %d inputs kept\n", ran, *span, failed, kept)
	if failed > 0 {
		return errors.New("what failed is kept in testdata/fuzz, and fails `go test` until it is mended")
	}
	return nil
}

// fuzz runs a target and tells how many inputs it tried.
func (t target) fuzz(ctx context.Context, span time.Duration, parallel int) (execs int64, ok bool, err error) {
	args := []string{"test", t.pkg, "-run", "^$", "-fuzz", "^" + t.name + "$", "-fuzztime", span.String(), "-fuzzminimizetime", "1x"}
	if parallel > 0 {
		args = append(args, "-parallel", strconv.Itoa(parallel))
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	out, runErr := cmd.CombinedOutput()
	for _, m := range tried.FindAllSubmatch(out, -1) {
		if execs, err = strconv.ParseInt(string(m[1]), 10, 64); err != nil {
			return 0, false, err
		}
	}
	if ctx.Err() != nil {
		return 0, false, ctx.Err()
	}
	if runErr != nil {
		os.Stdout.Write(out)
	}
	return execs, runErr == nil, nil
}

var tried = regexp.MustCompile(`execs: (\d+)`)

// keep copies the smallest of the inputs found to the seeds of the target.
func (t target) keep(found string) (n int, err error) {
	seeds := filepath.Join(t.dir, "testdata", "fuzz", t.name)
	have, err := inputs(seeds)
	if err != nil {
		return 0, err
	}
	news, err := inputs(found)
	if err != nil {
		return 0, err
	}
	size := int64(0)
	for _, in := range have {
		size += in.Size()
	}
	for _, in := range news {
		if slices.ContainsFunc(have, func(h fs.FileInfo) bool { return h.Name() == in.Name() }) {
			continue
		}
		if size += in.Size(); size > keptBytes || len(have)+n >= keptInputs {
			break
		}
		raw, err := os.ReadFile(filepath.Join(found, in.Name()))
		if err != nil {
			return n, err
		}
		if err := os.MkdirAll(seeds, 0o755); err != nil {
			return n, err
		}
		if err := os.WriteFile(filepath.Join(seeds, in.Name()), raw, 0o644); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// inputs lists the files of a corpus, the smallest first; none where it is not there.
func inputs(dir string) (out []fs.FileInfo, err error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b fs.FileInfo) int {
		return cmp.Or(cmp.Compare(a.Size(), b.Size()), cmp.Compare(a.Name(), b.Name()))
	})
	return out, err
}

// find lists the fuzz targets of packages; of all with none named.
func find(ctx context.Context, packages []string) (out []target, err error) {
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	listed, err := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, packages...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(listed)) {
		pkg, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			names, err := targetsIn(file)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				out = append(out, target{pkg, dir, name})
			}
		}
	}
	return out, nil
}

func targetsIn(file string) (names []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := declared.FindStringSubmatch(lines.Text()); m != nil {
			names = append(names, m[1])
		}
	}
	return names, lines.Err()
}

var declared = regexp.MustCompile(`^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

func goEnv(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", name).Output()
	return strings.TrimSpace(string(out)), err
}
