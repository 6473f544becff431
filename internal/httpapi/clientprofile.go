package httpapi

import (
	"encoding/json"

	"github.com/paraph/paraph/internal/access"
)

// ClientProfile says how a client proves itself and what it may ask for, by the
// names of RFC 7591, RFC 8705, RFC 9126 and RFC 9449.
type ClientProfile struct {
	AuthMethod string   `json:"token_endpoint_auth_method,omitempty" enum:"client_secret,private_key_jwt,tls_client_auth,self_signed_tls_client_auth,none" example:"private_key_jwt" doc:"How it proves who it is; absent: client_secret, in the header or the form."`
	GrantTypes []string `json:"grant_types,omitempty" example:"[\"authorization_code\",\"refresh_token\"]" doc:"Absent: client_credentials."`
	Redirects  []string `json:"redirect_uris,omitempty" example:"[\"https://erp.example.com/done\"]" doc:"Where people come back to after a login, compared as text."`
	Keys       *Object  `json:"jwks,omitempty" doc:"JWK set: keys of its assertions, or with its self-signed certificates in x5c."`
	SubjectDN  string   `json:"tls_client_auth_subject_dn,omitempty" doc:"Whom its certificate must name, with tls_client_auth. Exactly one of these."`
	SANDNS     string   `json:"tls_client_auth_san_dns,omitempty"`
	SANURI     string   `json:"tls_client_auth_san_uri,omitempty"`
	SANIP      string   `json:"tls_client_auth_san_ip,omitempty"`
	SANEmail   string   `json:"tls_client_auth_san_email,omitempty"`
	DPoP       bool     `json:"dpop_bound_access_tokens,omitempty" doc:"It gets only tokens that are bound to its DPoP key."`
	Bound      bool     `json:"tls_client_certificate_bound_access_tokens,omitempty" doc:"It gets only tokens that are bound to its certificate."`
	Pushed     bool     `json:"require_pushed_authorization_requests,omitempty" doc:"It may begin a login only by a request that it pushed."`
	Resources  []string `json:"resources,omitempty" doc:"Further resources that it may ask tokens for, beside this server."`
	Serves     []string `json:"serves,omitempty" doc:"Resources that it is itself: it may introspect tokens for them, and exchange them."`

	Limits map[string]RequestLimit `json:"request_limits,omitempty" doc:"Limits of its own by class of requests: reads, writes, uploads, searches, waits, tokens. What is left out is the installation's. To allow more than that takes the scope installation."`
}

// RequestLimit is how many requests of a class a client may make.
type RequestLimit struct {
	PerSecond float64 `json:"per_second,omitempty" example:"50" doc:"Lasting."`
	Burst     int     `json:"burst,omitempty" example:"200" doc:"Beyond that, after a pause."`
	AtOnce    int     `json:"at_once,omitempty" example:"32"`
}

// secretMethod is what the API calls the method that has no name in the domain.
const secretMethod = "client_secret"

func (c *ClientProfile) profile() access.Profile {
	p := access.Profile{
		Auth: access.AuthMethod(c.AuthMethod), RedirectURIs: c.Redirects, DPoP: c.DPoP, Certificate: c.Bound, Pushed: c.Pushed, Resources: c.Resources, Serves: c.Serves,
		Subject: access.CertificateSubject{DN: c.SubjectDN, DNS: c.SANDNS, URI: c.SANURI, IP: c.SANIP, Email: c.SANEmail},
	}
	if c.AuthMethod == secretMethod {
		p.Auth = access.AuthSecret
	}
	for _, g := range c.GrantTypes {
		p.Grants = append(p.Grants, access.GrantType(g))
	}
	for class, l := range c.Limits {
		if p.Limits == nil {
			p.Limits = access.RequestLimits{}
		}
		p.Limits[access.Class(class)] = access.RequestLimit(l)
	}
	if c.Keys != nil {
		p.Keys = json.RawMessage(*c.Keys)
	}
	return p
}

func profileOf(p *access.Profile) ClientProfile {
	c := ClientProfile{
		AuthMethod: string(p.Auth), Redirects: p.RedirectURIs, DPoP: p.DPoP, Bound: p.Certificate, Pushed: p.Pushed, Resources: p.Resources, Serves: p.Serves,
		SubjectDN: p.Subject.DN, SANDNS: p.Subject.DNS, SANURI: p.Subject.URI, SANIP: p.Subject.IP, SANEmail: p.Subject.Email,
	}
	for _, g := range p.Grants {
		c.GrantTypes = append(c.GrantTypes, string(g))
	}
	for class, l := range p.Limits {
		if c.Limits == nil {
			c.Limits = map[string]RequestLimit{}
		}
		c.Limits[string(class)] = RequestLimit(l)
	}
	if len(p.Keys) > 0 {
		keys := Object(p.Keys)
		c.Keys = &keys
	}
	return c
}
