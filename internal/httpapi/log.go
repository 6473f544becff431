package httpapi

import (
	"net/http"
	"strings"

	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
)

// mountLog adds the log's public face: checkpoint and tiles at the paths of C2SP
// tlog-tiles, and the keys to check them with. It needs no token: leaves hold
// salted commitments, and whoever wants to watch the log shall be able to.
func (a *api) mountLog() {
	open := a.open()
	open.HandleFunc("GET /log/checkpoint", a.public(func(w http.ResponseWriter, r *http.Request) error { return a.checkpoint(w, r, false) }))
	open.HandleFunc("GET /log/checkpoint/latest", a.public(func(w http.ResponseWriter, r *http.Request) error { return a.checkpoint(w, r, true) }))
	open.HandleFunc("GET /log/tile/{path...}", a.public(a.tile))
	open.HandleFunc("GET /.well-known/paraph/log.vkey", a.public(func(w http.ResponseWriter, r *http.Request) error {
		return constant(w, "text/plain; charset=utf-8", []byte(strings.TrimSpace(a.LogKey)+"\n"))
	}))
	open.HandleFunc("GET /.well-known/paraph/ca.pem", a.public(func(w http.ResponseWriter, r *http.Request) error {
		return constant(w, "application/pem-certificate-chain", a.CAPEM)
	}))
	if a.RevocationList != nil {
		open.HandleFunc("GET /.well-known/paraph/ca.crl", a.public(func(w http.ResponseWriter, r *http.Request) error {
			list, err := a.RevocationList()
			if err != nil {
				return err
			}
			return constant(w, "application/pkix-crl", list)
		}))
	}
}

// open takes the handlers that public makes.
func (a *api) open() entrance.Gate { return a.mux.To(entrance.Nothing, entrance.PerAddress) }

// public is a handler without a token.
func (a *api) public(fn func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := fn(w, r); err != nil {
			writeProblem(w, r, err)
		}
	}
}

func (a *api) checkpoint(w http.ResponseWriter, r *http.Request, latest bool) error {
	note, err := a.Service.Checkpoint(r.Context(), latest)
	if err != nil {
		return err
	}
	if note == "" {
		return fault.New(fault.NotFound, "log_empty", "The log has no entries yet.")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, []byte(note))
	return nil
}

func (a *api) tile(w http.ResponseWriter, r *http.Request) error {
	data, full, err := a.Service.Tile(r.Context(), "tile/"+r.PathValue("path"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=3600") // a partial tile gives way to the full one
	if full {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	writeBody(w, data)
	return nil
}

func constant(w http.ResponseWriter, media string, body []byte) error {
	if len(strings.TrimSpace(string(body))) == 0 {
		return fault.New(fault.NotFound, "not_found", "There is nothing here: this server has no such key.")
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeBody(w, body)
	return nil
}
