package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
)

// TestStopsInOrder: an upload that is under way when the server is told to stop
// is taken in whole.
func TestStopsInOrder(t *testing.T) {
	each(t, setup{}, func(t *testing.T, s *stack) {
		s.caller = s.in(t)
		file := textPDF("Last order")
		r, w := io.Pipe()
		got := make(chan *answer, 1)
		go func() {
			a, err := s.try(context.Background(), http.MethodPost, "/v1/documents", r, "Content-Type", "application/pdf", "Expect", "100-continue")
			if err != nil {
				t.Error(err)
			}
			got <- a
		}()
		if _, err := w.Write(file[:len(file)/2]); err != nil { // the server has asked for the body by now
			t.Fatal(err)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- s.server.Stop(context.Background()) }()
		if _, err := io.Copy(w, bytes.NewReader(file[len(file)/2:])); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if a := <-got; a != nil {
			a.want(http.StatusAccepted)
		}
		if err := <-stopped; err != nil {
			t.Errorf("the server did not stop in order: %v", err)
		}
	})
}
