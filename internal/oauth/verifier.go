package oauth

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/jwks"
)

const (
	// leeway is how far the clocks of two machines may be apart.
	leeway = 5 * time.Second
	// memory is how long the standing of a client or a person is believed at most. A
	// wake-up ends it at once.
	memory     = 5 * time.Second
	maxToken   = 8 << 10 // bytes
	maxMemory  = 10_000  // clients, people and tokens that are remembered
	realm      = `realm="paraph"`
	schemeDPoP = "DPoP"
)

// Verifier checks the credentials of requests to a resource of Paraph.
type Verifier struct {
	Config
	prover *prover
	memory time.Duration

	mu      sync.Mutex
	proved  map[[sha256.Size]byte]provedToken // by the token's digest: its form and signature were found good
	age     int                               // counts wake-ups
	clients map[string]remembered[access.OAuthClient]
	users   map[string]remembered[access.User]
	revoked remembered[map[string]struct{}]
	devices map[string]remembered[[]access.DeviceRule] // by organisation
}

type provedToken struct {
	claims
	key string // kid
}

type remembered[T any] struct {
	what  T
	until time.Time
}

// NewVerifier makes a Verifier for the tokens of one issuer.
func NewVerifier(c Config) *Verifier {
	c = c.withDefaults()
	return &Verifier{Config: c, prover: newProver(c), memory: memory, proved: map[[sha256.Size]byte]provedToken{},
		clients: map[string]remembered[access.OAuthClient]{}, users: map[string]remembered[access.User]{}, devices: map[string]remembered[[]access.DeviceRule]{}}
}

// Verify tells who sent a request, by the access token in its Authorization header
// (RFC 6750 section 2.1, RFC 9449 section 7.1) and by what that token is bound to.
// Scopes and units are those of the token, cut down to what its client, and the
// person it is of, still have. answer gets the nonce for the sender's next proof.
//
// Faults Unauthorized "credentials_missing", "invalid_token" (the same for every
// reason), "invalid_dpop_proof", "use_dpop_nonce"; those of the store.
func (v *Verifier) Verify(r *http.Request, answer http.Header) (access.Actor, error) {
	scheme, token, err := presented(r)
	if err != nil {
		return access.Actor{}, err
	}
	c, err := v.read(r.Context(), token)
	if err != nil {
		return access.Actor{}, invalidToken(err)
	}
	actor, err := v.standing(r.Context(), &c)
	if err != nil {
		return access.Actor{}, err
	}
	if actor.Shown, err = v.bound(r, answer, scheme, token, &c); err != nil {
		return access.Actor{}, err
	}
	rules, err := v.deviceRules(r.Context(), actor.Org)
	if err == nil {
		actor.Devices, err = v.Service.HoldDevices(r.Context(), actor, rules)
	}
	if err != nil {
		return access.Actor{}, err
	}
	return actor, nil
}

// presented takes the scheme and the token out of a request.
func presented(r *http.Request) (scheme, token string, err error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 1 {
		scheme, token, _ = strings.Cut(headers[0], " ")
		token = strings.TrimSpace(token)
	}
	if token == "" || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, schemeDPoP) {
		return "", "", fault.New(fault.Unauthorized, "credentials_missing", "Send an access token: Authorization: Bearer …. Tokens come from %s.", TokenPath)
	}
	return scheme, token, nil
}

// Challenge gives the WWW-Authenticate headers for a request that is refused with
// err; none where its credentials are not the reason.
func (v *Verifier) Challenge(r *http.Request, err error) []string {
	algs := make([]string, 0, 3)
	for _, a := range jwks.Algorithms() {
		algs = append(algs, string(a))
	}
	dpop := schemeDPoP + ` ` + realm + `, algs="` + strings.Join(algs, " ") + `"`
	with := "Bearer " + realm
	if scheme, _, _ := presented(r); strings.EqualFold(scheme, schemeDPoP) {
		with = dpop
	}
	switch code := fault.CodeOf(err); code {
	case "credentials_missing":
		return []string{"Bearer " + realm, dpop}
	case "invalid_dpop_proof", "use_dpop_nonce":
		return []string{dpop + `, error="` + code + `"`}
	case "invalid_token", "missing_scope":
		name := map[string]string{"invalid_token": "invalid_token", "missing_scope": "insufficient_scope"}[code]
		return []string{with + `, error="` + name + `"`}
	case "device_required":
		if up := new(access.DeviceRefusal); errors.As(err, &up) && up.ACR != "" {
			return []string{with + stepUp(up)}
		}
	}
	return nil
}

// stepUp says which login would do (RFC 9470 section 3).
func stepUp(up *access.DeviceRefusal) string {
	out := `, error="insufficient_user_authentication", error_description="A login by another device, or a newer one, is demanded.", acr_values="` + up.ACR + `"`
	if up.MaxAge > 0 {
		out += `, max_age="` + strconv.Itoa(int(up.MaxAge.Seconds())) + `"`
	}
	return out
}

func invalidToken(cause error) error {
	if kind := fault.KindOf(cause); kind == fault.Unavailable {
		return cause
	}
	return fault.Wrap(cause, fault.Unauthorized, "invalid_token", "The access token is not valid, or not any more. Get a new one from %s.", TokenPath)
}

type errToken string

func (e errToken) Error() string { return "oauth: refused: " + string(e) }

// read checks everything about the token itself: form, algorithm, type, key,
// signature, issuer, audience and times. The signature of one token is checked
// once; what changes with time is checked for each request.
func (v *Verifier) read(ctx context.Context, token string) (claims, error) {
	return v.readFor(ctx, token, v.Issuer)
}

// readFor is read for another audience than this server, "" for any.
func (v *Verifier) readFor(ctx context.Context, token, audience string) (claims, error) {
	if len(token) > maxToken {
		return claims{}, errToken("it is too long")
	}
	sum := sha256.Sum256([]byte(token))
	v.mu.Lock()
	p, known := v.proved[sum]
	v.mu.Unlock()
	if known {
		if key, err := v.Keys.checking(ctx, p.key); err != nil || key == nil {
			return claims{}, errors.Join(err, errToken("its key was withdrawn"))
		}
	} else {
		var err error
		if p, err = v.prove(ctx, token); err != nil {
			return p.claims, err
		}
	}
	expected := jwt.Expected{Issuer: v.Issuer, Time: v.Clock.Now()}
	if audience != "" {
		expected.AnyAudience = jwt.Audience{audience}
	}
	if err := p.ValidateWithLeeway(expected, leeway); err != nil || known {
		return p.claims, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.proved) >= maxMemory {
		clear(v.proved)
	}
	v.proved[sum] = p
	return p.claims, nil
}

// prove checks what of a token stays as it is: its form and its signature, by the
// one algorithm of the key that it names.
func (v *Verifier) prove(ctx context.Context, token string) (p provedToken, err error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA})
	if err != nil {
		return p, err
	}
	if len(parsed.Headers) != 1 || !typed(parsed.Headers[0], tokenType) {
		return p, errToken("its type is not " + tokenType)
	}
	head := parsed.Headers[0]
	key, err := v.Keys.checking(ctx, head.KeyID)
	if err != nil {
		return p, err
	}
	if key == nil || key.Algorithm != head.Algorithm {
		return p, errToken("its key is not known")
	}
	if err := parsed.Claims(key.Public, &p.claims); err != nil {
		return p, err
	}
	c := &p.claims
	if c.Expiry == nil || c.IssuedAt == nil || c.ID == "" || c.ClientID == "" || c.Subject == "" || c.Org == "" {
		return p, errToken("a claim is missing")
	}
	if c.Delegation == "" && c.Acts == nil && c.Subject != c.ClientID {
		return p, errToken("its subject is not its client")
	}
	p.key = key.ID
	return p, nil
}

// standing gives the actor of a token: whoever it is of must not have lost their
// access since.
func (v *Verifier) standing(ctx context.Context, c *claims) (a access.Actor, err error) {
	revoked, err := v.revocations(ctx)
	if err != nil {
		return a, err
	}
	_, token := revoked[c.ID]
	if _, given := revoked[c.Delegation]; token || given {
		return a, invalidToken(errToken("it was revoked"))
	}
	cl, err := v.client(ctx, c.ClientID)
	if err != nil {
		return a, err
	}
	if cl.Org != c.Org {
		return a, invalidToken(errToken("its client has moved"))
	}
	a = access.Actor{Kind: access.Client, Org: cl.Org, ID: cl.ID, Principal: cl.Principal, Units: cl.Units, Client: cl.ID, Delegation: c.Delegation, Limits: cl.Profile.Limits, Roles: cl.Roles}
	has := cl.Scopes
	if c.Delegation != "" || c.Acts != nil {
		if has, err = v.ofAnother(ctx, c, &a, has); err != nil {
			return access.Actor{}, err
		}
	}
	a.Units = common(a.Units, c.Units)
	a.Scopes = make([]access.Scope, 0, len(has))
	for name := range strings.FieldsSeq(c.Scope) {
		if slices.Contains(has, access.Scope(name)) {
			a.Scopes = append(a.Scopes, access.Scope(name))
		}
	}
	return a, nil
}

// ofAnother makes a the actor of a token whose subject is not its client: a person,
// or whoever the client acts for. It gives the scopes that both have.
func (v *Verifier) ofAnother(ctx context.Context, c *claims, a *access.Actor, has []access.Scope) ([]access.Scope, error) {
	var org, principal string
	var scopes []access.Scope
	var units []string
	var roles []access.Role
	if c.Delegation != "" {
		u, err := v.user(ctx, c.Subject)
		if err != nil {
			return nil, err
		}
		org, principal, scopes, units, roles = u.Org, u.Principal, u.Scopes, u.Units, u.Roles
		if c.Acts == nil {
			a.Kind, a.ID = access.Human, u.ID
		}
	} else {
		other, err := v.client(ctx, c.Subject)
		if err != nil {
			return nil, err
		}
		org, principal, scopes, units, roles = other.Org, other.Principal, other.Scopes, other.Units, other.Roles
	}
	if org != c.Org {
		return nil, invalidToken(errToken("its subject has moved"))
	}
	a.Principal, a.Units, a.Roles = principal, common(a.Units, units), slices.Concat(a.Roles, roles)
	if c.Acts != nil {
		a.OnBehalfOf = principal
	}
	var both []access.Scope
	for _, s := range has {
		if slices.Contains(scopes, s) {
			both = append(both, s)
		}
	}
	return both, nil
}

// common gives the units that both lists hold; nil is all of them.
func common(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	out := []string{}
	for _, u := range a {
		if slices.Contains(b, u) {
			out = append(out, u)
		}
	}
	return out
}

// bound demands the key that a token is bound to. One that is bound to a DPoP key
// is not taken as a bearer token, nor the other way round (RFC 9449 section 7.1). It
// gives the certificate that the token is bound to.
func (v *Verifier) bound(r *http.Request, answer http.Header, scheme, token string, c *claims) (shown access.Shown, err error) {
	var jkt, x5t string
	if c.Bound != nil {
		jkt, x5t = c.Bound.JKT, c.Bound.X5T
	}
	if (jkt != "") != strings.EqualFold(scheme, schemeDPoP) {
		return shown, invalidToken(errToken("it was sent with another scheme than it is for"))
	}
	if x5t != "" {
		chain, err := v.Certificates(r)
		if err != nil || len(chain) == 0 || !same(thumbprint(chain[0]), x5t) {
			return shown, invalidToken(errToken("it is bound to another certificate"))
		}
		shown.Certificates = chain
	}
	if jkt == "" {
		return shown, nil
	}
	if nonce, err := v.prover.fresh(); err == nil {
		answer.Set("DPoP-Nonce", nonce)
	}
	sent, err := v.prover.read(r, token)
	switch {
	case err != nil:
	case sent.jkt == "":
		err = badProof("The access token is bound to a key: send a proof of it in the header DPoP.")
	case !same(sent.jkt, jkt):
		return shown, invalidToken(errToken("it is bound to another key"))
	default:
		err = v.prover.spend(r.Context(), sent)
	}
	var bad *proofError
	if errors.As(err, &bad) {
		return shown, fault.New(fault.Unauthorized, bad.code, "%s", bad.why)
	}
	return shown, err
}

// recall gives what is remembered of something, or asks for it. What was asked for
// before a wake-up is not remembered after it.
func recall[T any](v *Verifier, known func() remembered[T], keep func(remembered[T]), ask func() (T, error)) (T, error) {
	now := v.Clock.Now()
	v.mu.Lock()
	v.forget()
	m, age := known(), v.age
	v.mu.Unlock()
	if now.Before(m.until) {
		return m.what, nil
	}
	what, err := ask()
	if err != nil || v.memory == 0 {
		return what, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.age == age {
		keep(remembered[T]{what, now.Add(v.memory)})
	}
	return what, nil
}

// forget drops what is remembered of who has access, where a wake-up waits. It is
// called with the lock held, so that nobody goes on with what was known before.
func (v *Verifier) forget() {
	select {
	case <-v.Wake:
		v.age++
		clear(v.clients)
		clear(v.users)
		clear(v.devices)
		v.revoked = remembered[map[string]struct{}]{}
	default:
	}
}

func (v *Verifier) client(ctx context.Context, id string) (access.OAuthClient, error) {
	return recall(v, func() remembered[access.OAuthClient] { return v.clients[id] }, func(m remembered[access.OAuthClient]) {
		if len(v.clients) >= maxMemory {
			clear(v.clients)
		}
		v.clients[id] = m
	}, func() (access.OAuthClient, error) { return v.Service.ActiveClient(ctx, id) })
}

func (v *Verifier) user(ctx context.Context, id string) (access.User, error) {
	if v.Users == nil {
		return access.User{}, invalidToken(errToken("nobody knows people here"))
	}
	return recall(v, func() remembered[access.User] { return v.users[id] }, func(m remembered[access.User]) {
		if len(v.users) >= maxMemory {
			clear(v.users)
		}
		v.users[id] = m
	}, func() (access.User, error) { return v.Users.ActiveUser(ctx, id) })
}

func (v *Verifier) deviceRules(ctx context.Context, org string) ([]access.DeviceRule, error) {
	return recall(v, func() remembered[[]access.DeviceRule] { return v.devices[org] }, func(m remembered[[]access.DeviceRule]) {
		if len(v.devices) >= maxMemory {
			clear(v.devices)
		}
		v.devices[org] = m
	}, func() ([]access.DeviceRule, error) { return v.Service.RulesOnDevices(ctx, org) })
}

func (v *Verifier) revocations(ctx context.Context) (map[string]struct{}, error) {
	return recall(v, func() remembered[map[string]struct{}] { return v.revoked }, func(m remembered[map[string]struct{}]) { v.revoked = m },
		func() (map[string]struct{}, error) {
			list, err := v.Service.Revocations(ctx)
			out := make(map[string]struct{}, len(list))
			for _, subject := range list {
				out[subject] = struct{}{}
			}
			return out, err
		})
}
