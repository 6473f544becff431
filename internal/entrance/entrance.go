// Package entrance is the one way in which a route comes to be: a Mux takes a
// handler only together with by what somebody comes in there, for which action, and
// how often. What it was given is the table of entrances, docs/security/entrances.csv,
// so that the table and the routes cannot differ.
package entrance

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/paraph/paraph/internal/access"
)

// By is what somebody comes in by.
type By string

// The ways.
const (
	Nothing   By = "nothing"                      // anybody
	Token     By = "access token"                 // with the right to the entrance's action
	Client    By = "client credentials"           // of an OAuth client; a public one names itself only
	Login     By = "login"                        // a person in a browser; who is not logged in is sent to do so
	Form      By = "form bound to the browser"    // what logs in, or ends a login
	Link      By = "secret in a link"             // for one purpose, kept as a hash
	Cookie    By = "secret of a link in a cookie" // as Link, once it was handed over
	Signature By = "signature of the sender"      // as the source's scheme says
)

// Rate is by whom requests are counted.
type Rate string

// The classes of rates.
const (
	PerClient  Rate = "client"
	PerAddress Rate = "address"
	Guesses    Rate = "wrong guesses"  // only what is wrong counts, by address
	Begun      Rate = "begun requests" // of clients without credentials, by address
	Uncounted  Rate = "uncounted"
)

// Entrance is one route and who may come in there.
type Entrance struct {
	Pattern string // as of http.ServeMux
	By      By
	Does    access.Action // asked of the access table; "" where By alone decides
	Rate    Rate
}

// Room is a handler that says which entrances it has.
type Room interface {
	http.Handler
	Entrances() []Entrance
}

// Mux is an http.ServeMux that has no route without its entrance. The zero value is empty.
type Mux struct {
	mux   http.ServeMux
	table []Entrance
}

// Gate takes the handlers of routes that are entered alike.
type Gate struct {
	mux  *Mux
	by   By
	does access.Action
	rate Rate
}

// To gives the gate for what is entered by a way and counted by a rate.
func (m *Mux) To(by By, rate Rate) Gate { return Gate{mux: m, by: by, rate: rate} }

// For gives the gate for one action of the access table.
func (g Gate) For(do access.Action) Gate {
	g.does = do
	return g
}

// Handle registers a route. It panics where http.ServeMux does.
func (g Gate) Handle(pattern string, h http.Handler) {
	g.mux.mux.Handle(pattern, h)
	g.mux.table = append(g.mux.table, Entrance{Pattern: pattern, By: g.by, Does: g.does, Rate: g.rate})
}

// HandleFunc is Handle for a function.
func (g Gate) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	g.Handle(pattern, http.HandlerFunc(h))
}

// Mount leads everything under a pattern to a handler of the entrances, which the
// table takes over.
func (m *Mux) Mount(pattern string, h http.Handler, entrances []Entrance) {
	m.mux.Handle(pattern, h)
	for _, e := range entrances {
		if !slices.Contains(m.table, e) { // a room may be mounted at several patterns
			m.table = append(m.table, e)
		}
	}
}

// Entrances implements Room: by path, then by method.
func (m *Mux) Entrances() []Entrance {
	return slices.SortedFunc(slices.Values(m.table), func(a, b Entrance) int {
		methodA, pathA := a.Route()
		methodB, pathB := b.Route()
		return cmp.Or(strings.Compare(pathA, pathB), strings.Compare(methodA, methodB))
	})
}

// Route gives an entrance's method, "" for any, and its path.
func (e Entrance) Route() (method, path string) {
	method, path, found := strings.Cut(e.Pattern, " ")
	if !found {
		return "", e.Pattern
	}
	return method, path
}

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handler is as of http.ServeMux.
func (m *Mux) Handler(r *http.Request) (http.Handler, string) { return m.mux.Handler(r) }

// Behind is a room whose entrances are those of the mux, reached through a handler
// that stands before it.
func Behind(before http.Handler, m *Mux) Room { return behind{before, m} }

type behind struct {
	http.Handler
	mux *Mux
}

// Entrances implements Room.
func (b behind) Entrances() []Entrance { return b.mux.Entrances() }
