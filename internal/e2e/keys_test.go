package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/disk"
	"github.com/paraph/paraph/internal/service"
)

// TestSameKey: a repeated request has one effect and the first answer; under
// another body its key is refused; a secret is never repeated.
func TestSameKey(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		raw := func(content, key string) *answer {
			return s.send(http.MethodPost, "/v1/documents", strings.NewReader(content), "Content-Type", "application/pdf", "Idempotency-Key", key)
		}
		file := string(textPDF("Once"))
		first, second := raw(file, "a").want(202), raw(file, "a").want(202)
		var one, two uploaded
		first.into(&one)
		second.into(&two)
		if one.Document.ID != two.Document.ID || !bytes.Equal(first.body, second.body) || second.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("not the first answer again: %v\n%s\n%s", second.header, first.body, second.body)
		}
		raw(file+"\n", "a").problem(409, "idempotency_key_reused")
		s.until(one.Document.ID, "operation.succeeded")
		client := map[string]any{"name": "ERP", "principal": "erp@example.com", "scopes": []string{"documents:read"}}
		s.post("/v1/clients", client, "Idempotency-Key", "erp").want(201)
		s.post("/v1/clients", client, "Idempotency-Key", "erp").problem(409, "result_not_repeatable")
		s.documents(1)
	})
}

// documents checks how many documents there are.
func (s *stack) documents(want int) {
	s.t.Helper()
	var all list[doc]
	s.get("/v1/documents?limit=100").want(200).into(&all)
	if len(all.Items) != want {
		s.t.Errorf("there are %d documents, want %d", len(all.Items), want)
	}
}

// TestTwins: twenty equal requests at the same instant have one effect.
func TestTwins(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		file := textPDF("Twins")
		var mu sync.Mutex
		ids := map[string]int{}
		var twins []func()
		for range 20 {
			twins = append(twins, func() {
				a, err := s.try(context.Background(), http.MethodPost, "/v1/documents", bytes.NewReader(file), "Content-Type", "application/pdf", "Idempotency-Key", "twin")
				if err != nil {
					t.Error(err)
					return
				}
				var up uploaded
				if a.status == http.StatusAccepted {
					a.into(&up)
				} else if a.status != http.StatusConflict {
					t.Errorf("a twin got %d: %s", a.status, a.body)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[up.Document.ID]++
			})
		}
		together(twins...)
		delete(ids, "")
		if len(ids) != 1 {
			t.Errorf("twins made %v", ids)
		}
		for id := range ids {
			s.until(id, "operation.succeeded")
		}
		s.documents(1)
	})
}

// TestUploadCutOff: half an upload leaves nothing behind, neither a row nor,
// after the collector's round, a file.
func TestUploadCutOff(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/documents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: half\r\nContent-Type: application/pdf\r\nContent-Length: 3000000\r\n\r\n%s", s.token, strings.Repeat("a", 1_500_000))
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if raw, err := io.ReadAll(conn); err != nil || !bytes.Contains(raw, []byte(`"code":"body_incomplete"`)) {
			t.Errorf("half a body was answered with %q %v", raw, err)
		}
		s.documents(0)
		files, err := disk.Open(s.conf.DataDir + "/blobs")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := blob.Collect(t.Context(), files, time.Now().Add(time.Hour), s.known); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := files.List(t.Context(), "", func(blob.Info) error { n++; return nil }); err != nil || n != 0 {
			t.Errorf("%d files were kept, %v", n, err)
		}
		s.send(http.MethodPost, "/v1/documents", bytes.NewReader(textPDF("Whole")), "Content-Type", "application/pdf", "Idempotency-Key", "half", "Prefer", "wait=60").want(201)
	})
}

func (s *stack) known(_ context.Context, id string) (known bool, err error) {
	s.read(func(ctx context.Context, tx service.Reader) (err error) {
		known, err = tx.KnownBlob(ctx, id)
		return err
	})
	return known, err
}
