package server

import (
	"context"

	"github.com/paraph/paraph/internal/clamd"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/work"
)

// newScanner gives who looks through files for malware; nil: nobody does.
func newScanner(c *config.Config) (*clamd.Client, error) {
	network, address, err := c.ScannerAddress()
	if err != nil || network == "" {
		return nil, err
	}
	return clamd.New(network, address), nil
}

// scanner is newScanner's, as the workers take it.
func (s *Server) scanner() work.Scanner {
	if s.clamd == nil {
		return nil
	}
	return s.clamd
}

// canScan tells whether the malware scanner answers, where one is configured. A process
// that also serves is not taken out of service for it: its documents wait.
func (s *Server) canScan(ctx context.Context) error {
	if s.clamd == nil || s.Config.Has(config.RoleAPI) {
		return nil
	}
	return s.clamd.Ping(ctx)
}

func lookScanner(ctx context.Context, c *config.Config) []Finding {
	const about = "malware scanner"
	d, err := newScanner(c)
	switch {
	case err != nil:
		return []Finding{{About: about, Says: err.Error(), Mend: "paraph config | grep -A1 scanner"}}
	case d == nil:
		return []Finding{{About: about, OK: true, Says: "none is configured; files are not looked through for malware"}}
	}
	if err := d.Ping(ctx); err != nil {
		return []Finding{{About: about, Says: err.Error(), Mend: "systemctl start clamav-daemon"}}
	}
	return []Finding{{About: about, OK: true, Says: c.Scanner + " answers"}}
}
