package signpage

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// image serves the picture of one page.
func (s *site) image(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	v, err := s.Service.OpenLink(r.Context(), token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	no, err := strconv.Atoi(r.PathValue("no"))
	if err != nil || no < 1 || no > len(v.Pages) {
		s.unknown(w, r)
		return
	}
	width := 800
	if q := r.URL.Query().Get("w"); q != "" {
		if width, err = strconv.Atoi(q); err != nil || width < 1 {
			s.fail(w, r, fault.New(fault.Invalid, "bad_width", "The width w is a number of pixels."))
			return
		}
	}
	want := Want{Page: no, Width: allowedWidth(width), Scan: v.Pages[no-1].Source == "ocr"}
	pic, err := s.pictures.get(r.Context(), v.Version.SHA256, want, func(ctx context.Context) (service.Content, error) {
		_, content, err := s.Service.LinkContent(ctx, token, false)
		return content, err
	})
	if err != nil {
		if fault.KindOf(err) == fault.Internal && r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "a page could not be rendered", "document", v.Document.ID, "page", no, "err", err)
			err = fault.Wrap(err, fault.Unavailable, "page_not_rendered", "The picture of this page could not be made.")
		}
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", pic.MediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(pic.Data)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = bytes.NewReader(pic.Data).WriteTo(w) // a reader who left needs no answer
}

// words serves the text of one page as the inside of its SVG layer.
func (s *site) words(w http.ResponseWriter, r *http.Request) {
	no, err := strconv.Atoi(r.PathValue("no"))
	if err != nil {
		s.unknown(w, r)
		return
	}
	page, found, err := s.Service.LinkWords(r.Context(), r.PathValue("token"), no)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	l := layerOf(&page, found)
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "layer", &l); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w) // a reader who left needs no answer
}

// download serves the PDF: as shown, or sealed.
func (s *site) download(sealed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := r.PathValue("token")
		v, err := s.Service.OpenLink(r.Context(), token)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		version, content, err := s.Service.LinkContent(r.Context(), token, sealed)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		defer content.Close()
		name := fileName(v.Document.Title)
		if sealed {
			name += " (signed)"
		}
		h := w.Header()
		h.Set("Content-Type", "application/pdf")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + ".pdf"}))
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		h.Set("ETag", `"`+version.SHA256+`"`)
		http.ServeContent(w, r, "", version.CreatedAt, content)
	}
}

// fileName makes a title safe to save a file under.
func fileName(title string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), strings.ContainsRune(`/\:*?"<>|`, r):
			return '-'
		}
		return r
	}, title)
	name = strings.Trim(name, " .-")
	if runes := []rune(name); len(runes) > 80 {
		name = strings.TrimSpace(string(runes[:80]))
	}
	if name == "" {
		name = "document"
	}
	return name
}
