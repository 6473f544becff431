package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/delegation"
	"github.com/paraph/paraph/internal/fault"
)

const (
	// requestURIPrefix begins the names of pushed requests (RFC 9126 section 2.2).
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
	// pushLife is how long a pushed request waits for its person, who may have to log
	// in first; the most that RFC 9126 section 2.2 wants.
	pushLife = 10 * time.Minute
	// maxState bounds state and nonce, in bytes.
	maxState = 2048
)

// request is an authorization request that was found good (RFC 6749 section
// 4.1.1). Whoever holds it needs to trust nothing else that came with it.
type request struct {
	ClientID  string   `json:"c"`
	Redirect  string   `json:"r"`
	State     string   `json:"s,omitempty"`
	Scopes    []string `json:"p"`
	Resources []string `json:"a"`
	Challenge string   `json:"h"`
	JKT       string   `json:"j,omitempty"`
	Nonce     string   `json:"n,omitempty"`
	Pushed    []byte   `json:"u,omitempty"` // hash of the pushed request that it is

	prompt   []string
	maxAge   time.Duration // since the login; negative: any
	attested bool          // a login by a passkey is wanted (acr_values)
}

// redirects finds the client of a request and checks that its redirect URI is the
// client's. Until then nobody is sent anywhere: what is wrong is said to the person
// (RFC 6749 section 4.1.2.1).
func (s *Server) redirects(ctx context.Context, q url.Values) (cl access.OAuthClient, q2 request, err error) {
	if twice(q) {
		return cl, q2, refuse("invalid_request", "A parameter stands twice.")
	}
	if cl, err = s.Service.ActiveClient(ctx, q.Get("client_id")); fault.KindOf(err) == fault.Unauthorized {
		return cl, q2, refuse("invalid_request", "No program is registered under this client_id, or not any more.")
	}
	if err != nil {
		return cl, q2, err
	}
	if !cl.Profile.Redirects(q.Get("redirect_uri")) {
		return cl, q2, refuse("invalid_request", "The redirect_uri is none of those that are registered for this program.")
	}
	return cl, request{ClientID: cl.ID, Redirect: q.Get("redirect_uri"), State: q.Get("state"), maxAge: -1}, nil
}

// complete checks the rest of a request, which may be wrong in ways that its
// client is told of.
func (s *Server) complete(cl access.OAuthClient, q url.Values, rq *request) (err error) {
	switch {
	case !cl.Profile.May(access.GrantCode):
		return refuse("unauthorized_client", "The client may not have people log in.")
	case q.Has("request"):
		return refuse("request_not_supported", "Requests as JWTs are not taken. Push the request instead.")
	case q.Get("response_type") == "":
		return refuse("invalid_request", "response_type is missing.")
	case q.Get("response_type") != "code":
		return refuse("unsupported_response_type", "This server answers with a code only.")
	case q.Get("response_mode") != "" && q.Get("response_mode") != "query":
		return refuse("invalid_request", "This server answers in the query only.")
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", "PKCE is needed: send a code_challenge, with code_challenge_method S256.")
	case !delegation.Challenge(q.Get("code_challenge")):
		return refuse("invalid_request", "The code_challenge is no SHA-256 in base64url.")
	case len(q.Get("state")) > maxState || len(q.Get("nonce")) > maxState:
		return refuse("invalid_request", "state and nonce have "+strconv.Itoa(maxState)+" bytes at most.")
	case q.Has("dpop_jkt") && !delegation.Challenge(q.Get("dpop_jkt")):
		return refuse("invalid_request", "dpop_jkt is no SHA-256 in base64url.")
	}
	rq.Challenge, rq.JKT, rq.Nonce = q.Get("code_challenge"), q.Get("dpop_jkt"), q.Get("nonce")
	if rq.Resources, err = s.resources(cl, q["resource"]); err != nil {
		return err
	}
	if rq.Scopes, err = narrow(s.delegable(cl, q.Get("scope")), q.Get("scope")); err != nil {
		return err
	}
	return rq.readPrompt(q)
}

// delegable gives the scopes that people can allow a client: its own, and those of
// OpenID Connect where it asks for them.
func (s *Server) delegable(cl access.OAuthClient, asked string) []string {
	out := scopesOf(cl.Scopes)
	if strings.TrimSpace(asked) != "" {
		out = append(out, identityScopes...)
	}
	return out
}

// readPrompt reads how the person is to be asked (OpenID Connect Core section 3.1.2.1).
func (q *request) readPrompt(form url.Values) error {
	q.prompt = strings.Fields(form.Get("prompt"))
	q.attested = slices.Contains(strings.Fields(form.Get("acr_values")), access.ACRAttested)
	for _, p := range q.prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) || p == "none" && len(q.prompt) > 1 {
			return refuse("invalid_request", "prompt is none, or of login, consent and select_account.")
		}
	}
	if text := form.Get("max_age"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return refuse("invalid_request", "max_age is no number of seconds.")
		}
		q.maxAge = time.Duration(n) * time.Second
	}
	return nil
}

func (q *request) asks(prompt string) bool { return slices.Contains(q.prompt, prompt) }

// answer gives the address to which the browser is sent with an answer, which says
// who gives it (RFC 9207), so that a client of several servers is not misled.
func (q *request) answer(issuer string, with url.Values) string {
	if q.State != "" {
		with.Set("state", q.State)
	}
	with.Set("iss", issuer)
	base, query, had := strings.Cut(q.Redirect, "?")
	if had && query != "" {
		query += "&"
	}
	return base + "?" + query + with.Encode()
}

// pushed is RFC 9126 section 2.2.
type pushed struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int    `json:"expires_in"` // seconds
}

func (pushed) status() int { return http.StatusCreated }

// push keeps an authorization request that a client sends ahead, and tells it at
// once what is wrong with it. A DPoP proof that comes along binds the code to its
// key (RFC 9449 section 10.1).
func (s *Server) push(a *ask) (any, error) {
	if err := s.mayBegin(a); err != nil {
		return nil, err
	}
	q := a.form
	if q.Has("request_uri") {
		return nil, refuse("invalid_request", "A request that is pushed has no request_uri.")
	}
	for _, credential := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		q.Del(credential)
	}
	q.Set("client_id", a.client.ID)
	if jkt := a.proved.JKT; jkt != "" {
		if q.Has("dpop_jkt") && q.Get("dpop_jkt") != jkt {
			return nil, badProof("The proof's key is another than dpop_jkt.")
		}
		q.Set("dpop_jkt", jkt)
	}
	cl, rq, err := s.redirects(a.Context(), q)
	if err == nil {
		err = s.complete(cl, q, &rq)
	}
	if err != nil {
		return nil, err
	}
	text, err := s.Service.PushRequest(a.Context(), s.clientCall(a.Request, cl), q.Encode(), pushLife)
	return pushed{requestURIPrefix + text, int(pushLife.Seconds())}, err
}

// unpushed replaces the query of a request that was pushed by what was pushed, and
// gives its hash; nil for one that was not.
func (s *Server) unpushed(ctx context.Context, q url.Values) (url.Values, []byte, error) {
	if !q.Has("request_uri") {
		return q, nil, nil
	}
	text, ours := strings.CutPrefix(q.Get("request_uri"), requestURIPrefix)
	if !ours || twice(q) {
		return nil, nil, refuse("invalid_request_uri", "The request_uri is not one that was pushed here.")
	}
	p, err := s.Service.PushedRequest(ctx, text, q.Get("client_id"))
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil, refuse("invalid_request_uri", "This request was answered before, or has run out. Begin anew where you came from.")
	}
	if err != nil {
		return nil, nil, err
	}
	form, err := url.ParseQuery(p.Form)
	return form, p.Hash, err
}
