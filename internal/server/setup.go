package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
)

// SetupLink is a link by which somebody becomes administrator, once.
type SetupLink struct {
	URL       string    `json:"setup_url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// firstStart lets somebody in where there is no organisation yet: by a link, or by a
// credential of an administrator that is made at once.
func (s *Server) firstStart(ctx context.Context) error {
	if s.opts.SetupLink {
		token, until, err := service.NewSetupLink(ctx, s.Store, "")
		switch {
		case err == nil:
			s.setup = &SetupLink{URL: token, ExpiresAt: until}
		case fault.CodeOf(err) != "set_up":
			return fmt.Errorf("the set-up link: %w", err)
		}
		return nil
	}
	admin, made, err := s.Service.Bootstrap(ctx, s.Config.Organisation)
	if err != nil {
		return fmt.Errorf("the first organisation: %w", err)
	}
	if made {
		s.Admin = &admin
	}
	return nil
}

// Setup gives the set-up link of a first start; false where there is none.
func (s *Server) Setup() (SetupLink, bool) {
	if s.setup == nil {
		return SetupLink{}, false
	}
	return SetupLink{service.SetupURL(s.URL(), s.setup.URL), s.setup.ExpiresAt}, true
}

// NewSetupLink makes a set-up link on the machine, beside a running server or without
// one; org "" is for the first organisation, which is not there yet.
// Faults: those of service.NewSetupLink.
func NewSetupLink(ctx context.Context, c *config.Config, org string) (SetupLink, error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "a set-up link"})
	if err != nil {
		return SetupLink{}, err
	}
	token, until, err := service.NewSetupLink(ctx, db, org)
	base := strings.TrimRight(c.PublicURL, "/")
	if base == "" {
		base = "http://" + c.Listen
	}
	return SetupLink{service.SetupURL(base, token), until}, errors.Join(err, db.Close())
}

// SwitchOffDeviceRules switches off what an organisation demands of devices, on the
// machine: for the day on which nobody can meet it any more. It gives how many rules
// were in force. A running server hears of it within seconds. Fault NotFound.
func SwitchOffDeviceRules(ctx context.Context, c *config.Config, org string) (int, error) {
	db, err := store.Open(ctx, store.Options{URL: DatabaseURL(c), KeepSchema: true, Across: "switching off device rules"})
	if err != nil {
		return 0, err
	}
	n, err := service.New(service.Config{Store: db}).SwitchOffDeviceRules(ctx, org)
	return n, errors.Join(err, db.Close())
}
