package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/paraph/paraph/bench/rig"
	"github.com/paraph/paraph/internal/config"
	product "github.com/paraph/paraph/internal/server"
)

// server is a running `paraph serve`.
type server struct {
	process *rig.Process // nil: the server is inside this process
	login   rig.Login    // of the first administrator
	end     func() error // of a server inside this process
}

// serve starts the program and waits for its address. The credential of a store
// that was filled before lies beside it, where bench/scale put it.
func serve(ctx context.Context, bin string, at storePlace) (*server, error) {
	p, err := rig.Serve(bin, []string{"PARAPH_DATABASE=" + at.database},
		"--data-dir", at.data, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--token-lifetime", "1h", "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	s := &server{process: p, login: p.Login}
	if s.login.ID == "" {
		raw, err := os.ReadFile(filepath.Join(at.data, "bench-admin.json"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &s.login); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// serveHere runs the server inside this process, for a profile of it.
func serveHere(ctx context.Context, bin string, at storePlace, profile string) (*server, error) {
	c := config.Default()
	c.DataDir, c.Database, c.Listen, c.RateLimit, c.TokenLifetime = at.data, config.Secret(at.database), "127.0.0.1:0", 0, time.Hour
	c.LogLevel = "warn"
	srv, err := product.New(ctx, &c, product.Options{Version: "bench", ChildArgv: []string{bin, "child"}})
	if err != nil {
		return nil, err
	}
	if err := srv.Start(ctx); err != nil {
		return nil, err
	}
	out, err := os.Create(profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, err
	}
	return &server{login: rig.Login{URL: srv.URL(), ID: srv.Admin.Client.ID, Secret: srv.Admin.Secret}, end: func() error {
		pprof.StopCPUProfile()
		return errors.Join(out.Close(), srv.Stop(context.WithoutCancel(ctx)))
	}}, nil
}

// cpu gives the CPU time of the server's process and its children.
func (s *server) cpu() time.Duration {
	if s.process == nil {
		return rig.OwnCPU()
	}
	return s.process.CPU()
}

func (s *server) stop() error {
	if s.end != nil {
		return s.end()
	}
	return s.process.Stop()
}
