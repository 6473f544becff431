package server

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/ca"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/document"
	"github.com/paraph/paraph/internal/safehttp"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/revocation"
)

const (
	// maxRevocationList bounds a list of revoked certificates, in bytes. It goes into
	// every document of that issuer.
	maxRevocationList = 8 << 20
	// heldAnswers is how many OCSP answers and lists are kept for other documents.
	heldAnswers = 512
)

// protectionPlan says how far signed files are to be protected.
func protectionPlan(c *config.Config) document.Plan {
	p := document.Plan{Level: document.Level(c.SealLevel), Margin: c.RenewBefore, Foreign: c.ProtectForeign, Stamps: len(c.TimestampAuthorities) > 0}
	if c.SealLevel == "auto" {
		if p.Level, p.Highest = document.LevelB, true; p.Stamps {
			p.Level = document.LevelLTA
		}
	}
	return p
}

// stamping is how signatures get time stamps.
func (s *Server) stamping() *work.Stamping {
	out := &work.Stamping{Service: s.Service, Meter: s.Metrics, Log: s.log}
	if s.stamper != nil {
		out.Stamper = s.stamper
	}
	return out
}

// startRenewer starts what looks after the protection of signed files.
func (s *Server) startRenewer(ctx context.Context) {
	p := s.Service.Protection
	settings := fmt.Sprint(p.Level, p.Highest, p.Foreign, s.Config.TimestampAuthorities)
	r := work.NewRenewer(work.RenewerConfig{Service: s.Service, Store: s.Store, Clock: s.clock, Holder: s.leaseholder(), Settings: settings, Log: s.log})
	s.goPart(ctx, "protection", r.Run)
}

// evidence collects what a verifier needs later. It knows the certificates that are
// configured beside those that a file holds.
type evidence struct {
	*revocation.Collector
	known []*x509.Certificate
	pools []*x509.CertPool
}

func (s *Server) newEvidence() (pades.EvidenceSource, error) {
	allow, err := s.Config.Outbound()
	if err != nil {
		return nil, err
	}
	own := s.Keys.Authority
	collector, err := revocation.New(revocation.Config{
		HTTP:  safehttp.New(safehttp.Options{Allow: allow, PlainHTTP: true, Timeout: vouchTimeout, MaxBody: maxRevocationList}),
		Cache: revocation.NewMemory(heldAnswers), MaxCRL: maxRevocationList, Timeout: vouchTimeout, Now: s.clock.Now,
		CRL: func(issuer *x509.Certificate) []byte {
			if root := own.Own(); root == nil || !issuer.Equal(root) {
				return nil
			}
			list, err := own.List(s.clock.Now())
			if err != nil {
				s.log.Error("the list of revoked seal certificates could not be made", "error", err)
			}
			return list
		},
	})
	if err != nil {
		return nil, err
	}
	e := evidence{Collector: collector, known: own.Chain()}
	list, err := s.Config.Timestamping()
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		pool, err := timestampRoots(a.Roots)
		if err != nil {
			return nil, err
		}
		e.pools = append(e.pools, pool)
		if a.Roots != "" {
			e.known = append(e.known, certificatesIn(a.Roots)...)
		}
	}
	return e, nil
}

// revocationList gives what the own root has revoked; nothing where the root is
// somebody else's.
func (s *Server) revocationList() ([]byte, error) {
	list, err := s.Keys.Authority.List(s.clock.Now())
	if errors.Is(err, ca.ErrNoList) {
		return nil, nil
	}
	return list, err
}

// certificatesIn reads the certificates of a PEM file; what cannot be read is left out.
func certificatesIn(file string) (out []*x509.Certificate) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// Collect implements pades.EvidenceSource.
func (e evidence) Collect(ctx context.Context, cert *x509.Certificate, others []*x509.Certificate, at time.Time) (*revocation.Evidence, error) {
	others = append(append([]*x509.Certificate{}, others...), e.known...)
	between := x509.NewCertPool()
	for _, c := range others {
		between.AddCert(c)
	}
	for _, pool := range e.pools { // the system's roots are in no file of ours
		chains, err := cert.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err == nil {
			others = append(others, chains[0]...)
			break
		}
	}
	return e.Collector.Collect(ctx, cert, others, at)
}

// lookProtection tells how the signed files stand.
func lookProtection(ctx context.Context, c *config.Config, db *store.Store) []Finding {
	const about = "protection of signatures"
	plan := protectionPlan(c)
	var counts []service.ProtectionCount
	var state service.Anchoring
	err := db.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if counts, err = tx.ProtectionReport(ctx, "", nil, time.Now().UTC()); err != nil {
			return err
		}
		state, err = service.Protecting(ctx, tx)
		return err
	})
	if err != nil {
		return []Finding{{About: about, Says: err.Error()}}
	}
	f := Finding{About: about, OK: true}
	var files, soon, lacking int64
	reasons := map[string]int64{}
	for _, n := range counts {
		files += n.Files
		soon += n.Month
		if n.Code != "" && !n.Level.Reaches(n.Wanted) {
			lacking += n.Files
			reasons[n.Code] += n.Files
		}
	}
	f.Says = fmt.Sprintf("signed files: %d; %s is wanted", files, levelName(plan.Level))
	if lacking > 0 {
		f.OK = false
		f.Says += fmt.Sprintf(", which %d lack:%s", lacking, tallied(reasons))
		f.Mend = "curl …/v1/documents?protection_delayed=true"
	}
	if soon > 0 {
		f.OK = false
		f.Says += fmt.Sprintf("; the protection of %d runs out within 30 days", soon)
		f.Mend = cmp.Or(f.Mend, "curl …/v1/protection")
	}
	out := []Finding{f}
	if !state.DueSince.IsZero() {
		out = append(out, Finding{About: "time stamps for signatures", Says: fmt.Sprintf("none could be had since %s (%d attempts): %s; the next attempt is at %s",
			state.DueSince.Format(time.RFC3339), state.Attempts, state.Reason, state.RetryAt.Format(time.RFC3339)), Mend: "paraph config | grep -A1 timestamp"})
	}
	return out
}

func tallied(of map[string]int64) string {
	var b strings.Builder
	for _, code := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&b, " %d %s", of[code], code)
	}
	return b.String()
}

// protectedState gives what the gauges show of signed files.
func protectedState(counts []service.ProtectionCount, state service.Anchoring, out *telemetry.State) {
	p := &telemetry.Protected{Files: map[string]int64{}, Lacking: map[string]int64{}, DueSince: state.DueSince}
	for _, n := range counts {
		p.Files[cmp.Or(string(n.Level), "unmeasured")] += n.Files
		p.Ending += n.Month
		if n.Code != "" && !n.Level.Reaches(n.Wanted) {
			p.Lacking[n.Code] += n.Files
		}
	}
	out.Protected = p
}

// levelName gives a level as the standard writes it.
func levelName(l document.Level) string {
	if l == document.Unmeasured {
		return "not measured"
	}
	return "B-" + strings.ToUpper(string(l))
}
