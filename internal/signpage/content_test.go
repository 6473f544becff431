package signpage_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/paraph/paraph/internal/signpage"
)

func TestPictureIsRenderedOnce(t *testing.T) {
	t.Parallel()
	s := newStage()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { s.get(jonas + "/pages/2/image?w=400") })
	}
	wait.Wait()
	w := s.get(aiko + "/pages/2/image?w=480")
	wantStatus(t, w, 200)
	if w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Body.String(), "\x89PNG") {
		t.Error("not a picture")
	}
	if len(s.renderer.Drawn) != 1 || s.renderer.Drawn[0] != (signpage.Want{Page: 2, Width: 480, Scan: true}) {
		t.Errorf("rendered %v", s.renderer.Drawn)
	}
}

func TestPictureFaults(t *testing.T) {
	t.Parallel()
	s := newStage()
	for target, code := range map[string]int{
		"/pages/0/image": 404, "/pages/5/image": 404, "/pages/x/image": 404, "/pages/-1/image": 404,
		"/pages/1/image?w=0": 400, "/pages/1/image?w=abc": 400, "/pages/99999999999999999999/image": 404,
		"/pages/0/words": 404, "/pages/5/words": 404, "/pages/x/words": 404,
	} {
		if w := s.get(jonas + target); w.Code != code {
			t.Errorf("%s: %d, want %d", target, w.Code, code)
		}
	}
	// A width nobody offers is rendered at the nearest one that is.
	s.get(jonas + "/pages/1/image?w=99999999")
	if got := s.renderer.Drawn; len(got) != 1 || got[0].Width != 1800 {
		t.Errorf("rendered %v", got)
	}
	s.renderer.Err = errors.New("the child died")
	wantStatus(t, s.get(jonas+"/pages/2/image"), 503)
	s.renderer.Err = nil
	wantStatus(t, s.get(jonas+"/pages/2/image"), 200)
	wantStatus(t, s.get("/sign/nobody/pages/2/image"), 404)
}

// Memory is bounded: what was not looked at longest goes first.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := newStage()
	one := len(s.get(jonas + "/pages/3/image?w=480").Body.Bytes())
	s.handler = signpage.New(signpage.Config{Service: s.Fake, Renderer: s.renderer, SourceOf: source, CacheBytes: int64(one)})
	for range 2 {
		s.get(jonas + "/pages/3/image?w=480") // kept
	}
	s.get(jonas + "/pages/1/image?w=480") // larger than all the room: not kept
	s.get(jonas + "/pages/3/image?w=480") // still kept
	if n := len(s.renderer.Drawn); n != 3 {
		t.Errorf("rendered %d times: %v", n, s.renderer.Drawn)
	}
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := s.get(jonas + "/document.pdf")
	wantStatus(t, w, 200)
	if w.Body.String() != string(s.PDF) || w.Header().Get("Content-Type") != "application/pdf" {
		t.Error("not the bytes that were shown")
	}
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="Purchase order PO-4711.pdf"` {
		t.Error(got)
	}
	w = s.get(jonas+"/document.pdf", "Range", "bytes=5-7")
	wantStatus(t, w, 206)
	if w.Body.String() != string(s.PDF[5:8]) {
		t.Error("another range")
	}
	w = s.get(jonas + "/sealed.pdf")
	wantStatus(t, w, 404)
	wantText(t, w, "does not exist yet")
	signAs(s.Fake, "rcp_1", "rcp_2")
	s.Seal()
	w = s.get(jonas + "/sealed.pdf")
	if w.Body.String() != string(s.SealedPDF) || !strings.Contains(w.Header().Get("Content-Disposition"), "(signed).pdf") {
		t.Error("not the sealed bytes")
	}
	s.Document.Title = "../../etc/„ü“\r\n: *"
	if got := s.get(jonas + "/sealed.pdf").Header().Get("Content-Disposition"); strings.ContainsAny(got, "\r\n/\\") || !strings.HasPrefix(got, "attachment; filename*=utf-8''") {
		t.Error(got)
	}
}

func TestWordsOfAPage(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.Words[2][0].Text = "<script>"
	w := s.get(jonas + "/pages/2/words")
	wantStatus(t, w, 200)
	wantText(t, w, "<text x=", "&lt;script&gt;", "Warranty")
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("text of a document became markup")
	}
	wantStatus(t, s.get(jonas+"/pages/4/words"), 200)
}
