package server

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/riverqueue/river"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/signpage"
	"github.com/paraph/paraph/internal/telemetry"
	"github.com/paraph/paraph/internal/work"
)

// mailAtOnce is how many messages are sent at the same time.
const mailAtOnce = 4

// buildWork makes the queues, with workers where this process has the role.
func (s *Server) buildWork(ctx context.Context) (err error) {
	letters, err := s.postman()
	if err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &work.AdoptWorker{Service: s.Service})
	river.AddWorker(workers, &work.MailWorker{Service: s.Service, Postman: letters, VerifyURL: s.verifyURL(), Tracer: s.tracing, Meter: s.Metrics, Log: s.log})
	river.AddWorker(workers, &work.TimerWorker{Service: s.Service, Tracer: s.tracing})
	conf := work.JobsConfig{ID: s.worker, Workers: workers, Log: quiet(s.log), Retries: s.opts.Retries}
	if s.Config.Has(config.RoleWork) {
		if s.evidence, err = s.newEvidence(); err != nil {
			return err
		}
		conf.Queues = map[string]int{work.QueueMail: mailAtOnce, work.QueueTimer: 2}
		if err := s.buildRunner(); err != nil {
			return err
		}
	}
	if pool := s.Store.Pool(); pool != nil {
		s.jobs, err = work.NewPostgresJobs(ctx, pool, conf)
	} else {
		s.jobs, err = work.NewSQLiteJobs(ctx, s.Store.DB(), conf)
	}
	return err
}

// quiet keeps the queue's own chatter out of the log.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(levelHandler{log.Handler()})
}

type levelHandler struct{ slog.Handler }

// Enabled lets warnings and errors through only.
func (h levelHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// verifyURL is where people read, or see, whether a sealed file is sound.
func (s *Server) verifyURL() string {
	return cmp.Or(s.Config.VerifyURL, s.URL()+signpage.VerifyPath)
}

// operations is the worker of all kinds of operation.
func (s *Server) operations() *work.OperationWorker {
	trust := work.Trust{LogKey: s.signer.VerifierKey(), CAPEM: s.Keys.Authority.RootPEM(), TSAPEM: timestampTrust(s.Config)}
	capture := &work.Capturer{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Reader: s.Reader, Languages: strings.Split(s.Config.OCRLanguages, "+"), Slots: work.NewSlots(s.Tools.Children(), s.memoryBudget()), PagesPerTurn: s.pagesPerTurn(), Scanner: s.scanner(), Meter: s.Metrics, Log: s.log}
	stamping := s.stamping()
	seal := &work.Sealer{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Authority: s.Keys.Authority, Stamping: stamping,
		VerifyURL: s.verifyURL(), Level: s.Service.Protection.Level, Certify: s.Config.SealCertify, Meter: s.Metrics, Log: s.log}
	archive := &work.Archiver{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Trust: trust, Log: s.log}
	protect := &work.Protector{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Stamping: stamping, Evidence: s.evidence,
		Roots: s.Keys.Roots(), Archiver: archive, Meter: s.Metrics, Log: s.log}
	rotate := &work.Rotator{Service: s.Service, Keys: s.Vault, Version: s.opts.Version}
	export := &work.Exporter{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Trust: trust, Installation: s.URL(), Log: s.log}
	handIn := &work.Importer{Service: s.Service, Vault: s.Vault, Tools: s.Tools, Scanner: s.scanner(), Log: s.log}
	return &work.OperationWorker{
		Service: s.Service, Meter: s.Metrics, Tracer: s.tracing, Log: s.log,
		Handlers: map[string]work.Handler{service.OpCapture: capture.Handle, service.KindPages: capture.HandlePart, service.OpSeal: seal.Handle, service.OpProtect: protect.Handle,
			service.OpArchive: archive.Handle, service.OpDispose: s.disposer().Handle, service.OpRotateKey: rotate.Handle,
			service.OpBulkSend: (&work.BulkSender{Service: s.Service}).Handle,
			service.OpExport:   export.Handle, service.OpImport: handIn.Handle},
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller went away: nobody is left to tell
}

// state gathers what the gauges show.
func (s *Server) state(ctx context.Context) (telemetry.State, error) {
	var f service.Figures
	var vouched telemetry.State
	var hooks telemetry.Webhooks
	ctx = service.Across(ctx, "the gauges of the installation")
	err := s.Store.Read(ctx, func(ctx context.Context, tx service.Reader) (err error) {
		if f, err = tx.Figures(ctx); err != nil {
			return err
		}
		if hooks, err = webhookState(ctx, tx); err != nil {
			return err
		}
		if vouched, err = s.vouched(ctx, tx, f.LogSize); err != nil {
			return err
		}
		counts, err := tx.ProtectionReport(ctx, "", nil, s.clock.Now())
		if err != nil {
			return err
		}
		state, err := service.Protecting(ctx, tx)
		protectedState(counts, state, &vouched)
		return err
	})
	if err != nil {
		return telemetry.State{}, err
	}
	depths, err := s.jobs.Depths(ctx)
	if err != nil {
		return telemetry.State{}, err
	}
	out := telemetry.State{Unnumbered: f.Unnumbered, LogSize: f.LogSize, Documents: f.DocumentsByState, Quarantine: f.Quarantined, Lag: map[string]int64{},
		Witnesses: vouched.Witnesses, Witnessed: vouched.Witnessed, Webhooks: hooks, Anchored: vouched.Anchored, Protected: vouched.Protected}
	if out.Queues, err = s.queues(ctx, depths); err != nil {
		return telemetry.State{}, err
	}
	out.Log = s.logState(ctx)
	for name, at := range f.Cursors {
		out.Lag[name] = max(0, f.LogSize-at)
	}
	return out, nil
}
