package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"html"
	"maps"
	"net/url"
	"regexp"
)

var (
	formAt  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	inputAt = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]*>`)
	valueAt = regexp.MustCompile(` value="([^"]*)"`)
)

// fill gives the form of a page as the person would send it; nil where there is none.
func fill(set setting, page []byte) (url.Values, string) {
	m := formAt.FindSubmatch(page)
	if m == nil {
		return nil, ""
	}
	form := url.Values{"answer": {"allow"}}
	for _, input := range inputAt.FindAllSubmatch(page, -1) {
		value := ""
		if v := valueAt.FindSubmatch(input[0]); v != nil {
			value = html.UnescapeString(string(v[1]))
		}
		form.Set(string(input[1]), value)
	}
	if form.Has("secret") {
		form.Set("key", set.Person.ID)
		form.Set("secret", set.Person.Secret)
	}
	return form, string(m[1])
}

// drawJWK draws a P-256 key, as JWKs.
func drawJWK() (private, public map[string]any, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, nil, err
	}
	d, err := key.Bytes()
	if err != nil {
		return nil, nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	public = map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "judge", "x": b64(point[1:33]), "y": b64(point[33:])}
	private = maps.Clone(public)
	private["d"] = b64(d)
	return private, public, nil
}
