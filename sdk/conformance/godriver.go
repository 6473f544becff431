package conformance

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

// DriveGo is the driver of the Go SDK: it answers commands until in ends.
func DriveGo(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	enc := json.NewEncoder(out)
	for lines.Scan() {
		var c Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		value, err := driveGo(context.Background(), &c)
		if err := enc.Encode(resultOf(value, err)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func resultOf(value map[string]any, err error) Result {
	if err == nil {
		return Result{OK: true, Value: value}
	}
	f := &Failure{Kind: "other", Message: err.Error()}
	var p *paraph.Problem
	var broken *paraph.ConnectionError
	var failed *paraph.OperationFailed
	switch {
	case errors.As(err, &p):
		f.Kind, f.Status, f.Code, f.RequestID, f.RetryAfter = "problem", p.Status, p.Code, p.RequestID, p.RetryAfter.Seconds()
		for _, d := range p.Faults {
			f.Faults = append(f.Faults, d.Pointer+" "+d.Code)
		}
	case errors.Is(err, paraph.ErrTimeout):
		f.Kind = "timeout"
	case errors.As(err, &broken):
		f.Kind = "connection"
	case errors.Is(err, paraph.ErrDigest):
		f.Kind = "digest"
	case errors.Is(err, paraph.ErrWebhook):
		f.Kind = "webhook"
	case errors.As(err, &failed):
		f.Kind, f.Code = "operation", failed.Operation.Code
	}
	return Result{Error: f, Value: value}
}

func driveGo(ctx context.Context, c *Command) (map[string]any, error) {
	conf := paraph.Config{
		URL: c.URL, ClientID: c.ID, ClientSecret: c.Secret, Retries: c.Retries,
		Backoff: time.Duration(c.BackoffMS) * time.Millisecond, Timeout: time.Duration(c.TimeoutMS) * time.Millisecond,
	}
	if c.DPoP {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		conf.DPoP = key
	}
	if c.Retries == 0 {
		conf.Retries = -1
	}
	client, err := paraph.New(conf)
	if err != nil {
		return nil, err
	}
	text := func(name string) string { s, _ := c.Args[name].(string); return s }
	switch c.Action {
	case "get":
		d, err := client.GetDocument(ctx, text("id"))
		if err != nil {
			return nil, err
		}
		return map[string]any{"id": d.ID, "title": d.Title, "created_at": d.CreatedAt.UTC().Format(time.RFC3339), "label": d.Labels["a"]}, nil
	case "create":
		d, err := client.CreateDraft(ctx, paraph.DraftRequest{Title: text("title")})
		if err != nil {
			return nil, err
		}
		return map[string]any{"id": d.ID}, nil
	case "update":
		_, err := client.UpdateDocument(ctx, text("id"), paraph.DocumentPatch{Title: new(text("title"))})
		return nil, err
	case "list":
		all, err := paraph.Collect(client.AllDocuments(ctx, paraph.ListDocumentsParams{State: []paraph.DocumentState{"draft", "approved"}, Label: map[string]string{"a": "b c"}}))
		ids := make([]string, len(all))
		for i, d := range all {
			ids[i] = d.ID
		}
		return map[string]any{"ids": ids}, err
	case "upload":
		return goUpload(ctx, client, text("path"), c.Args["stream"] == true)
	case "upload_large":
		return goUploadLarge(ctx, client, text("path"))
	case "download":
		f, err := os.Create(text("path"))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		var progress int64
		d, err := client.GetDocumentContent(ctx, text("id"), f, paraph.OnProgress(func(done, _ int64) { progress = done }))
		if err != nil {
			return nil, err
		}
		return map[string]any{"sha256": d.SHA256, "size": d.Size, "file_name": d.FileName, "progress": progress}, nil
	case "wait_operation":
		op, err := client.WaitOperation(ctx, text("id"))
		if err != nil {
			return nil, err
		}
		return map[string]any{"state": op.State}, nil
	case "tail":
		var ids []string
		for e, err := range client.Tail(ctx, paraph.TailParams{After: text("after")}) {
			if err != nil {
				return map[string]any{"ids": ids}, err
			}
			if ids = append(ids, e.ID); len(ids) == int(c.Args["count"].(float64)) {
				break
			}
		}
		return map[string]any{"ids": ids}, nil
	case "webhook":
		return goWebhook(c)
	}
	return nil, fmt.Errorf("no action %q", c.Action)
}

func goUpload(ctx context.Context, client *paraph.Client, path string, stream bool) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var content io.Reader = f
	if stream {
		content = struct{ io.Reader }{f} // it cannot seek any more
	}
	var progress int64
	up, err := client.CreateDocument(ctx, paraph.CreateDocumentParams{Title: "A file"}, paraph.File{Content: content, Name: "s can.pdf", MediaType: "application/pdf"},
		paraph.OnProgress(func(done, _ int64) { progress = done }))
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": up.Document.ID, "sha256": up.Version.SHA256, "progress": progress}, nil
}

func goUploadLarge(ctx context.Context, client *paraph.Client, path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file := paraph.File{Content: f, Name: "s can.pdf", MediaType: "application/pdf"}
	id, err := client.BeginUpload(ctx, paraph.CreateDocumentParams{Title: "Ä file", Label: map[string]string{"a": "b"}}, file)
	if err != nil {
		return nil, err
	}
	var progress int64
	made, err := client.ContinueUpload(ctx, id, file, paraph.OnProgress(func(done, _ int64) { progress = done }))
	if err != nil {
		return nil, err
	}
	return map[string]any{"upload": id, "document": made.DocumentID, "operation": made.OperationID, "progress": progress}, nil
}

func goWebhook(c *Command) (map[string]any, error) {
	var secrets []string
	for _, s := range c.Args["secrets"].([]any) {
		secrets = append(secrets, s.(string))
	}
	hooks, err := paraph.NewWebhooks(secrets...)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for name, value := range c.Args["headers"].(map[string]any) {
		h.Set(name, value.(string))
	}
	e, err := hooks.Verify(h, []byte(c.Args["body"].(string)))
	if err != nil {
		return nil, err
	}
	return map[string]any{"type": e.Type, "document": e.DocumentID}, nil
}
