// Package server puts the rooms together by hand: it opens the store, loads the
// keys, builds the roles that the configuration names, starts them and stops
// them in order. There is no other place where one room is given another.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/blob"
	"github.com/paraph/paraph/internal/blob/vault"
	"github.com/paraph/paraph/internal/bus"
	"github.com/paraph/paraph/internal/clamd"
	"github.com/paraph/paraph/internal/clock"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/durable"
	"github.com/paraph/paraph/internal/entrance"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/mapping"
	"github.com/paraph/paraph/internal/oauth"
	"github.com/paraph/paraph/internal/ocr"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/tsp"
)

// Options are what a server needs beside its configuration. The zero value works.
type Options struct {
	Version string
	Clock   clock.Clock
	Log     *slog.Logger
	// ChildArgv starts the sandboxed child; default the running binary with "child".
	ChildArgv []string
	// CacheDir keeps the PDF engine's compiled code; default in the data folder.
	CacheDir string
	// OCRCommand is the text recognition program; default tesseract, from PATH.
	OCRCommand string
	// Retries are the waits between attempts at a job; default work.DefaultRetries.
	Retries []time.Duration
	// PagesPerTurn is how many pages of a document are read before others get its
	// place; default work's own.
	PagesPerTurn int
	// Listener is used instead of Config.Listen where it is set.
	Listener net.Listener
	// SetupLink makes a set-up link at a first start, instead of an administrator.
	SetupLink bool
}

// Server is a running Paraph. Its parts may be used by whoever embeds it, such
// as the tests and the demo.
type Server struct {
	Config  *config.Config
	Keys    *Keys
	Store   *store.Store
	Service *service.Service
	Vault   *vault.Vault
	Tools   *pdf.Tools
	Reader  *ocr.Reader
	clamd   *clamd.Client // nil: files are not looked through for malware
	Metrics *telemetry.Metrics
	// Admin is the first administrator's credential, where this start made it.
	Admin *service.ClientSecret
	setup *SetupLink // with the token alone as its address

	opts      Options
	log       *slog.Logger
	clock     clock.Clock
	tracing   *telemetry.Tracing
	signer    *journal.Signer
	sequencer *work.Sequencer
	keeper    *work.Keeper
	policy    *journal.Policy // of the log's witnesses; nil: it has none
	stamper   *tsp.Client     // of the time stamping authorities; nil: there are none
	evidence  pades.EvidenceSource
	jobs      *work.Jobs
	runner    *work.Runner
	worker    string // names this process in job records
	mapper    *mapping.Tools
	bus       bus.Bus // nil: there is none, or it is not this process' business
	objects   blob.Store
	listener  net.Listener
	lock      *os.File // of the data folder, on SQLite
	http      *http.Server
	tokenKeys *oauth.Keyring // nil: this process serves no requests
	unwake    func()         // ends what wakes the verifier of tokens
	entrances []entrance.Entrance
	admin     *adminServer  // nil: none
	draining  chan struct{} // closed when the server is about to stop, and still serves
	closing   chan struct{} // closed when streams have to end
	failed    chan error    // the first part that stopped by itself
	stop      context.CancelFunc
	running   sync.WaitGroup
	stopOnce  sync.Once
	stopped   error
}

// New opens everything and binds the address, but serves and works nothing yet.
func New(ctx context.Context, c *config.Config, o Options) (_ *Server, err error) {
	s := &Server{Config: c, opts: o, log: o.Log, clock: o.Clock, draining: make(chan struct{}), closing: make(chan struct{}), failed: make(chan error, 8)}
	if s.log == nil {
		s.log = telemetry.NewLogger(os.Stderr, c.LogFormat, c.LogLevel)
	}
	if s.clock == nil {
		s.clock = clock.System{}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeParts())
		}
	}()
	if err := durable.MakeFolder(c.DataDir); err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	if c.Database == "" {
		if s.lock, err = lockFolder(c.DataDir); err != nil {
			return nil, err
		}
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	if s.Keys, err = loadKeys(c, s.clock, c.Has(config.RoleWork), func(err error) { s.log.Warn("the sealing key is away; what is to be sealed waits", "error", err) }); err != nil {
		return nil, fmt.Errorf("the keys: %w", err)
	}
	ctx = service.Across(ctx, "a start")
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if err := s.buildCore(ctx); err != nil {
		return nil, err
	}
	if err := s.buildWork(ctx); err != nil {
		return nil, err
	}
	return s, s.buildHTTP(ctx)
}

// listen binds the address first: links need to know it, and a second server on
// the same folder stops here.
func (s *Server) listen() (err error) {
	s.listener = s.opts.Listener
	if s.listener == nil && s.Config.Has(config.RoleAPI) {
		if s.listener, err = net.Listen("tcp", s.Config.Listen); err != nil {
			return fmt.Errorf("the address %s cannot be served: %w", s.Config.Listen, err)
		}
	}
	if s.Config.AdminListen != "" {
		s.admin, err = listenAdmin(s.Config.AdminListen)
	}
	return err
}

// URL is the address under which people reach the server.
func (s *Server) URL() string {
	if s.Config.PublicURL != "" {
		return strings.TrimRight(s.Config.PublicURL, "/")
	}
	if s.listener == nil {
		return "http://" + s.Config.Listen
	}
	return "http://" + s.listener.Addr().String()
}

// openStore opens the database. On SQLite the sequencer works inside the
// commits; it is made right after, since its key's name rests in the database.
func (s *Server) openStore(ctx context.Context) (err error) {
	s.Store, err = store.Open(ctx, store.Options{URL: DatabaseURL(s.Config), Clock: s.clock, Log: s.log, BeforeCommit: func(ctx context.Context, tx service.Tx) error {
		_, err := s.sequencer.Number(ctx, tx)
		return err
	}})
	if err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	if err := restoredWhole(ctx, s.Store); err != nil {
		return err
	}
	if err := s.Keys.settle(ctx, s.Store); err != nil {
		return err
	}
	if s.signer, err = logSigner(ctx, s.Store, s.Keys, s.URL()); err != nil {
		return err
	}
	s.keeper = work.NewKeeper(s.Store, s.signer.Verifier(), highWater(s.Config, s.signer.Verifier()), s.Config.Database == "", s.log)
	s.sequencer = work.NewSequencer(s.signer, s.leaseholder(), s.log).Under(s.keeper)
	if s.policy, err = witnessPolicy(s.Config, s.signer.VerifierKey()); err != nil {
		return err
	}
	return s.keeper.Open(ctx)
}

func (s *Server) buildCore(ctx context.Context) (err error) {
	c := s.Config
	if c.Has(config.RoleSequencer) || c.Has(config.RoleWork) {
		if s.stamper, err = newStamper(c, s.clock.Now); err != nil {
			return err
		}
	}
	if s.clamd, err = newScanner(c); err != nil {
		return fmt.Errorf("scanner: %w", err)
	}
	if s.objects, err = s.openObjects(ctx); err != nil {
		return fmt.Errorf("where documents are kept: %w", err)
	}
	s.Vault = vault.New(s.objects, s.Store, s.Keys.Master, s.clock)
	s.Metrics = telemetry.NewMetrics()
	if s.tracing, err = telemetry.NewTracing(ctx, c.OTLPEndpoint, s.opts.Version); err != nil {
		return err
	}
	roles, mistakes := access.BuiltIn().With(c.OwnRoles())
	if len(mistakes) > 0 {
		return fmt.Errorf("custom-roles: %s", strings.Join(mistakes, "; "))
	}
	limits, err := requestLimits(c)
	if err != nil {
		return err
	}
	conditions, err := newConditions()
	if err != nil {
		return err
	}
	reach, err := s.outboundOptions()
	if err != nil {
		return err
	}
	if err := s.openBus(); err != nil {
		return err
	}
	if err := s.openMapper(); err != nil {
		return fmt.Errorf("the mappings: %w", err)
	}
	s.Service = service.New(service.Config{
		Store: s.Store, Vault: s.Vault, Clock: s.clock, Box: s.Keys.Box, Secrets: s.Keys.Secrets, Conditions: conditions, Outbound: newOutbound(reach),
		Cursors: s.Keys.Cursors, Meter: s.Metrics, Log: s.log, Mapper: work.Mapper{Tools: s.mapper}, BusKind: busKind(c), Keeper: s.keeper, PublicURL: s.URL(), Closing: s.closing, Scans: c.Scanner != "",
		Witnesses: s.policy, Anchoring: anchorPlan(c), EvidenceAck: service.Ack(c.EvidenceAck), Roles: roles,
		Protection: protectionPlan(c), RequestLimits: limits, FirstName: c.Organisation,
		Limits: service.Limits{
			EnvelopeTTL: c.EnvelopeLifetime, LinkTTL: c.LinkLifetime, ReminderInterval: c.ReminderInterval,
			MaxReminders: service.DefaultLimits.MaxReminders, IdempotencyTTL: service.DefaultLimits.IdempotencyTTL,
			DelegationTTL: c.DelegationLifetime, DelegationIdle: c.DelegationIdle,
		},
	})
	children := c.Workers
	if children <= 0 {
		children = runtime.NumCPU()
	}
	folder := filepath.Join(c.DataDir, "work")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	cache := s.opts.CacheDir
	if cache == "" {
		cache = filepath.Join(c.DataDir, "cache")
	}
	s.Tools, err = pdf.New(pdf.Config{
		Argv: s.opts.ChildArgv, CacheDir: cache, WorkDir: folder, Children: children,
		Limits: pdf.Limits{Pages: c.MaxPages, Pixels: c.MaxPixels},
	})
	if err != nil {
		return fmt.Errorf("the document tools: %w", err)
	}
	s.Reader = &ocr.Reader{Engine: ocr.NewTesseract(ocr.TesseractConfig{Processes: children, Command: s.opts.OCRCommand})}
	if !c.Has(config.RoleAPI) {
		return nil // the first credential is shown by a process that takes it
	}
	return s.firstStart(ctx)
}

// Start serves and works until Stop, or until a part fails: see Failed.
func (s *Server) Start(ctx context.Context) error {
	// What begins with a request reaches no further than who sent it; all else here is
	// the installation's own work.
	ctx, s.stop = context.WithCancel(service.Across(context.WithoutCancel(ctx), "the server's own work"))
	s.goPart(ctx, "high-water mark", s.keeper.Run)
	s.goPart(ctx, "keys", s.keepKeys)
	if err := s.startVouching(ctx); err != nil {
		return err
	}
	if s.Config.Has(config.RoleSequencer) {
		lead := s.sequencer.TakeOver // SQLite numbers within the commit
		if s.Store.Pool() != nil {
			lead = s.sequencer.Run
		}
		s.goPart(ctx, "log audit", s.auditor().Run)
		s.goPart(ctx, "sequencer", func(ctx context.Context) error { return lead(ctx, s.Store) })
	}
	if s.Config.Has(config.RoleDispatch) {
		if s.Config.QueueAgeWarning > 0 {
			s.goPart(ctx, "queues", s.watchQueues)
		}
		d := work.NewDispatcher(s.Store, s.jobs, work.Rules{ReminderInterval: s.Config.ReminderInterval, NoMail: s.Config.SMTPHost == ""}, s.leaseholder(), s.log)
		s.goPart(ctx, "dispatcher", d.Run)
		s.goPart(ctx, "search index", work.NewSearchIndexer(s.Store, s.leaseholder(), s.log).Run)
		s.startBus(ctx)
		s.startRenewer(ctx)
	}
	if s.Config.Has(config.RoleWork) {
		if err := s.startWork(ctx); err != nil {
			return fmt.Errorf("the job queue: %w", err)
		}
		s.goPart(ctx, "upkeep", s.upkeep)
	}
	if err := s.startWebhooks(ctx, s.Config.Has(config.RoleDispatch), s.Config.Has(config.RoleWork)); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	if s.Store.Pool() != nil {
		s.goPart(ctx, "presence", s.presence)
	}
	if s.admin != nil {
		s.goPart(ctx, "admin", func(context.Context) error { return s.admin.serve() })
	}
	if s.Config.Has(config.RoleAPI) {
		s.goPart(ctx, "wrong credentials", s.failedLogins)
	}
	if s.tokenKeys != nil {
		s.goPart(ctx, "token keys", s.keepTokenKeys)
	}
	if s.http != nil {
		s.goPart(ctx, "http", func(context.Context) error {
			if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

// goPart runs a part that is meant to live as long as the server.
func (s *Server) goPart(ctx context.Context, name string, run func(context.Context) error) {
	s.running.Go(func() {
		if err := run(ctx); err != nil {
			select {
			case s.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	})
}

// Failed gives the error of a part that stopped by itself.
func (s *Server) Failed() <-chan error { return s.failed }

const (
	upkeepEvery = 10 * time.Minute
	// orphanAge is how long an object may stand without a row before it counts
	// as an orphan; an upload's row follows its object within moments.
	orphanAge = 24 * time.Hour
)

// upkeep removes what has run out and what nobody names.
func (s *Server) upkeep(ctx context.Context) error {
	if err := s.Tools.Warm(); err != nil {
		s.log.Warn("the PDF engine could not be prepared; each child prepares it by itself, more slowly", "error", err)
	}
	debug.FreeOSMemory() // what only the start needed
	if err := s.Service.CountUse(ctx, s.opts.Version); err != nil && ctx.Err() == nil {
		s.log.Warn("what business units use could not be counted; it is tried again at the next start", "error", err)
	}
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		s.adopt(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := s.Service.Purge(ctx); err != nil {
			s.log.Warn("removing what has run out failed; it is tried again", "error", err)
		}
		if _, err := s.Service.CollectUploads(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("removing uploads that have run out failed; it is tried again", "error", err)
		}
		if _, err := s.Service.CollectExports(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("removing archives of business units that have run out failed; it is tried again", "error", err)
		}
		if err := s.Service.WarnOfDirectoryTokens(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("telling of directories' tokens that are about to end failed; it is tried again", "error", err)
		}
		s.purgeInbound(ctx)
		s.purgeBulk(ctx)
		s.sweepWebhooks(ctx)
		n, err := blob.Collect(ctx, s.objects, s.clock.Now().Add(-orphanAge), s.knownBlob)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("collecting orphans failed; it is tried again", "error", err)
		}
		if n > 0 {
			s.log.Info("orphaned files were removed", "files", n)
		}
	}
}

func (s *Server) knownBlob(ctx context.Context, blobID string) (known bool, err error) {
	err = s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) error {
		known, err = tx.KnownBlob(ctx, blobID)
		return err
	})
	return known, err
}

// Stop ends the server in order: it says that it is not ready and goes on for the
// drain delay; then no new requests, running ones finish, jobs finish, leases are
// let go, and everything closes. It is safe to call more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.drain(ctx)
		ctx, cancel := context.WithTimeout(ctx, s.Config.ShutdownTimeout)
		defer cancel()
		close(s.closing)
		if s.http != nil {
			if err := s.http.Shutdown(ctx); err != nil {
				// Who is not done by now is cut off, before the store closes below them.
				s.stopped = errors.Join(s.stopped, err, s.http.Close())
			}
		}
		if s.Config.Has(config.RoleWork) {
			s.stopped = errors.Join(s.stopped, s.stopWork(ctx))
		}
		if s.stop != nil {
			s.stop()
		}
		if s.admin != nil {
			s.stopped = errors.Join(s.stopped, s.admin.close())
		}
		s.running.Wait()
		s.stopped = errors.Join(s.stopped, s.closeParts())
	})
	return s.stopped
}

func (s *Server) closeParts() (err error) {
	if s.listener != nil {
		if cerr := s.listener.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	if s.admin != nil {
		err = errors.Join(err, s.admin.close())
	}
	if s.unwake != nil {
		s.unwake()
	}
	if s.Tools != nil {
		err = errors.Join(err, s.Tools.Close())
	}
	if s.bus != nil {
		err = errors.Join(err, s.bus.Close())
	}
	if s.mapper != nil {
		err = errors.Join(err, s.mapper.Close())
	}
	if s.Keys != nil {
		err = errors.Join(err, s.Keys.Close())
	}
	if s.tracing != nil {
		err = errors.Join(err, s.tracing.Close())
	}
	if s.Store != nil {
		err = errors.Join(err, s.Store.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}
