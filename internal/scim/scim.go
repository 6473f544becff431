// Package scim lets a directory say who works here, by SCIM 2.0 (RFC 7643, RFC
// 7644): it makes, changes and deactivates users and groups, finds them by filters, and
// patches them, as Entra ID and Okta do. It calls the same commands as the API.
//
// A directory says who is in which group. What a group may do, an administrator says.
package scim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/people"
	"github.com/paraph/paraph/internal/service"
)

// Path is where the room is mounted.
const Path = "/scim/v2/"

const (
	media    = "application/scim+json"
	maxBody  = 1 << 20 // bytes
	maxCount = 200     // resources of one page
)

// Service is what the room needs of internal/service; the faults are those documented there.
type Service interface {
	AllowedBy(a access.Actor, do access.Action) error
	Directory(ctx context.Context, token string, from access.Source) (access.Actor, error)
	CreateUser(ctx context.Context, call service.Call, in service.NewUser) (service.Result[service.UserDetail], error)
	ChangeUser(ctx context.Context, call service.Call, userID string, in service.UserChange) (service.Result[service.UserDetail], error)
	DeleteUser(ctx context.Context, call service.Call, userID string, revision int64) error
	UserByID(ctx context.Context, a access.Actor, userID string) (service.UserDetail, error)
	Users(ctx context.Context, a access.Actor, f service.UserFilter) ([]people.User, error)
	CreateGroup(ctx context.Context, call service.Call, in service.NewGroup) (service.Result[service.GroupDetail], error)
	ChangeGroup(ctx context.Context, call service.Call, groupID string, in service.GroupChange) (service.Result[service.GroupDetail], error)
	DeleteGroup(ctx context.Context, call service.Call, groupID string, revision int64) (service.Result[people.Group], error)
	GroupByID(ctx context.Context, a access.Actor, groupID string) (service.GroupDetail, error)
	Groups(ctx context.Context, a access.Actor, f service.GroupFilter) ([]service.GroupDetail, error)
}

// Verifier tells who sent an access token, as the API's does.
type Verifier interface {
	Verify(r *http.Request, answer http.Header) (access.Actor, error)
	Challenge(r *http.Request, err error) []string
}

// Config is what a Server is made of.
type Config struct {
	Service  Service
	Verifier Verifier
	Issuer   string // the server's public address
	Log      *slog.Logger
	// SourceOf tells where a request came from.
	SourceOf func(context.Context) access.Source
}

// Server answers below Path.
type Server struct {
	Config
	base string
	mux  entrance.Mux
}

// request is a request of a directory that may do what it asks.
type request struct {
	*http.Request
	actor  access.Actor
	answer http.Header
}

func (r *request) call() service.Call { return service.Call{Actor: r.actor} }

// made is an answer with status 201.
type made object

// New makes a Server.
func New(c Config) *Server {
	s := &Server{Config: c, base: strings.TrimSuffix(c.Issuer, "/") + strings.TrimSuffix(Path, "/")}
	gate := s.mux.To(entrance.Token, entrance.PerAddress).For(access.ProvisionPeople)
	for pattern, answer := range map[string]func(*request) (any, error){
		"GET Users": s.listUsers, "POST Users": s.createUser, "GET Users/{id}": s.getUser, "PUT Users/{id}": s.putUser, "PATCH Users/{id}": s.patchUser, "DELETE Users/{id}": s.deleteUser,
		"GET Groups": s.listGroups, "POST Groups": s.createGroup, "GET Groups/{id}": s.getGroup, "PUT Groups/{id}": s.putGroup, "PATCH Groups/{id}": s.patchGroup, "DELETE Groups/{id}": s.deleteGroup,
		"GET ServiceProviderConfig": s.config, "GET ResourceTypes": s.types, "GET ResourceTypes/{id}": s.types, "GET Schemas": s.schemas, "GET Schemas/{id}": s.schemas,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		gate.HandleFunc(method+" "+Path+path, s.endpoint(answer))
	}
	gate.HandleFunc(Path, s.endpoint(func(*request) (any, error) { return nil, access.NotFound() }))
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Entrances implements entrance.Room.
func (s *Server) Entrances() []entrance.Entrance { return s.mux.Entrances() }

// endpoint makes a handler: whoever asks needs the scope of a directory.
func (s *Server) endpoint(answer func(*request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		actor, err := s.sender(r, w.Header())
		if err == nil {
			err = s.Service.AllowedBy(actor, access.ProvisionPeople)
		}
		var out any
		if err == nil {
			out, err = answer(&request{r, actor, w.Header()})
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, r, out)
	}
}

// sender tells who asks: a directory by a token that lasts, or a client by an access token.
func (s *Server) sender(r *http.Request, answer http.Header) (access.Actor, error) {
	from := s.SourceOf(r.Context())
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && strings.HasPrefix(token, service.DirectoryTokenPrefix) {
		return s.Service.Directory(r.Context(), token, from)
	}
	actor, err := s.Verifier.Verify(r, answer)
	actor.Source = from
	return actor, err
}

// write answers with a resource, a list, or nothing.
func (s *Server) write(w http.ResponseWriter, r *http.Request, out any) {
	status := http.StatusOK
	var m object
	switch v := out.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case made:
		m, status = object(v), http.StatusCreated
	case object:
		m = v
	}
	if meta, ok := m["meta"].(object); ok {
		w.Header().Set("Location", meta["location"].(string))
		if tag, _ := meta["version"].(string); tag != "" {
			w.Header().Set("ETag", tag)
			if r.Method == http.MethodGet && r.Header.Get("If-None-Match") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
	}
	s.json(w, status, narrowed(m, r.URL.Query().Get("attributes"), r.URL.Query().Get("excludedAttributes")))
}

func (s *Server) json(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller who left needs no answer
}

// scimError is RFC 7644 section 3.12.
type scimError struct {
	status       int
	kind, detail string
}

func (e *scimError) Error() string { return "scim: " + e.detail }

func invalid(kind, format string, args ...any) error {
	return &scimError{http.StatusBadRequest, kind, fault.New(fault.Invalid, kind, format, args...).Message}
}

// fail answers with what went wrong in SCIM's form.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *scimError
	if !errors.As(err, &e) {
		f := fault.From(err)
		e = &scimError{detail: f.Message, status: map[fault.Kind]int{fault.Invalid: 400, fault.Unauthorized: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409, fault.Unavailable: 503, fault.TooMany: 429}[f.Kind]}
		switch {
		case f.Code == "exists":
			e.kind = "uniqueness"
		case f.Code == "revision_changed":
			e.status = http.StatusPreconditionFailed
		case f.Kind == fault.Invalid:
			e.kind = "invalidValue"
			for _, d := range f.Details {
				e.detail += " " + d.Message
			}
		case e.status == 0:
			e.status = http.StatusInternalServerError
			s.Log.ErrorContext(r.Context(), "a request of a directory failed", "path", r.URL.Path, "error", err)
		}
		for _, c := range s.Verifier.Challenge(r, err) {
			w.Header().Add("WWW-Authenticate", c)
		}
	}
	out := object{"schemas": []string{errorSchema}, "status": strconv.Itoa(e.status), "detail": e.detail}
	if e.kind != "" {
		out["scimType"] = e.kind
	}
	s.json(w, e.status, out)
}

// body reads a JSON body. Error 400 "invalidSyntax".
func (r *request) body(into any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil || json.Unmarshal(raw, into) != nil {
		return invalid("invalidSyntax", "The body is no JSON of at most %d bytes.", maxBody)
	}
	return nil
}

// resource reads a body that is a resource of the schema.
func (r *request) resource(schema string) (object, error) {
	var m object
	if err := r.body(&m); err != nil {
		return nil, err
	}
	for _, one := range valuesAt(m, "schemas") {
		if one == schema {
			return m, nil
		}
	}
	return nil, invalid("invalidSyntax", "The resource is not of the schema %s.", schema)
}

// revision gives the revision that If-Match demands; 0 for none. Error 412 for a
// version that never was.
func (r *request) revision() (int64, error) {
	tag := r.Header.Get("If-Match")
	if tag == "" || tag == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, revisionUnknown()
	}
	return n, nil
}

func revisionUnknown() error {
	return &scimError{http.StatusPreconditionFailed, "", "There is no such version."}
}
