package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox/childmain"
)

// contender reads a set and gives each page's text.
type contender struct {
	name string
	fast bool // runs in every round
	run  func(ctx context.Context, s *set, dir string) ([]string, error)
}

func contenders(o options) []contender {
	all := []contender{
		{"Paraph, PDF in, searchable PDF out", true, paraph(o)},
		{fmt.Sprintf("Tesseract, %d processes, txt + tsv + text-only pdf", o.workers), true, tesseract(o)},
	}
	for _, maker := range []struct{ name, command string }{{"OCRmyPDF of Debian", "ocrmypdf"}, {"OCRmyPDF of PyPI", o.pypi}} {
		command, err := exec.LookPath(maker.command)
		if err != nil {
			fmt.Printf("%s is not installed; left out (bench/ocr/setup.sh installs it)\n", maker.name)
			continue
		}
		plain := []string{"--output-type", "pdf", "--optimize", "0"}
		for _, variant := range []struct {
			name string
			args []string
		}{
			{"pdf, optimize 0", plain},
			{"pdf", []string{"--output-type", "pdf"}},
			{"pdfa", []string{"--output-type", "pdfa"}},
			{"pdf, optimize 0, sauvola", append(plain[:4:4], "--tesseract-thresholding", "sauvola")},
			{"pdf, optimize 0, deskew, sauvola", append(plain[:4:4], "--deskew", "--tesseract-thresholding", "sauvola")},
		} {
			all = append(all, contender{maker.name + ", " + variant.name, maker.command == "ocrmypdf" && variant.name == "pdf, optimize 0", ocrmypdf(o, command, variant.args)})
		}
	}
	all = append(all, contender{"Paraph, recognition only, in process", false, recognition(o)})
	kept := all[:0]
	for _, c := range all {
		if o.wanted(c.name) {
			kept = append(kept, c)
		}
	}
	return kept
}

// paraph does what the server does: pages are prepared in sandboxed children,
// read by Tesseract, and laid under the pages of the PDF.
func paraph(o options) func(context.Context, *set, string) ([]string, error) {
	return func(ctx context.Context, s *set, dir string) ([]string, error) {
		tools, err := documents(o)
		if err != nil {
			return nil, err
		}
		defer tools.Close()
		file, err := os.Open(s.pdf)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		reader := ocr.Reader{Engine: ocr.NewTesseract(ocr.TesseractConfig{Processes: o.workers})}
		texts, layers := make([]string, len(s.pages)), make([]pdf.PageWords, len(s.pages))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(o.workers)
		for i := range s.pages {
			group.Go(func() error {
				prepared, rendered, err := childmain.PreparePage(ctx, tools, file, i+1, 300)
				if err != nil {
					return fmt.Errorf("page %d: %w", i+1, err)
				}
				result, err := reader.Read(ctx, prepared, ocr.ReadOptions{})
				if err != nil {
					return fmt.Errorf("page %d: %w", i+1, err)
				}
				texts[i], layers[i] = result.Text(), layer(i+1, result, rendered)
				if o.details {
					fmt.Printf("%s up %d conf %.0f %v %+v\n", s.pages[i].name, result.Upright, result.Confidence, result.Steps, result.Measures)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		out, err := os.OpenFile(filepath.Join(dir, "paraph.pdf"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		defer out.Close()
		return texts, tools.AddTextLayer(context.WithoutCancel(ctx), file, out, layers)
	}
}

// documents makes the tools with this program as their sandboxed child.
func documents(o options) (*pdf.Tools, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return pdf.New(pdf.Config{Argv: []string{self, "child"}, CacheDir: filepath.Join(o.work, "pdfium"), Children: o.workers})
}

// warm compiles pdfium into the cache, which an installation does once.
func warm(o options) error {
	tools, err := documents(o)
	if err != nil {
		return err
	}
	return errors.Join(tools.Warm(), tools.Close())
}

// layer turns boxes in pixels into words on the page, in points.
func layer(number int, result *ocr.PageResult, rendered *pdf.Rendered) pdf.PageWords {
	across, down := rendered.Scale()
	out := pdf.PageWords{Number: number, Angle: result.Angle()}
	for i := range result.Lines {
		for j := range result.Lines[i].Words {
			w := &result.Lines[i].Words[j]
			box := result.Straight(w)
			out.Words = append(out.Words, pdf.Word{Text: w.Text, Line: i, Box: pdf.Box{X0: box.X0 / across, Y0: box.Y0 / down, X1: box.X1 / across, Y1: box.Y1 / down}})
		}
	}
	return out
}

// recognition leaves out the PDF: it tells what the walls around it cost.
func recognition(o options) func(context.Context, *set, string) ([]string, error) {
	return func(ctx context.Context, s *set, _ string) ([]string, error) {
		reader := ocr.Reader{Engine: ocr.NewTesseract(ocr.TesseractConfig{Processes: o.workers})}
		texts := make([]string, len(s.pages))
		return texts, each(ctx, o, s, func(ctx context.Context, i int) error {
			img, err := decode(s.images[i])
			if err != nil {
				return err
			}
			dpi := 0
			if !s.receipts {
				dpi = scanDPI
			}
			result, err := reader.Recognise(ctx, img, dpi, ocr.ReadOptions{})
			if err != nil {
				return err
			}
			texts[i] = result.Text()
			if o.details {
				fmt.Printf("%s up %d conf %.0f %v %+v\n", s.pages[i].name, result.Upright, result.Confidence, result.Steps, result.Measures)
			}
			return nil
		})
	}
}

func tesseract(o options) func(context.Context, *set, string) ([]string, error) {
	return func(ctx context.Context, s *set, dir string) ([]string, error) {
		texts := make([]string, len(s.pages))
		return texts, each(ctx, o, s, func(ctx context.Context, i int) error {
			base := filepath.Join(dir, fmt.Sprintf("page%d", i))
			cmd := exec.CommandContext(ctx, "tesseract", s.images[i], base, "-l", "eng",
				"-c", "tessedit_create_txt=1", "-c", "tessedit_create_tsv=1", "-c", "tessedit_create_pdf=1", "-c", "textonly_pdf=1")
			cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("tesseract: %w: %s", err, out)
			}
			text, err := os.ReadFile(base + ".txt")
			texts[i] = string(text)
			return err
		})
	}
}

func each(ctx context.Context, o options, s *set, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.workers)
	for i := range s.pages {
		group.Go(func() error {
			if err := do(ctx, i); err != nil {
				return fmt.Errorf("%s: %w", s.pages[i].name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func ocrmypdf(o options, command string, args []string) func(context.Context, *set, string) ([]string, error) {
	return func(ctx context.Context, s *set, dir string) ([]string, error) {
		sidecar := filepath.Join(dir, "ocrmypdf.txt")
		all := append([]string{"--jobs", fmt.Sprint(o.workers), "--language", "eng", "--quiet", "--sidecar", sidecar}, args...)
		cmd := exec.CommandContext(ctx, command, append(all, s.pdf, filepath.Join(dir, "ocrmypdf.pdf"))...)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", command, err, complaints.String())
		}
		data, err := os.ReadFile(sidecar)
		if err != nil {
			return nil, err
		}
		texts := strings.Split(string(data), "\f")
		for len(texts) < len(s.pages) {
			texts = append(texts, "")
		}
		return texts[:len(s.pages)], nil
	}
}
