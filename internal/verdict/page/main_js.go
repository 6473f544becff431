//go:build js && wasm

// Command page is the judge of package verdict as WebAssembly, for the static page
// beside it: whoever opens a file there checks it in their own browser, and the file
// goes nowhere. Pages cannot be drawn there and nobody can be asked; where that was
// needed, the verdict says so and is not "valid".
//
//	GOOS=js GOARCH=wasm go build -o verify.wasm ./internal/verdict/page
package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall/js"
	"time"

	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/verdict"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/trust"
	"github.com/paraph/paraph/pades/tsp"
)

// order is what the page asks: names and texts, as people gave them.
type order struct {
	Name     string            `json:"name"`
	Roots    map[string]string `json:"roots"` // certificates in PEM, by where they come from
	LogKey   string            `json:"log_key"`
	StampCA  string            `json:"stamp_ca"`
	Sealed   bool              `json:"sealed"`
	Password string            `json:"password"`
	Time     time.Time         `json:"time,omitzero"` // to judge for; zero: now
}

func main() {
	js.Global().Set("paraphVerify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		v, err := verify(args[0], args[1].String())
		out := struct {
			Verdict *verdict.Verdict `json:"verdict,omitempty"`
			Error   string           `json:"error,omitempty"`
		}{Verdict: v}
		if err != nil {
			out.Error = err.Error()
		}
		b, err := json.Marshal(out)
		if err != nil {
			return fmt.Sprintf(`{"error":%q}`, err.Error())
		}
		return string(b)
	}))
	select {} // the function is called from now on
}

// verify judges the bytes of a Uint8Array.
func verify(file js.Value, text string) (v *verdict.Verdict, err error) {
	defer func() { // whatever a file does, the page has to be able to say so
		if r := recover(); r != nil {
			v, err = nil, fmt.Errorf("the file broke its reader, which is a fault of the reader: %v", r)
		}
	}()
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, err
	}
	b := make([]byte, file.Get("length").Int())
	js.CopyBytesToGo(b, file)
	j, err := o.judge()
	if err != nil {
		return nil, err
	}
	v, err = j.File(context.Background(), bytes.NewReader(b), int64(len(b)))
	if v != nil {
		v.File = o.Name
	}
	return v, err
}

func (o *order) judge() (*verdict.Judge, error) {
	opts := pades.VerifyOptions{Password: o.Password, Time: o.Time}
	if o.Sealed {
		opts.Policy = pades.Sealed
	}
	roots := &trust.Set{}
	for from, text := range o.Roots {
		set, err := trust.PEM(from, []byte(text))
		if err != nil {
			return nil, err
		}
		roots.Join(set)
	}
	if roots.Len() > 0 {
		opts.Trust = roots
	}
	j := &verdict.Judge{PDF: func(ctx context.Context, in io.ReaderAt, size int64) (*pades.Report, error) {
		return pades.Verify(ctx, in, size, opts)
	}}
	if key := strings.TrimSpace(o.LogKey); key != "" {
		var err error
		if j.Log, err = journal.NewVerifier(key); err != nil {
			return nil, err
		}
	}
	if o.StampCA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(o.StampCA)) {
			return nil, errors.New("there is no certificate for time stamps in what was given")
		}
		j.Stamps = tsp.Roots(pool)
	}
	return j, nil
}
