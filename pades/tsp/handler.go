package tsp

import (
	"errors"
	"io"
	"mime"
	"net/http"
)

// ServeHTTP answers requests as RFC 3161, 3.4 says: POST with QueryType, answered
// with ReplyType, also where no token is given.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Serve(w, r, func(request []byte) []byte {
		response, _, _ := a.Respond(request) // the response says what went wrong
		return response
	})
}

// Serve is the HTTP side of an authority: it reads a request within its bounds
// and writes what respond answers. Requests that are none of the protocol get 405,
// 413 or 415.
func Serve(w http.ResponseWriter, r *http.Request, respond func(request []byte) []byte) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "time stamp requests are POSTed (RFC 3161, 3.4)", http.StatusMethodNotAllowed)
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != QueryType {
		http.Error(w, "the media type must be "+QueryType, http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxRequest))
	if err != nil {
		status := http.StatusBadRequest
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the request could not be read", status)
		return
	}
	w.Header().Set("Content-Type", ReplyType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(respond(body)) // the caller went away: nobody is left to tell
}
