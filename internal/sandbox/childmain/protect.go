package childmain

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/sandbox"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/pdffile"
)

// What is done in the child when a signed file is to be protected. It never asks
// anybody: what has to be asked for goes out and comes back as data.
const (
	opExamine  = "pades.examine"
	opPreserve = "pades.preserve"
	opStamp    = "pades.stamp"
)

// ErrUnsigned: the file carries no signature.
var ErrUnsigned = &sandbox.Error{Code: "document_unsigned", Message: "the file carries no signature"}

// Examine tells what protects the signatures of a file, and for whose
// certificates evidence is to be collected. Faults: pdf.ErrDamaged, ErrUnsigned.
func Examine(ctx context.Context, tools *pdf.Tools, file *os.File) (*pades.Examination, error) {
	out := &pades.Examination{}
	return out, tools.Do(ctx, sandbox.Job{Op: opExamine, Args: struct{}{}, Files: []*os.File{file}}, out)
}

// Preserve writes to update the revision that puts evidence into the file; it
// stays empty where the file has all of it. Faults: pdf.ErrDamaged.
func Preserve(ctx context.Context, tools *pdf.Tools, file, update *os.File, c pades.Collected) error {
	var done struct{}
	return tools.Do(ctx, sandbox.Job{Op: opPreserve, Args: c, Files: []*os.File{file, update}}, &done)
}

// PrepareTimestamp builds the revision of a document timestamp with room for a
// token of so many bytes. Faults: pdf.ErrDamaged.
func PrepareTimestamp(ctx context.Context, tools *pdf.Tools, file *os.File, room int) (*pades.Prepared, error) {
	out := &pades.Prepared{}
	return out, tools.Do(ctx, sandbox.Job{Op: opStamp, Args: room, Files: []*os.File{file}}, out)
}

// whole gives the job's first file with its size.
func whole(task *sandbox.Task, files int) (*os.File, int64, error) {
	if len(task.Files) != files {
		return nil, 0, fmt.Errorf("the job needs %d files, not %d", files, len(task.Files))
	}
	info, err := task.Files[0].Stat()
	if err != nil {
		return nil, 0, err
	}
	return task.Files[0], info.Size(), nil
}

// refusal turns the library's refusals of a file into errors of the child.
func refusal(err error) error {
	var damaged *pdffile.Error
	switch {
	case errors.Is(err, pades.ErrNoChanges):
		return ErrRefused
	case errors.Is(err, pades.ErrUnsigned):
		return ErrUnsigned
	case errors.As(err, &damaged):
		return pdf.ErrDamaged.With("%s", err)
	}
	return err
}

func examine(task *sandbox.Task, _ struct{}) (*pades.Examination, error) {
	in, size, err := whole(task, 1)
	if err != nil {
		return nil, err
	}
	out, err := pades.Examine(context.Background(), in, size, "")
	return out, refusal(err)
}

func preserve(task *sandbox.Task, c pades.Collected) (*struct{}, error) {
	in, size, err := whole(task, 2)
	if err != nil {
		return nil, err
	}
	update, err := pades.Preserve(context.Background(), in, size, "", c)
	if err != nil {
		return nil, refusal(err)
	}
	_, err = task.Files[1].Write(update)
	return &struct{}{}, err
}

func prepareStamp(task *sandbox.Task, room int) (*pades.Prepared, error) {
	in, size, err := whole(task, 1)
	if err != nil {
		return nil, err
	}
	out, err := pades.PrepareTimestamp(context.Background(), in, size, "", room)
	return out, refusal(err)
}
