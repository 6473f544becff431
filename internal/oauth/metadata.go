package oauth

import (
	"net/http"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/jwks"
)

// serverMetadata is RFC 8414 section 2, with the members of OpenID Connect
// Discovery, RFC 8628, 8705, 9126, 9207 and 9449.
type serverMetadata struct {
	Issuer          string   `json:"issuer"`
	Authorization   string   `json:"authorization_endpoint,omitempty"`
	Token           string   `json:"token_endpoint"`
	Device          string   `json:"device_authorization_endpoint,omitempty"`
	Push            string   `json:"pushed_authorization_request_endpoint,omitempty"`
	Revocation      string   `json:"revocation_endpoint"`
	Introspection   string   `json:"introspection_endpoint"`
	UserInfo        string   `json:"userinfo_endpoint,omitempty"`
	JWKSURI         string   `json:"jwks_uri"`
	Scopes          []string `json:"scopes_supported"`
	ResponseTypes   []string `json:"response_types_supported"`
	ResponseModes   []string `json:"response_modes_supported,omitempty"`
	GrantTypes      []string `json:"grant_types_supported"`
	Challenges      []string `json:"code_challenge_methods_supported,omitempty"`
	AuthMethods     []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms  []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevokeMethods   []string `json:"revocation_endpoint_auth_methods_supported"`
	RevokeAlgs      []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	InspectMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	InspectAlgs     []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	DPoPAlgorithms  []string `json:"dpop_signing_alg_values_supported"`
	CertBound       bool     `json:"tls_client_certificate_bound_access_tokens"`
	SaysIssuer      bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	SubjectTypes    []string `json:"subject_types_supported,omitempty"`
	IDAlgorithms    []string `json:"id_token_signing_alg_values_supported,omitempty"`
	Claims          []string `json:"claims_supported,omitempty"`
	ACRValues       []string `json:"acr_values_supported,omitempty"`
	RequestURIParam *bool    `json:"request_uri_parameter_supported,omitempty"`
	RequestParam    *bool    `json:"request_parameter_supported,omitempty"`
	Documentation   string   `json:"service_documentation"`
	Aliases         any      `json:"mtls_endpoint_aliases,omitempty"`
}

// metadata describes the server, as an authorization server and as a provider of
// OpenID Connect in one.
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	methods := []string{"client_secret_basic", "client_secret_post", string(access.AuthKey), string(access.AuthSelfSigned)}
	if s.Roots != nil {
		methods = append(methods, string(access.AuthPKI))
	}
	var algs []string
	for _, a := range jwks.Algorithms() {
		algs = append(algs, string(a))
	}
	m := serverMetadata{
		Issuer: s.Issuer, Token: s.Issuer + TokenPath, Revocation: s.Issuer + RevokePath, Introspection: s.Issuer + IntrospectPath, JWKSURI: s.Issuer + KeysPath,
		Scopes: scopeNames(), ResponseTypes: []string{}, GrantTypes: []string{string(access.GrantClient), string(access.GrantExchange)},
		AuthMethods: methods, AuthAlgorithms: algs, RevokeMethods: methods, RevokeAlgs: algs, InspectMethods: methods, InspectAlgs: algs,
		DPoPAlgorithms: algs, CertBound: true, Documentation: s.Issuer + "/docs",
	}
	if s.people() {
		s.metadataOfLogins(&m)
	}
	if s.MTLSURL != "" {
		aliases := map[string]string{"token_endpoint": s.MTLSURL + TokenPath, "revocation_endpoint": s.MTLSURL + RevokePath, "introspection_endpoint": s.MTLSURL + IntrospectPath}
		if s.people() {
			aliases["pushed_authorization_request_endpoint"], aliases["device_authorization_endpoint"] = s.MTLSURL+PushPath, s.MTLSURL+StartPath
		}
		m.Aliases = aliases
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, "application/json", http.StatusOK, m)
}

func (s *Server) metadataOfLogins(m *serverMetadata) {
	no := false
	m.Authorization, m.Device, m.Push, m.UserInfo = s.Issuer+AuthorizePath, s.Issuer+StartPath, s.Issuer+PushPath, s.Issuer+UserInfoPath
	m.ResponseTypes, m.ResponseModes, m.Challenges, m.SaysIssuer = []string{"code"}, []string{"query"}, []string{"S256"}, true
	m.GrantTypes = append(m.GrantTypes, string(access.GrantCode), string(access.GrantRefresh), string(access.GrantDevice))
	m.AuthMethods = append(slices.Clone(m.AuthMethods), string(access.AuthNone))
	m.RevokeMethods = m.AuthMethods
	m.Scopes = append(m.Scopes, identityScopes...)
	m.SubjectTypes, m.IDAlgorithms = []string{"public"}, []string{"ES256", "EdDSA"}
	m.Claims = []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "amr", "nonce", "name", "email"}
	m.ACRValues = []string{access.ACRAttested}
	// A request_uri is one that was pushed; requests as JWTs are not taken.
	m.RequestURIParam, m.RequestParam = &no, &no
}

func scopeNames() []string {
	var out []string
	for s := range access.Scopes() {
		out = append(out, string(s))
	}
	slices.Sort(out)
	return out
}
