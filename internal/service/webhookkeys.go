package service

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/webhook"
)

// OpenSecret is a signing secret as it is used.
type OpenSecret struct {
	Text      string
	ExpiresAt time.Time // zero: in force
}

// EndpointKeys are the secrets of an endpoint, opened to serve it.
type EndpointKeys struct {
	Secrets []OpenSecret // oldest first
	sealedParts
}

// sealedParts is what is secret of an endpoint beside its signing secrets. Its
// JSON rests sealed in the endpoint's row.
type sealedParts struct {
	Headers map[string]string `json:"headers,omitempty"`
	TLSKey  string            `json:"tls_key,omitempty"` // PEM
}

func secretContext(endpointID string, no int) []byte {
	return []byte("webhook secret\x00" + endpointID + "\x00" + strconv.Itoa(no))
}

func partsContext(endpointID string) []byte { return []byte("webhook endpoint\x00" + endpointID) }

// EndpointKeys opens the secrets of an endpoint for those that serve it.
func (s *Service) EndpointKeys(ctx context.Context, e webhook.Endpoint) (keys EndpointKeys, err error) {
	var rows []webhook.Secret
	var sealed []byte
	err = s.Store.Read(Within(ctx, e.Org), func(ctx context.Context, tx Reader) error {
		if sealed, err = tx.EndpointSealed(ctx, e.No); err != nil {
			return err
		}
		rows, err = tx.WebhookSecrets(ctx, e.No, s.Clock.Now())
		return err
	})
	if err != nil {
		return keys, err
	}
	if keys.sealedParts, err = s.openParts(e.ID, sealed); err != nil {
		return keys, err
	}
	for _, r := range rows {
		text, err := s.Secrets.Open(r.Sealed, secretContext(e.ID, r.No))
		if err != nil {
			return keys, fault.Wrap(err, fault.Internal, "internal", "A secret of the endpoint cannot be opened.")
		}
		keys.Secrets = append(keys.Secrets, OpenSecret{string(text), r.ExpiresAt})
	}
	return keys, nil
}

func (s *Service) openParts(endpointID string, sealed []byte) (parts sealedParts, err error) {
	if len(sealed) == 0 {
		return parts, nil
	}
	plain, err := s.Secrets.Open(sealed, partsContext(endpointID))
	if err != nil {
		return parts, fault.Wrap(err, fault.Internal, "internal", "The headers of the endpoint cannot be opened.")
	}
	return parts, json.Unmarshal(plain, &parts)
}

// sealParts seals what is secret; nil where there is nothing.
func (s *Service) sealParts(endpointID string, parts sealedParts) ([]byte, error) {
	if len(parts.Headers) == 0 && parts.TLSKey == "" {
		return nil, nil
	}
	plain, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	return s.Secrets.Seal(plain, partsContext(endpointID))
}
