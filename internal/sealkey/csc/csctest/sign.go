package csctest

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"time"
)

var (
	hashes     = map[string]crypto.Hash{"2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384}
	signatures = map[string]crypto.Hash{"1.2.840.10045.4.3.2": crypto.SHA256, "1.2.840.10045.4.3.3": crypto.SHA384, "1.2.840.10045.2.1": 0} // 0: any
)

// bound reads the digests of a request. ok is false where they are not as the API
// wants them, which is answered.
func (p *Provider) bound(w http.ResponseWriter, in map[string]any) (out []string, ok bool) {
	list, there := in["hashes"].([]any)
	if !there {
		if p.SCAL2 {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "Missing (or invalid type) parameter hashes, which SCAL 2 demands")
		}
		return nil, !p.SCAL2
	}
	h := hashes[text(in["hashAlgorithmOID"])]
	for _, one := range list {
		digest, err := base64.StdEncoding.DecodeString(text(one))
		if err != nil || h == 0 || len(digest) != h.Size() {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter hashes or hashAlgorithmOID")
			return nil, false
		}
		out = append(out, text(one))
	}
	if len(out) == 0 {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Empty hash array")
	}
	return out, len(out) > 0
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func (p *Provider) authorize(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	n, _ := in["numSignatures"].(float64)
	if n < 1 || n != float64(int(n)) || int(n) > max(1, p.Multisign) {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Numbers of signatures is too high, or none")
		return
	}
	bound, ok := p.bound(w, in)
	if !ok {
		return
	}
	if len(bound) > int(n) {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "there are more hashes than signatures")
		return
	}
	given, _ := in["authData"].([]any)
	if (or(p.Mode, "implicit") == "explicit") != (len(given) > 0) {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "authData are for explicit credentials, and needed there")
		return
	}
	values := map[string]string{}
	for _, one := range given {
		m, _ := one.(map[string]any)
		values[text(m["id"])] = text(m["value"])
	}
	for id, value := range p.AuthData {
		if values[id] != value {
			p.refuse(w, http.StatusForbidden, "invalid_pin", "The PIN is invalid")
			return
		}
	}
	p.open(w, bound, int(n))
}

// open answers with new activation data.
func (p *Provider) open(w http.ResponseWriter, bound []string, left int) {
	if p.fault == NoSAD {
		answer(w, map[string]any{"expiresIn": sadLife})
		return
	}
	sad := rand.Text()
	p.sads[sad] = &session{hashes: bound, left: left, until: p.Now().Add(sadLife * time.Second)}
	answer(w, map[string]any{"SAD": sad, "expiresIn": sadLife})
}

// session finds what activation data open; nil where that is answered.
func (p *Provider) session(w http.ResponseWriter, in map[string]any) *session {
	s := p.sads[text(in["SAD"])]
	switch {
	case s == nil || s.spent:
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter SAD")
	case p.Now().After(s.until):
		p.refuse(w, http.StatusForbidden, "invalid_request", "SAD expired")
	default:
		return s
	}
	return nil
}

func (p *Provider) extend(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	if p.fault == ForgetSession {
		p.refuse(w, http.StatusForbidden, "invalid_request", "SAD expired")
		return
	}
	s := p.session(w, in)
	if s == nil {
		return
	}
	bound, ok := p.bound(w, in)
	switch {
	case !ok:
	case s.left == 0:
		p.refuse(w, http.StatusBadRequest, "invalid_request", "the transaction allows no further signature")
	default:
		s.spent = true
		p.open(w, bound, s.left)
	}
}

func (p *Provider) signHash(w http.ResponseWriter, _ *http.Request, in map[string]any) {
	s := p.session(w, in)
	if s == nil {
		return
	}
	if mode := text(in["operationMode"]); mode != "" && mode != "S" {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter operationMode")
		return
	}
	algo := text(in["signAlgo"])
	h, known := signatures[algo]
	if !known || !slices.Contains(p.algos(), algo) {
		p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid parameter signAlgo")
		return
	}
	if h == 0 {
		h = hashes[text(in["hashAlgorithmOID"])]
	}
	var out []string
	list, _ := in["hashes"].([]any)
	for _, one := range list {
		digest, err := base64.StdEncoding.DecodeString(text(one))
		if err != nil || h == 0 || len(digest) != h.Size() {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "Invalid Base64 hashes string parameter, or hash algorithm")
			return
		}
		at := slices.Index(s.hashes, text(one))
		if s.left == 0 || len(s.hashes) > 0 && at < 0 || p.SCAL2 && at < 0 {
			p.refuse(w, http.StatusBadRequest, "invalid_request", "Hash is not authorized by the SAD")
			return
		}
		if s.left--; at >= 0 {
			s.hashes = slices.Delete(s.hashes, at, at+1)
		}
		value, err := p.signature(digest, h)
		if err != nil {
			p.refuse(w, http.StatusInternalServerError, "server_error", err.Error())
			return
		}
		out = append(out, base64.StdEncoding.EncodeToString(value))
	}
	switch p.fault {
	case TwoForOne:
		out = append(out, out...)
	case Pending:
		answer(w, map[string]string{"responseID": "later"})
		return
	}
	answer(w, map[string]any{"signatures": out})
}
