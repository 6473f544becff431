// Package attestation judges which make a passkey's authenticator is of, by the attestation
// statement that came when the passkey was made (WebAuthn section 6.5). It trusts the
// roots it is given, and no others.
package attestation

import (
	"crypto/x509"
	"encoding/json"
	"slices"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Why an attestation does not do, for programs.
const (
	Unreadable   = "unreadable"
	NotAttested  = "not_attested"        // the browser or the person gave none
	SelfAttested = "self_attested"       // anybody can make such a statement
	OtherModel   = "other_model"         // the AAGUID is none of those allowed
	Untrusted    = "untrusted_authority" // it leads to no root, or the statement is wrong
)

// Check verifies the statement that a passkey was made with: its signature, and that
// its certificates lead to one of the roots. credential is JSON as
// webauthn.Credential writes it; models are AAGUIDs in lower case, nil for any. model is
// the authenticator's own, as far as it can be read; why says what is wrong, "" where
// nothing is. Certificates are judged by the time of the machine.
func Check(credential []byte, roots []*x509.Certificate, models []string) (model, why string) {
	var c webauthn.Credential
	if json.Unmarshal(credential, &c) != nil {
		return "", Unreadable
	}
	if len(c.Authenticator.AAGUID) != 16 {
		return "", Unreadable
	}
	entry := metadata.Entry{AaGUID: [16]byte(c.Authenticator.AAGUID)}
	model = entry.AaGUID.String()
	switch metadata.AuthenticatorAttestationType(c.AttestationType) {
	case metadata.None, "":
		return model, NotAttested
	case metadata.BasicSurrogate:
		return model, SelfAttested
	}
	if models != nil && !slices.Contains(models, model) {
		return model, OtherModel
	}
	// Every type that has a trust path: the library then demands that it leads to a root.
	entry.MetadataStatement = metadata.Statement{AaGUID: entry.AaGUID, AttestationRootCertificates: roots,
		AttestationTypes: metadata.AuthenticatorAttestationTypes{metadata.BasicFull, metadata.AttCA, metadata.AnonCA}}
	all := metadata.Metadata{Parsed: metadata.Parsed{Entries: []metadata.Entry{entry}}}
	known, err := memory.New(memory.WithMetadata(all.ToMap()), memory.WithValidateEntry(true), memory.WithValidateTrustAnchor(true),
		memory.WithValidateAttestationTypes(true), memory.WithValidateStatus(false))
	if err != nil {
		return model, Unreadable
	}
	c.AttestationType = "" // what the statement itself says, not what was kept
	if c.Verify(known, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}) != nil || !trustPath(c.AttestationType) {
		return model, Untrusted
	}
	return model, ""
}

// trustPath tells whether a type of attestation comes with certificates.
func trustPath(kind string) bool {
	switch metadata.AuthenticatorAttestationType(kind) {
	case metadata.BasicFull, metadata.AttCA, metadata.AnonCA:
		return true
	}
	return false
}
