package paraph

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// webhookTolerance is how far a webhook's time may be from now.
const webhookTolerance = 5 * time.Minute

// ErrWebhook is returned for a webhook that is not from the server, or not of now.
// The error that comes says which, for the receiver's own log.
var ErrWebhook = errors.New("paraph: the webhook is not genuine")

// Webhooks verifies the webhooks of an endpoint (Standard Webhooks 1.0).
type Webhooks struct {
	secrets [][]byte
	keys    []ed25519.PublicKey
	now     func() time.Time
}

// NewWebhooks takes the endpoint's secrets (whsec_…) or public keys (whpk_…): more
// than one while they are rotated.
func NewWebhooks(secrets ...string) (*Webhooks, error) {
	w := &Webhooks{now: time.Now}
	for _, s := range secrets {
		kind, rest, _ := strings.Cut(s, "_")
		raw, err := base64.StdEncoding.DecodeString(rest)
		switch {
		case err == nil && kind == "whsec" && len(raw) > 0:
			w.secrets = append(w.secrets, raw)
		case err == nil && kind == "whpk" && len(raw) == ed25519.PublicKeySize:
			w.keys = append(w.keys, raw)
		default:
			return nil, errors.New("paraph: a webhook's secret is whsec_ or whpk_ and base 64")
		}
	}
	if len(w.secrets)+len(w.keys) == 0 {
		return nil, errors.New("paraph: a webhook cannot be verified without a secret")
	}
	return w, nil
}

// Verify gives the event of a webhook whose signature is good. body is the request's
// body, byte for byte.
func (w *Webhooks) Verify(h http.Header, body []byte) (*Event, error) {
	id, stamp := h.Get("Webhook-Id"), h.Get("Webhook-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return nil, errors.Join(ErrWebhook, errors.New("a header is missing"))
	}
	if w.now().Sub(time.Unix(at, 0)).Abs() > webhookTolerance {
		return nil, errors.Join(ErrWebhook, errors.New("its time is not now"))
	}
	text := append([]byte(id+"."+stamp+"."), body...)
	for _, signature := range strings.Fields(h.Get("Webhook-Signature")) {
		version, rest, _ := strings.Cut(signature, ",")
		raw, err := base64.StdEncoding.DecodeString(rest)
		if err != nil || !w.good(version, raw, text) {
			continue
		}
		var e Event
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, errors.Join(ErrWebhook, errors.New("its body is no event"))
		}
		return &e, nil
	}
	return nil, errors.Join(ErrWebhook, errors.New("no signature fits"))
}

func (w *Webhooks) good(version string, signature, text []byte) bool {
	switch version {
	case "v1":
		for _, secret := range w.secrets {
			mac := hmac.New(sha256.New, secret)
			mac.Write(text)
			if hmac.Equal(mac.Sum(nil), signature) {
				return true
			}
		}
	case "v1a":
		for _, key := range w.keys {
			if ed25519.Verify(key, text, signature) {
				return true
			}
		}
	}
	return false
}
