package server

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// SetupLink is a link by which somebody becomes administrator, once.
type SetupLink struct {
	URL       string    `json:"setup_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewSetupLink makes a set-up link on the machine, beside a running server or before
// its first start; org "" is for the first organisation, which is not there yet.
// Faults: those of service.NewSetupLink.
func NewSetupLink(ctx context.Context, c *config.Config, org string) (SetupLink, error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return SetupLink{}, err
	}
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c)})
	if err != nil {
		return SetupLink{}, err
	}
	token, until, err := service.NewSetupLink(ctx, db, org)
	base := c.PublicURL
	if base == "" {
		base = "http://" + c.Listen
	}
	return SetupLink{service.SetupURL(base, token), until}, errors.Join(err, db.Close())
}
