package service

import (
	"cmp"
	"context"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/event"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
)

// Bounds of what wrong credentials may write: whoever floods fills neither the memory
// nor the log.
const (
	maxFailures = 1000 // kinds of them that are told apart in a minute
	maxFailed   = 20   // entries of an organisation in a minute; the rest is one more
	// FailuresEvery is how often they are written.
	FailuresEvery = time.Minute
)

// failure is by what wrong credentials are told apart.
type failure struct{ way, client, address string }

// NoteFailedLogin notes that credentials were wrong: in which way somebody wanted in,
// whose they were to be, and from where they came.
func (s *Service) NoteFailedLogin(way, clientID, address string) {
	s.failed.add(failure{way, clientID, address}, failure{way: way}, s.Clock.Now())
}

// WriteFailedLogins writes what was noted since it last did: an entry for each way,
// client and address, up to a bound, in the log of the client's organisation, or of
// whoever runs the installation where there is no such client.
func (s *Service) WriteFailedLogins(ctx context.Context) error {
	noted := s.failed.take()
	if len(noted) == 0 {
		return nil
	}
	byOrg, err := s.failedByOrg(ctx, noted)
	for org, list := range byOrg {
		if err == nil {
			err = s.writeFailed(ctx, org, list)
		}
	}
	return err
}

// failedByOrg finds out whose they were to be. Nobody learns by the log which clients
// there are elsewhere: a name of no client is left out.
func (s *Service) failedByOrg(ctx context.Context, noted map[failure]tally) (out map[string]map[failure]tally, err error) {
	err = s.Store.Read(Across(ctx, "noting failed logins"), func(ctx context.Context, tx Reader) error {
		out = map[string]map[failure]tally{}
		first, err := home(ctx, tx)
		if err != nil || first == "" {
			return err
		}
		for f, tries := range noted {
			org := first
			if f.client != "" {
				cl, err := tx.Client(ctx, f.client)
				switch {
				case err == nil:
					org = cl.Org
				case fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Invalid:
					f.client = ""
				default:
					return err
				}
			}
			if out[org] == nil {
				out[org] = map[failure]tally{}
			}
			sum := out[org][f]
			sum.add(tries)
			out[org][f] = sum
		}
		return nil
	})
	return out, err
}

// writeFailed writes one organisation's, the most frequent apart and the rest together.
func (s *Service) writeFailed(ctx context.Context, org string, list map[failure]tally) error {
	order, rest := mostFrequent(list, maxFailed, func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.address, b.address), cmp.Compare(a.way, b.way))
	})
	_, err := run(ctx, s, SystemCall(org, "security", ""), false, func(_ context.Context, c *change) (struct{}, error) {
		for _, f := range order {
			if err := c.logFailed(org, f, list[f]); err != nil {
				return struct{}{}, err
			}
		}
		if rest.count == 0 {
			return struct{}{}, nil
		}
		return struct{}{}, c.logFailed(org, failure{}, rest)
	})
	return err
}

func (c *change) logFailed(org string, f failure, tries tally) error {
	c.actor.Source = access.Source{Peer: f.address}
	return c.log(org, "", note{kind: journal.CredentialsFailed, subject: "client", id: cmp.Or(f.client, "unknown"),
		data: event.CredentialsFailed{ClientID: f.client, Address: f.address, Way: f.way, Count: tries.count, Since: &tries.since, Until: &tries.until}})
}
