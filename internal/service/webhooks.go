package service

import (
	"context"
	"crypto/tls"
	"slices"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/webhook"
)

// maxEndpoints is how many endpoints an organisation can have.
const maxEndpoints = 5000

// EndpointSettings are what can be said of an endpoint. nil leaves a setting as it
// is, and for a new endpoint means its default.
type EndpointSettings struct {
	URL         *string
	Unit        *string
	Description *string
	Types       *[]string
	Condition   *string
	Order       *webhook.Order
	OnDead      *webhook.OnDead
	Rate        *float64
	Timeout     *time.Duration
	Retries     *[]time.Duration
	Headers     *map[string]string
	// Certificate and TLSKey, both as PEM, go together; two empty texts take them away.
	Certificate *string
	TLSKey      *string
}

// EndpointSecret is an endpoint with its secret, which is shown once.
type EndpointSecret struct {
	Endpoint webhook.Endpoint
	Secret   string // whsec_…; "" where the receiver needs the public key only
	Public   string // whpk_…, of Ed25519
	// OldUntil is until when the secrets before sign too; zero: there are none.
	OldUntil time.Time
}

// CreateEndpoint makes an endpoint that hears of every event behind its own entry.
// secret may bring one along, such as that of another sender that it follows.
//
// Faults: Invalid "invalid_endpoint"; Conflict "too_many_endpoints".
func (s *Service) CreateEndpoint(ctx context.Context, call Call, in EndpointSettings, signing webhook.Signing, secret string) (Result[EndpointSecret], error) {
	e := webhook.Endpoint{Order: webhook.Free, OnDead: webhook.Block, Timeout: webhook.DefaultTimeout, Enabled: true, Revision: 1}
	parts := sealedParts{}
	var l fault.List
	s.settle(&e, &parts, in, &l)
	secret, public, err := drawn(&signing, secret)
	if err != nil {
		return Result[EndpointSecret]{}, err
	}
	if err := s.mayUseUnit(call.Actor, e.Unit); err != nil {
		return Result[EndpointSecret]{}, err
	}
	if err := l.Err("invalid_endpoint", "The endpoint has faults."); err != nil {
		return Result[EndpointSecret]{}, err
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (EndpointSecret, error) {
		n, err := c.CountEndpoints(ctx, call.Actor.Org)
		if err != nil {
			return EndpointSecret{}, err
		}
		if n >= maxEndpoints {
			return EndpointSecret{}, fault.New(fault.Conflict, "too_many_endpoints", "An organisation can have %d endpoints. Delete one first.", maxEndpoints)
		}
		e := e
		e.ID, e.Org, e.CreatedAt, e.UpdatedAt = id.New(webhook.Prefix, c.Now()), call.Actor.Org, c.Now(), c.Now()
		if err := c.log(e.Org, e.Unit, note{kind: journal.WebhookEndpointCreated, subject: "endpoint", id: e.ID, data: endpointData(&e)}); err != nil {
			return EndpointSecret{}, err
		}
		e.Since = c.lastID
		sealed, err := s.sealParts(e.ID, parts)
		if err != nil {
			return EndpointSecret{}, err
		}
		if err := c.InsertEndpoint(ctx, &e, sealed); err != nil {
			return EndpointSecret{}, err
		}
		c.Notify(TopicEndpoints)
		return s.addSecret(ctx, c, e, 1, signing, secret, public)
	})
}

// addSecret seals and writes a secret.
func (s *Service) addSecret(ctx context.Context, c *change, e webhook.Endpoint, no int, signing webhook.Signing, secret, public string) (EndpointSecret, error) {
	sealed, err := s.Secrets.Seal([]byte(secret), secretContext(e.ID, no))
	if err != nil {
		return EndpointSecret{}, err
	}
	row := webhook.Secret{Endpoint: e.No, No: no, Signing: signing, Sealed: sealed, Public: public, CreatedAt: c.Now()}
	if err := c.InsertWebhookSecret(ctx, row); err != nil {
		return EndpointSecret{}, err
	}
	if signing == webhook.Ed25519 {
		secret = "" // nobody but Paraph needs it
	}
	return EndpointSecret{Endpoint: e, Secret: secret, Public: public}, nil
}

// settle applies settings to an endpoint and lists what is wrong with them.
func (s *Service) settle(e *webhook.Endpoint, parts *sealedParts, in EndpointSettings, l *fault.List) {
	set(&e.URL, in.URL)
	set(&e.Unit, in.Unit)
	set(&e.Description, in.Description)
	set(&e.Types, in.Types)
	set(&e.Condition, in.Condition)
	set(&e.Order, in.Order)
	set(&e.OnDead, in.OnDead)
	set(&e.Rate, in.Rate)
	set(&e.Timeout, in.Timeout)
	set(&e.Retries, in.Retries)
	e.Check(l)
	if e.URL != "" && in.URL != nil {
		if err := s.Outbound.Check(e.URL); err != nil {
			l.Add("/url", "address_denied", "%s.", sentence(err))
		}
	}
	if e.Condition != "" && in.Condition != nil {
		if _, err := s.Conditions.Compile(e.Condition); err != nil {
			l.Add("/condition", "bad_condition", "The condition cannot be used: %s.", err)
		}
	}
	if in.Headers != nil {
		parts.Headers = webhook.CheckHeaders(*in.Headers, l)
		e.Headers = nil
		for name := range parts.Headers {
			e.Headers = append(e.Headers, name)
		}
		slices.Sort(e.Headers)
	}
	if in.Certificate != nil || in.TLSKey != nil {
		certificate, key := "", ""
		set(&certificate, in.Certificate)
		set(&key, in.TLSKey)
		if certificate != "" || key != "" {
			if _, err := tls.X509KeyPair([]byte(certificate), []byte(key)); err != nil {
				l.Add("/tls", "bad_certificate", "Certificate and key, both as PEM, do not make a pair.")
			}
		}
		e.Certificate, parts.TLSKey = certificate, key
	}
}

// set takes over what was said of a member that may be left out.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// sentence begins an error's words with a capital letter.
func sentence(err error) string {
	words := err.Error()
	if words != "" && words[0] >= 'a' && words[0] <= 'z' {
		return string(words[0]-'a'+'A') + words[1:]
	}
	return words
}

// mayUseUnit: an endpoint hears of one unit, or of the whole organisation; who is
// confined to units may make only endpoints of one of those.
func (s *Service) mayUseUnit(a access.Actor, unit string) error {
	if unit == "" && a.Units != nil {
		return fault.New(fault.Invalid, "invalid_endpoint", "The endpoint has faults.").With(fault.Detail{
			Pointer: "/business_unit", Code: "required", Message: "You are confined to business units, so name the one whose events go there."})
	}
	return access.Check(a, access.WriteWebhook, access.Resource{Org: a.Org, Unit: unit})
}

// endpointFor reads an endpoint and checks that the actor may do the action on it.
func endpointFor(ctx context.Context, tx Reader, a access.Actor, endpointID string, do access.Action) (webhook.Endpoint, error) {
	if err := access.Allowed(a, do); err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := tx.Endpoint(ctx, a.Org, endpointID)
	if err != nil {
		return e, err
	}
	if !seesEndpoint(a, &e) {
		return e, access.NotFound() // it hears of more than the actor may
	}
	return e, access.Check(a, do, access.Resource{Org: e.Org, Unit: e.Unit})
}
