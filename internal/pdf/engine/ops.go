package engine

import (
	"fmt"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox"
)

// Ops gives what the child can be asked to do about documents, by name.
func (e *Engine) Ops() map[string]sandbox.Op {
	return map[string]sandbox.Op{
		pdf.OpWarm: sandbox.Handle(func(*sandbox.Task, pdf.NoArgs) (pdf.NoArgs, error) {
			return pdf.NoArgs{}, e.Warm()
		}),
		pdf.OpInspect: sandbox.Handle(func(task *sandbox.Task, args pdf.InspectArgs) (*pdf.Inspection, error) {
			if err := wants(task, 1); err != nil {
				return nil, err
			}
			return e.Inspect(task.Files[0], args.Declared, args.Limits)
		}),
		pdf.OpRender: sandbox.Handle(func(task *sandbox.Task, args pdf.RenderArgs) (*pdf.Rendered, error) {
			if err := wants(task, 2); err != nil {
				return nil, err
			}
			return e.Render(task.Files[0], task.Files[1], args.Options, args.Limits)
		}),
		pdf.OpText: sandbox.Handle(func(task *sandbox.Task, args pdf.TextArgs) (*pdf.PageText, error) {
			if err := wants(task, 1); err != nil {
				return nil, err
			}
			return e.PageText(task.Files[0], args.Page, args.Limits)
		}),
		pdf.OpNormalise: sandbox.Handle(func(task *sandbox.Task, args pdf.LimitArgs) (pdf.NoArgs, error) {
			if err := wants(task, 2); err != nil {
				return pdf.NoArgs{}, err
			}
			return pdf.NoArgs{}, e.Normalise(task.Files[0], task.Files[1], args.Limits)
		}),
		pdf.OpImages: sandbox.Handle(func(task *sandbox.Task, args pdf.LimitArgs) (int, error) {
			n := len(task.Files) - 1
			if n < 1 {
				return 0, wants(task, 2)
			}
			return e.ImagesToPDF(task.Files[:n], task.Files[n], args.Limits)
		}),
		pdf.OpLayer: sandbox.Handle(func(task *sandbox.Task, args pdf.LayerArgs) (pdf.NoArgs, error) {
			if err := wants(task, 2); err != nil {
				return pdf.NoArgs{}, err
			}
			return pdf.NoArgs{}, e.AddTextLayer(task.Files[0], task.Files[1], args.Pages, args.Limits)
		}),
		pdf.OpCertificate: sandbox.Handle(func(task *sandbox.Task, args pdf.CertificateArgs) (*pdf.Completed, error) {
			if err := wants(task, 2); err != nil {
				return nil, err
			}
			return e.Certificate(task.Files[0], task.Files[1], args)
		}),
		pdf.OpAppend: sandbox.Handle(func(task *sandbox.Task, args pdf.CertificateArgs) (*pdf.Completed, error) {
			if err := wants(task, 3); err != nil {
				return nil, err
			}
			return e.AppendCertificate(task.Files[0], task.Files[1], task.Files[2], args)
		}),
	}
}

func wants(task *sandbox.Task, files int) error {
	if len(task.Files) != files {
		return fmt.Errorf("the job needs %d files, not %d", files, len(task.Files))
	}
	return nil
}
