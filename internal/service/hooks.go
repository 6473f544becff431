package service

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/hook"
	"github.com/paraph/paraph/internal/id"
	"github.com/paraph/paraph/internal/journal"
)

// Mapper runs mappings: jq programs that make a command's data of an event. It is
// implemented by internal/mapping, in a child process.
type Mapper interface {
	// Check reads a program. Fault Invalid "bad_mapping" says what is wrong with it.
	Check(ctx context.Context, program string) error
	// Map gives the first output of a program for an input, both JSON; nil where there
	// is none, or null. Faults: Invalid "bad_mapping" where the program fails on this
	// input, takes too long or too much; Unavailable "mapping_unavailable".
	Map(ctx context.Context, program string, input []byte) ([]byte, error)
}

type hookReader interface {
	// HookSource finds a source by id alone: whoever sends to it names no organisation.
	HookSource(ctx context.Context, id string) (hook.Source, error)
	HookSources(ctx context.Context, org string) ([]hook.Source, error) // by id
	// HookSecrets gives a source's secrets that have not run out at now, newest first.
	HookSecrets(ctx context.Context, sourceID string, now time.Time) ([]hook.Secret, error)
}

type hookWriter interface {
	InsertHookSource(ctx context.Context, s hook.Source) error
	// UpdateHookSource compare-and-swaps (Conflict "stale").
	UpdateHookSource(ctx context.Context, s *hook.Source) error
	// DeleteHookSource removes a source with its secrets.
	DeleteHookSource(ctx context.Context, org, id string) error
	InsertHookSecret(ctx context.Context, s hook.Secret) error
	// EndHookSecrets lets the source's secrets of a purpose run out at the time, where
	// they did not do so earlier; all of them, or the one of that id.
	EndHookSecrets(ctx context.Context, sourceID string, purpose hook.Purpose, id string, at time.Time) error
}

// SourceSetting is what an administrator says of a source; nil and "" leave things
// as they are, or take the preset's word.
type SourceSetting struct {
	Unit      *string
	Name      *string
	Preset    string
	Scheme    *hook.Scheme
	Trust     *hook.Trust
	Tolerance *time.Duration
	Client    *string
	Command   *string
	Program   *string
	Fetch     *hook.Fetch // an empty URL takes it away
	// FetchSecret is the value of Fetch.Header; "" leaves it.
	FetchSecret string
	Disabled    *bool
}

// SourceSecret is a source with a secret that is shown this once; "" where the
// caller named it.
type SourceSecret struct {
	Source hook.Source
	Secret hook.Secret
	Shown  string
}

// CreateHookSource sets up a source. Without a secret one is made, where the scheme
// allows that.
//
// Faults: Invalid "invalid_hook_source" listing everything, "bad_secret", "bad_mapping";
// Forbidden "missing_scope".
func (s *Service) CreateHookSource(ctx context.Context, call Call, in SourceSetting, secret string) (Result[SourceSecret], error) {
	src := hook.Source{Org: call.Actor.Org, Preset: hook.Custom, Tolerance: hook.DefaultTolerance}
	if err := access.Allowed(call.Actor, access.ManageSettings); err != nil {
		return Result[SourceSecret]{}, err
	}
	if err := applyPreset(&src, in); err != nil {
		return Result[SourceSecret]{}, err
	}
	applySetting(&src, in)
	if err := s.checkProgram(ctx, &src); err != nil {
		return Result[SourceSecret]{}, err
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (SourceSecret, error) {
		src := src
		src.ID, src.CreatedAt, src.UpdatedAt, src.Revision = id.New(hook.SourcePrefix, c.Now()), c.Now(), c.Now(), 1
		if err := c.checkSource(ctx, &src); err != nil {
			return SourceSecret{}, err
		}
		sec, shown, err := s.newSecret(&src, hook.ForVerify, secret, c.Now())
		if err != nil {
			return SourceSecret{}, err
		}
		if err := c.InsertHookSource(ctx, src); err != nil {
			return SourceSecret{}, err
		}
		if err := c.InsertHookSecret(ctx, sec); err != nil {
			return SourceSecret{}, err
		}
		if err := s.keepFetchSecret(ctx, c, &src, nil, in.FetchSecret); err != nil {
			return SourceSecret{}, err
		}
		return SourceSecret{src, sec, shown}, c.logSource(&src, journal.HookSourceCreated, "")
	})
}

// applyPreset takes over what a preset says.
func applyPreset(src *hook.Source, in SourceSetting) error {
	if in.Preset != "" && in.Preset != hook.Custom {
		p, ok := hook.PresetOf(in.Preset)
		if !ok {
			return fault.New(fault.Invalid, "invalid_hook_source", "The source has faults.").With(fault.Detail{Pointer: "/preset", Code: "unknown_preset", Message: "There is no preset " + in.Preset + "."})
		}
		src.Preset, src.Scheme, src.Trust = p.Name, p.Scheme, p.Trust
	}
	if in.Scheme != nil {
		src.Scheme, src.Trust = *in.Scheme, in.Scheme.DefaultTrust()
	}
	return nil
}

// applySetting takes over what was said; the rest stays.
func applySetting(src *hook.Source, in SourceSetting) {
	set(&src.Unit, in.Unit)
	set(&src.Name, in.Name)
	set(&src.Trust, in.Trust)
	set(&src.Tolerance, in.Tolerance)
	set(&src.Client, in.Client)
	set(&src.Command, in.Command)
	set(&src.Program, in.Program)
	set(&src.Disabled, in.Disabled)
	if in.Fetch != nil {
		if src.Fetch = in.Fetch; in.Fetch.URL == "" {
			src.Fetch = nil
		}
	}
	if src.Command != "" && src.Program == "" {
		src.Program = map[hook.Trust]string{hook.TrustHint: ".fact", hook.TrustPayload: ".event"}[src.Trust]
	}
}

func (s *Service) checkProgram(ctx context.Context, src *hook.Source) error {
	if src.Program == "" || len(src.Program) > hook.MaxProgram {
		return nil
	}
	if s.Mapper == nil {
		return fault.New(fault.Unavailable, "mapping_unavailable", "This process runs no mappings.")
	}
	return s.Mapper.Check(ctx, src.Program)
}

// checkSource lists everything wrong with a source, and makes sure that the actor
// may give its events the rights of its client.
func (c *change) checkSource(ctx context.Context, src *hook.Source) error {
	var l fault.List
	src.Check(&l)
	if src.Unit == "" && c.actor.Units != nil {
		l.Add("/business_unit", "required", "You are confined to business units, so name which of them the source belongs to.")
	} else if src.Unit != "" {
		if _, err := c.Unit(ctx, src.Org, src.Unit); fault.KindOf(err) == fault.NotFound || err == nil && !c.actor.InUnit(src.Unit) {
			l.Add("/business_unit", "unknown_unit", "There is no business unit %s.", src.Unit)
		} else if err != nil {
			return err
		}
	}
	if _, ok := commands[src.Command]; src.Command != "" && !ok {
		l.Add("/action/command", "unknown_command", "There is no command %q; there are %s.", src.Command, strings.Join(Commands(), ", "))
	}
	if src.Client != "" {
		cl, err := c.Client(ctx, src.Client)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if err != nil || cl.Org != src.Org || !cl.RevokedAt.IsZero() || !manages(c.actor, cl) {
			l.Add("/action/client_id", "unknown_client", "There is no client %s that is in force, or it is not yours to manage.", src.Client)
		}
	}
	return l.Err("invalid_hook_source", "The source has faults.")
}

// newSecret seals a secret of a source; "" makes one. shown is what was made.
func (s *Service) newSecret(src *hook.Source, purpose hook.Purpose, value string, now time.Time) (sec hook.Secret, shown string, err error) {
	if purpose == hook.ForVerify {
		if value == "" {
			if value, err = makeSecret(&src.Scheme); err != nil {
				return sec, "", err
			}
			shown = value
		}
		if _, err := src.Scheme.ReadKey(value); err != nil {
			return sec, "", err
		}
	}
	sec = hook.Secret{ID: id.New(hook.SecretPrefix, now), Org: src.Org, SourceID: src.ID, Purpose: purpose, CreatedAt: now}
	sec.Sealed, err = s.Box.Seal([]byte(value), SealContext("hook_secret", sec.Org, sec.ID))
	return sec, shown, err
}

// makeSecret draws 256 random bits and writes them as the scheme wants them.
func makeSecret(sc *hook.Scheme) (string, error) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	switch {
	case sc.Kind == hook.Basic:
		return "hook:" + hex.EncodeToString(raw[:]), nil
	case sc.Kind == hook.Token, sc.Kind == hook.HMAC && sc.KeyEncoding != "base64":
		return sc.KeyPrefix + hex.EncodeToString(raw[:]), nil
	case sc.Kind == hook.HMAC:
		return sc.KeyPrefix + base64.StdEncoding.EncodeToString(raw[:]), nil
	}
	return "", fault.New(fault.Invalid, "bad_secret", "The secret of this scheme is the sender's public key, which only the sender can make. Send it along.")
}

// keepFetchSecret puts the value of the header with which facts are fetched in the
// place of the one before. Without a value the one before stays, unless it would be
// sent to another host than the one it was given for (before; nil: there was none).
func (s *Service) keepFetchSecret(ctx context.Context, c *change, src *hook.Source, before *hook.Fetch, value string) error {
	if value == "" {
		if before.Host() == src.Fetch.Host() {
			return nil
		}
		return c.EndHookSecrets(ctx, src.ID, hook.ForFetch, "", c.Now())
	}
	if src.Fetch == nil || src.Fetch.Header == "" || len(value) > hook.MaxSecret || strings.ContainsAny(value, "\r\n\x00") {
		return fault.New(fault.Invalid, "bad_secret", "The value of a header with which facts are fetched is one line, and the header has a name.")
	}
	sec, _, err := s.newSecret(src, hook.ForFetch, value, c.Now())
	if err != nil {
		return err
	}
	if err := c.EndHookSecrets(ctx, src.ID, hook.ForFetch, "", c.Now()); err != nil {
		return err
	}
	return c.InsertHookSecret(ctx, sec)
}

func (c *change) logSource(src *hook.Source, kind journal.Kind, secret string) error {
	data := map[string]any{"source_id": src.ID, "name": src.Name, "preset": src.Preset, "trust": src.Trust, "command": src.Command, "client_id": src.Client, "disabled": src.Disabled}
	if secret != "" {
		data["secret_id"] = secret
	}
	return c.log(src.Org, src.Unit, note{kind: kind, subject: "hook_source", id: src.ID, data: data})
}

// source reads a source for an administrator: NotFound where it is not theirs.
func sourceFor(ctx context.Context, tx Reader, a access.Actor, sourceID string) (hook.Source, error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return hook.Source{}, err
	}
	src, err := tx.HookSource(ctx, sourceID)
	if err == nil && (src.Org != a.Org || !ownsUnit(a, src.Unit)) {
		err = access.NotFound()
	}
	if err != nil {
		return hook.Source{}, err
	}
	return src, nil
}

// ownsUnit tells whether an administrator may manage what belongs to a unit; ""
// stands for the whole organisation.
func ownsUnit(a access.Actor, unit string) bool {
	return a.Units == nil || unit != "" && a.InUnit(unit)
}

// ChangeHookSource changes a source. Events that came in before are processed as it
// is then. Faults: NotFound; as CreateHookSource.
func (s *Service) ChangeHookSource(ctx context.Context, call Call, sourceID string, in SourceSetting) (Result[hook.Source], error) {
	if in.Program != nil {
		if err := s.checkProgram(ctx, &hook.Source{Program: *in.Program}); err != nil {
			return Result[hook.Source]{}, err
		}
	}
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (hook.Source, error) {
		src, err := sourceFor(ctx, c, c.actor, sourceID)
		if err != nil {
			return src, err
		}
		before := src.Fetch
		if err := applyPreset(&src, in); err != nil {
			return src, err
		}
		applySetting(&src, in)
		src.UpdatedAt = c.Now()
		if err := c.checkSource(ctx, &src); err != nil {
			return src, err
		}
		if err := s.keepFetchSecret(ctx, c, &src, before, in.FetchSecret); err != nil {
			return src, err
		}
		if err := c.UpdateHookSource(ctx, &src); err != nil {
			return src, err
		}
		return src, c.logSource(&src, journal.HookSourceChanged, "")
	})
}

// RemoveHookSource removes a source with its secrets. What it has sent before stays;
// what waits goes into quarantine. Faults: NotFound.
func (s *Service) RemoveHookSource(ctx context.Context, call Call, sourceID string) (Result[hook.Source], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (hook.Source, error) {
		src, err := sourceFor(ctx, c, c.actor, sourceID)
		if err != nil {
			return src, err
		}
		if err := c.DeleteHookSource(ctx, src.Org, src.ID); err != nil {
			return src, err
		}
		return src, c.logSource(&src, journal.HookSourceRemoved, "")
	})
}

// MaxOverlap is the longest time for which an old secret goes on counting.
const MaxOverlap = 30 * 24 * time.Hour

// AddHookSecret gives a source another secret; "" makes one. Those before it count
// for the overlap still, so that the sender can be told in between.
// Faults: NotFound; Invalid "bad_secret"; Conflict "too_many_secrets".
func (s *Service) AddHookSecret(ctx context.Context, call Call, sourceID, value string, overlap time.Duration) (Result[SourceSecret], error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Result[SourceSecret]{}, fault.New(fault.Invalid, "bad_secret", "The overlap is 0 to %d seconds.", int(MaxOverlap.Seconds()))
	}
	return run(ctx, s, call, true, func(ctx context.Context, c *change) (SourceSecret, error) {
		src, err := sourceFor(ctx, c, c.actor, sourceID)
		if err != nil {
			return SourceSecret{}, err
		}
		there, err := c.HookSecrets(ctx, src.ID, c.Now())
		if err != nil {
			return SourceSecret{}, err
		}
		if len(there) >= hook.MaxSecrets {
			return SourceSecret{}, fault.New(fault.Conflict, "too_many_secrets", "The source has %d secrets in force. End one of them first.", len(there))
		}
		sec, shown, err := s.newSecret(&src, hook.ForVerify, value, c.Now())
		if err != nil {
			return SourceSecret{}, err
		}
		if err := c.EndHookSecrets(ctx, src.ID, hook.ForVerify, "", c.Now().Add(overlap)); err != nil {
			return SourceSecret{}, err
		}
		if err := c.InsertHookSecret(ctx, sec); err != nil {
			return SourceSecret{}, err
		}
		return SourceSecret{src, sec, shown}, c.logSource(&src, journal.HookSecretAdded, sec.ID)
	})
}

// EndHookSecret ends a secret at once. Faults: NotFound.
func (s *Service) EndHookSecret(ctx context.Context, call Call, sourceID, secretID string) (Result[hook.Secret], error) {
	return run(ctx, s, call, false, func(ctx context.Context, c *change) (hook.Secret, error) {
		src, err := sourceFor(ctx, c, c.actor, sourceID)
		if err != nil {
			return hook.Secret{}, err
		}
		there, err := c.HookSecrets(ctx, src.ID, c.Now())
		if err != nil {
			return hook.Secret{}, err
		}
		for _, sec := range there {
			if sec.ID != secretID {
				continue
			}
			if err := c.EndHookSecrets(ctx, src.ID, sec.Purpose, sec.ID, c.Now()); err != nil {
				return sec, err
			}
			sec.ExpiresAt, sec.Sealed = c.Now(), nil
			return sec, c.logSource(&src, journal.HookSecretEnded, sec.ID)
		}
		return hook.Secret{}, access.NotFound()
	})
}

// HookSource gives a source and its secrets, without their values. Faults: NotFound.
func (s *Service) HookSource(ctx context.Context, a access.Actor, sourceID string) (src hook.Source, secrets []hook.Secret, err error) {
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		if src, err = sourceFor(ctx, tx, a, sourceID); err != nil {
			return err
		}
		secrets, err = tx.HookSecrets(ctx, src.ID, s.Clock.Now())
		return err
	})
	for i := range secrets {
		secrets[i].Sealed = nil
	}
	return src, secrets, err
}

// HookSources lists the sources that the administrator manages.
func (s *Service) HookSources(ctx context.Context, a access.Actor) (out []hook.Source, err error) {
	if err := access.Allowed(a, access.ManageSettings); err != nil {
		return nil, err
	}
	err = s.Store.Read(Within(ctx, a.Org), func(ctx context.Context, tx Reader) error {
		all, err := tx.HookSources(ctx, a.Org)
		for _, src := range all {
			if ownsUnit(a, src.Unit) {
				out = append(out, src)
			}
		}
		return err
	})
	return out, err
}

// SealContext is what a value that rests sealed in a row is bound to.
func SealContext(table, org, id string) []byte {
	return []byte(strings.Join([]string{table, org, id}, "\x00"))
}
