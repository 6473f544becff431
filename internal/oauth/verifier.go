package oauth

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/fault"
)

const (
	// leeway is how far the clocks of two machines may be apart.
	leeway = 5 * time.Second
	// clientMemory is how long a client's state is believed, and so how long a
	// revoked client's token may still work.
	clientMemory = 5 * time.Second
	maxToken     = 8 << 10 // bytes
	maxClients   = 10_000
)

// Verifier checks access tokens.
type Verifier struct {
	clients Clients
	keys    map[string]any // by kid
	issuer  string
	clock   clock.Clock

	mu     sync.Mutex
	active map[string]activeClient
	proved map[[sha256.Size]byte]claims // by the token's digest: its form and signature were found good
}

type activeClient struct {
	client access.OAuthClient
	until  time.Time
}

// NewVerifier makes a Verifier for the tokens of one issuer. It fails where the
// key is not one for ES256.
func NewVerifier(c Config) (*Verifier, error) {
	c = c.withDefaults()
	pub, err := publicOf(c.Key.Signer)
	if err != nil {
		return nil, err
	}
	return &Verifier{clients: c.Clients, keys: map[string]any{c.Key.ID: pub}, issuer: c.Issuer, clock: c.Clock,
		active: map[string]activeClient{}, proved: map[[sha256.Size]byte]claims{}}, nil
}

// Verify checks a bearer token as RFC 9068 section 4 says and gives the actor
// it stands for. Scopes and units are those of the token, cut down to what the
// client still has. Fault Unauthorized "invalid_token", the same for every
// reason; those of the store.
func (v *Verifier) Verify(ctx context.Context, token string) (access.Actor, error) {
	c, err := v.read(token)
	if err != nil {
		return access.Actor{}, fault.Wrap(err, fault.Unauthorized, "invalid_token", "The access token is not valid or has run out. Get a new one from %s.", TokenPath)
	}
	cl, err := v.client(ctx, c.ClientID)
	if err != nil {
		return access.Actor{}, err
	}
	if cl.Org != c.Org {
		return access.Actor{}, fault.New(fault.Unauthorized, "invalid_token", "The access token is not valid any more. Get a new one from %s.", TokenPath)
	}
	actor := access.Actor{Kind: access.Client, Org: cl.Org, ID: cl.ID, Principal: cl.Principal, Units: cl.Units}
	for name := range strings.FieldsSeq(c.Scope) {
		if sc := access.Scope(name); slices.Contains(cl.Scopes, sc) {
			actor.Scopes = append(actor.Scopes, sc)
		}
	}
	return actor, nil
}

// read checks everything about the token itself: form, algorithm, type, key,
// signature, issuer, audience and times. The signature of one token is checked
// once; what changes with time is checked for each request.
func (v *Verifier) read(token string) (claims, error) {
	if len(token) > maxToken {
		return claims{}, errToken("it is too long")
	}
	sum := sha256.Sum256([]byte(token))
	v.mu.Lock()
	c, known := v.proved[sum]
	v.mu.Unlock()
	if !known {
		var err error
		if c, err = v.prove(token); err != nil {
			return c, err
		}
	}
	if err := c.ValidateWithLeeway(jwt.Expected{Issuer: v.issuer, AnyAudience: jwt.Audience{v.issuer}, Time: v.clock.Now()}, leeway); err != nil || known {
		return c, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.proved) >= maxClients {
		clear(v.proved)
	}
	v.proved[sum] = c
	return c, nil
}

// prove checks what of a token stays as it is: its form and its signature.
func (v *Verifier) prove(token string) (claims, error) {
	var c claims
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return c, err
	}
	if len(parsed.Headers) != 1 {
		return c, errToken("it has not exactly one signature")
	}
	head := parsed.Headers[0]
	typ, _ := head.ExtraHeaders[jose.HeaderType].(string)
	if t := strings.ToLower(typ); t != tokenType && t != "application/"+tokenType {
		return c, errToken("its type is not " + tokenType)
	}
	key, ok := v.keys[head.KeyID]
	if !ok {
		return c, errToken("its key is not known")
	}
	if err := parsed.Claims(key, &c); err != nil {
		return c, err
	}
	if c.Expiry == nil || c.IssuedAt == nil || c.ID == "" || c.ClientID == "" || c.Subject != c.ClientID || c.Org == "" {
		return c, errToken("a claim is missing")
	}
	return c, nil
}

type errToken string

func (e errToken) Error() string { return "oauth: the token is refused: " + string(e) }

// client gives a client that is not revoked, out of memory for a few seconds.
func (v *Verifier) client(ctx context.Context, id string) (access.OAuthClient, error) {
	now := v.clock.Now()
	v.mu.Lock()
	known, ok := v.active[id]
	v.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.client, nil
	}
	cl, err := v.clients.ActiveClient(ctx, id)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		delete(v.active, id)
		return cl, err
	}
	if len(v.active) >= maxClients {
		clear(v.active)
	}
	v.active[id] = activeClient{client: cl, until: now.Add(clientMemory)}
	return cl, nil
}
