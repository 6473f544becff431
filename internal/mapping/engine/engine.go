// Package engine runs jq programs, in the child process only (see internal/mapping).
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/itchyny/gojq"

	"github.com/paraph/paraph/internal/mapping"
	"github.com/paraph/paraph/internal/sandbox"
)

// Ops are the operations that the child offers.
func Ops() map[string]sandbox.Op {
	return map[string]sandbox.Op{mapping.OpCheck: sandbox.Handle(check), mapping.OpMap: sandbox.Handle(run)}
}

func compile(program string) (*gojq.Code, error) {
	q, err := gojq.Parse(program)
	if err != nil {
		return nil, mapping.ErrProgram.With("%s", err)
	}
	// Without loaders there are no modules, no environment and no further inputs.
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, mapping.ErrProgram.With("%s", err)
	}
	return code, nil
}

func check(_ *sandbox.Task, in mapping.Args) (struct{}, error) {
	_, err := compile(in.Program)
	return struct{}{}, err
}

func run(_ *sandbox.Task, in mapping.Args) (mapping.Output, error) {
	code, err := compile(in.Program)
	if err != nil {
		return mapping.Output{}, err
	}
	d := json.NewDecoder(bytes.NewReader(in.Input))
	d.UseNumber()
	var input any
	if err := d.Decode(&input); err != nil {
		return mapping.Output{}, mapping.ErrFailed.With("the input is not JSON: %s", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), mapping.Deadline)
	defer cancel()
	v, ok := code.RunWithContext(ctx, input).Next()
	if !ok {
		return mapping.Output{}, nil
	}
	if err, failed := v.(error); failed {
		return mapping.Output{}, failure(ctx, err)
	}
	raw, err := gojq.Marshal(v)
	if err != nil {
		return mapping.Output{}, mapping.ErrFailed.With("%s", err)
	}
	if len(raw) > mapping.MaxOutput {
		return mapping.Output{}, mapping.ErrTooLong.With("the output has %d bytes; at most %d are taken", len(raw), mapping.MaxOutput)
	}
	return mapping.Output{Value: raw}, nil
}

func failure(ctx context.Context, err error) error {
	var halt *gojq.HaltError
	switch {
	case ctx.Err() != nil:
		return mapping.ErrSlow.With("it ran for longer than %s", mapping.Deadline)
	case errors.As(err, &halt) && halt.Value() == nil:
		return nil
	}
	text := err.Error()
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return mapping.ErrFailed.With("%s", text)
}
