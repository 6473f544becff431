//go:build cgo

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"

	lib "github.com/miekg/pkcs11"

	"github.com/paraph/paraph/internal/sealkey"
	"github.com/paraph/paraph/internal/sealkey/pkcs11"
)

// token is an open session with the key found.
type token struct {
	module  *lib.Ctx
	session lib.SessionHandle
	key     lib.ObjectHandle
	kind    uint // CKK_EC or CKK_RSA
	id      []byte
	label   string
}

// open loads the library, logs in and finds the key.
func open(o *pkcs11.Open) (*token, error) {
	t := &token{module: lib.New(o.Module), label: o.Object}
	if t.module == nil {
		return nil, failure{sealkey.Unfit, "the module " + o.Module + " cannot be loaded"}
	}
	if err := t.module.Initialize(); err != nil {
		return nil, err
	}
	slot, err := t.slot(o.Token)
	if err != nil {
		return nil, err
	}
	if t.session, err = t.module.OpenSession(slot, lib.CKF_SERIAL_SESSION); err != nil {
		return nil, err
	}
	if err := t.module.Login(t.session, lib.CKU_USER, o.PIN); err != nil && err != lib.Error(lib.CKR_USER_ALREADY_LOGGED_IN) {
		return nil, err
	}
	if t.key, err = t.find(lib.CKO_PRIVATE_KEY); err != nil {
		return nil, err
	}
	kind, err := t.attribute(t.key, lib.CKA_KEY_TYPE)
	if err != nil {
		return nil, err
	}
	slices.Reverse(kind) // the machine's own order, which is little-endian wherever this runs
	t.kind = uint(new(big.Int).SetBytes(kind).Uint64())
	t.id, err = t.attribute(t.key, lib.CKA_ID)
	return t, err
}

// slot finds the token by its label.
func (t *token) slot(label string) (uint, error) {
	slots, err := t.module.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	var seen []string
	for _, s := range slots {
		info, err := t.module.GetTokenInfo(s)
		if err != nil {
			continue // a slot without a token that works
		}
		if info.Label == label {
			return s, nil
		}
		seen = append(seen, info.Label)
	}
	return 0, failure{sealkey.Unreachable, fmt.Sprintf("there is no token %q; there are %q", label, seen)}
}

// find finds the one object of a class that has the key's label.
func (t *token) find(class uint) (lib.ObjectHandle, error) {
	wanted := []*lib.Attribute{lib.NewAttribute(lib.CKA_CLASS, class), lib.NewAttribute(lib.CKA_LABEL, t.label)}
	if len(t.id) > 0 {
		wanted = append(wanted, lib.NewAttribute(lib.CKA_ID, t.id))
	}
	if err := t.module.FindObjectsInit(t.session, wanted); err != nil {
		return 0, err
	}
	found, _, err := t.module.FindObjects(t.session, 2)
	if end := t.module.FindObjectsFinal(t.session); err == nil {
		err = end
	}
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, failure{sealkey.Unfit, fmt.Sprintf("%d keys have the label %q where there has to be one", len(found), t.label)}
	}
	return found[0], nil
}

func (t *token) attribute(of lib.ObjectHandle, kind uint) ([]byte, error) {
	got, err := t.module.GetAttributeValue(t.session, of, []*lib.Attribute{lib.NewAttribute(kind, nil)})
	if err != nil {
		return nil, err
	}
	return got[0].Value, nil
}

var curves = map[string]elliptic.Curve{"1.2.840.10045.3.1.7": elliptic.P256(), "1.3.132.0.34": elliptic.P384(), "1.3.132.0.35": elliptic.P521()}

// public gives the key's SubjectPublicKeyInfo, from the public object beside it.
func (t *token) public() ([]byte, error) {
	beside, err := t.find(lib.CKO_PUBLIC_KEY)
	if err != nil {
		return nil, err
	}
	switch t.kind {
	case lib.CKK_EC:
		return t.publicEC(beside)
	case lib.CKK_RSA:
		modulus, err := t.attribute(beside, lib.CKA_MODULUS)
		if err != nil {
			return nil, err
		}
		exponent, err := t.attribute(beside, lib.CKA_PUBLIC_EXPONENT)
		if err != nil {
			return nil, err
		}
		e := new(big.Int).SetBytes(exponent)
		if !e.IsInt64() || e.Int64() > 1<<31-1 {
			return nil, failure{sealkey.Unfit, "the RSA key has too large an exponent"}
		}
		return x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())})
	}
	return nil, failure{sealkey.Unfit, fmt.Sprintf("the key is of type 0x%x, neither EC nor RSA", t.kind)}
}

func (t *token) publicEC(beside lib.ObjectHandle) ([]byte, error) {
	params, err := t.attribute(beside, lib.CKA_EC_PARAMS)
	if err != nil {
		return nil, err
	}
	point, err := t.attribute(beside, lib.CKA_EC_POINT)
	if err != nil {
		return nil, err
	}
	var name asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &name); err != nil || curves[name.String()] == nil {
		return nil, failure{sealkey.Unfit, "the key is not on P-256, P-384 or P-521"}
	}
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err != nil || len(rest) > 0 {
		inner = point // some modules leave the OCTET STRING away
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curves[name.String()], inner)
	if err != nil {
		return nil, failure{sealkey.Malformed, "the module's public key is no point on its curve"}
	}
	return x509.MarshalPKIXPublicKey(public)
}

// digestInfo is what stands before a digest in an RSA signature (RFC 8017, 9.2).
var digestInfo = map[string][]byte{
	"SHA-256": {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	"SHA-384": {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	"SHA-512": {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

var pssParams = map[string][]byte{
	"SHA-256": lib.NewPSSParams(lib.CKM_SHA256, lib.CKG_MGF1_SHA256, uint(crypto.SHA256.Size())),
	"SHA-384": lib.NewPSSParams(lib.CKM_SHA384, lib.CKG_MGF1_SHA384, uint(crypto.SHA384.Size())),
	"SHA-512": lib.NewPSSParams(lib.CKM_SHA512, lib.CKG_MGF1_SHA512, uint(crypto.SHA512.Size())),
}

// sign signs a digest.
func (t *token) sign(r *pkcs11.Request) ([]byte, error) {
	prefix, known := digestInfo[r.Hash]
	if !known {
		return nil, failure{sealkey.Unfit, "digests by " + r.Hash + " are not signed"}
	}
	mechanism, input := lib.NewMechanism(lib.CKM_ECDSA, nil), r.Digest
	switch {
	case t.kind == lib.CKK_RSA && r.PSS:
		mechanism = lib.NewMechanism(lib.CKM_RSA_PKCS_PSS, pssParams[r.Hash])
	case t.kind == lib.CKK_RSA:
		mechanism, input = lib.NewMechanism(lib.CKM_RSA_PKCS, nil), slices.Concat(prefix, r.Digest)
	}
	if err := t.module.SignInit(t.session, []*lib.Mechanism{mechanism}, t.key); err != nil {
		return nil, err
	}
	return t.module.Sign(t.session, input)
}

// close ends the session. Nobody is left to tell of errors.
func (t *token) close() {
	_ = t.module.Logout(t.session)
	_ = t.module.CloseSession(t.session)
	_ = t.module.Finalize()
	t.module.Destroy()
}
