package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
	"github.com/paraph/paraph/pades/tsp"
)

// maxStampAnswer bounds the answer of a time stamping authority, in bytes.
const maxStampAnswer = 256 << 10

// newStamper makes the client of the configured time stamping authorities; nil
// where there are none. Plain HTTP is taken, since tokens are signed.
func newStamper(c *config.Config, now func() time.Time) (*tsp.Client, error) {
	authorities, err := endpoints(c)
	if err != nil || len(authorities) == 0 {
		return nil, err
	}
	return stamperOf(c, now, authorities...)
}

func stamperOf(c *config.Config, now func() time.Time, authorities ...tsp.Endpoint) (*tsp.Client, error) {
	allow, err := c.Outbound()
	if err != nil {
		return nil, err
	}
	client, err := tsp.NewClient(tsp.ClientConfig{Authorities: authorities, MaxBody: maxStampAnswer, Timeout: vouchTimeout, Now: now,
		HTTP: safehttp.New(safehttp.Options{Allow: allow, PlainHTTP: true, Timeout: vouchTimeout, MaxBody: maxStampAnswer})})
	if err != nil {
		return nil, fmt.Errorf("timestamp-authorities: %w", err)
	}
	return client, nil
}

// endpoints gives the authorities with their roots read.
func endpoints(c *config.Config) (out []tsp.Endpoint, err error) {
	list, err := c.Timestamping()
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		roots, err := timestampRoots(a.Roots)
		if err != nil {
			return nil, err
		}
		out = append(out, tsp.Endpoint{URL: a.URL, Policy: a.Policy, User: a.User.Reveal(), Password: a.Password.Reveal(), Bearer: a.Bearer.Reveal(), Chain: tsp.Roots(roots)})
	}
	return out, nil
}

func timestampRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return x509.SystemCertPool()
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("timestamp-roots: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("timestamp-roots: %s holds no certificate", file)
	}
	return pool, nil
}

// timestampTrust gives the configured root certificates, for packages; nil where
// they are the system's.
func timestampTrust(c *config.Config) []byte {
	list, err := c.Timestamping()
	if err != nil {
		return nil
	}
	var out []byte
	for _, a := range list {
		raw, err := os.ReadFile(a.Roots)
		if a.Roots != "" && err == nil && !bytes.Contains(out, raw) {
			out = append(append(out, raw...), '\n')
		}
	}
	return out
}

// anchorPlan says who time-stamps the log; nil where nobody is to.
func anchorPlan(c *config.Config) *service.AnchorPlan {
	list, err := c.Timestamping()
	if err != nil || len(list) == 0 || c.AnchorInterval == 0 {
		return nil
	}
	out := &service.AnchorPlan{Interval: c.AnchorInterval}
	for _, a := range list {
		out.Authorities = append(out.Authorities, (&tsp.Endpoint{URL: a.URL}).Address())
	}
	return out
}

// startAnchors starts what has checkpoints time-stamped.
func (s *Server) startAnchors(ctx context.Context) {
	if s.stamper == nil || s.Config.AnchorInterval == 0 {
		return
	}
	a := work.NewAnchors(work.AnchorsConfig{
		Service: s.Service, Store: s.Store, Keeper: s.keeper, Verifier: s.signer.Verifier(), Stamper: s.stamper,
		Interval: s.Config.AnchorInterval, Clock: s.clock, Holder: s.leaseholder(), Meter: s.Metrics, Log: s.log,
	})
	s.goPart(ctx, "anchors", a.Run)
}

// anchoredState gives what the gauges show of time stamps.
func anchoredState(state service.Vouching, out *telemetry.State) {
	if state.Anchors == nil {
		return
	}
	out.Anchored = &telemetry.Anchored{DueSince: state.Anchoring.DueSince}
	if state.Anchor != nil {
		out.Anchored.At = state.Anchor.StampedAt
	}
}

// lookTimestamps has each time stamping authority stamp a random digest.
func lookTimestamps(ctx context.Context, c *config.Config) []Finding {
	const about = "time stamps"
	mend := "paraph config | grep -A1 timestamp"
	authorities, err := endpoints(c)
	if err != nil {
		return []Finding{{About: about, Says: err.Error(), Mend: mend}}
	}
	if len(authorities) == 0 {
		return []Finding{{About: about, OK: true, Says: "no time stamping authority is configured; the log carries no time from outside"}}
	}
	var out []Finding
	for _, a := range authorities {
		f := Finding{About: "time stamps by " + a.Address(), Mend: mend}
		digest := make([]byte, crypto.SHA256.Size())
		if _, err := rand.Read(digest); err != nil {
			return []Finding{{About: about, Says: err.Error()}}
		}
		client, err := stamperOf(c, nil, a)
		var stamp *tsp.Stamp
		began := time.Now()
		if err == nil {
			stamp, err = client.Stamp(ctx, crypto.SHA256, digest)
		}
		if err != nil {
			f.Says = err.Error()
		} else {
			f = Finding{About: f.About, OK: true, Says: fmt.Sprintf("%s answers in %s under the policy %s; its certificate is valid until %s",
				stamp.Signer.Subject, time.Since(began).Round(time.Millisecond), stamp.Token.Policy, stamp.Signer.NotAfter.Format(time.DateOnly))}
		}
		out = append(out, f)
	}
	return out
}

// lookAnchors tells of the newest time stamp over the log, and of one that could
// not be had.
func lookAnchors(ctx context.Context, c *config.Config, db *store.Store) []Finding {
	if anchorPlan(c) == nil {
		return nil
	}
	f := Finding{About: "anchors of the log", OK: true, Says: "none yet"}
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		newest, err := tx.Anchors(ctx, service.AnchorFilter{Limit: 1})
		if err != nil {
			return err
		}
		if len(newest) > 0 {
			f.Says = fmt.Sprintf("the newest is of %s, over %d entries", newest[0].StampedAt.Format(time.RFC3339), newest[0].Size)
		}
		state, err := service.ReadAnchoring(ctx, tx)
		if err == nil && !state.DueSince.IsZero() {
			f.OK = false
			f.Says = fmt.Sprintf("one is due since %s (%d attempts): %s; %s", state.DueSince.Format(time.RFC3339), state.Attempts, state.Reason, f.Says)
		}
		return err
	})
	if err != nil {
		f = Finding{About: f.About, Says: err.Error()}
	}
	return []Finding{f}
}
