package cli

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"strings"
	"time"
)

// partyStop is how long running requests may take when a witness or a time
// stamping authority stops.
const partyStop = 10 * time.Second

// partyFlags makes flags that stand in the environment too, under a prefix. The help
// shows what holds by itself, never what the environment says: that can be a secret,
// and help is printed into logs with every mistyped flag.
func partyFlags(env *Env, fs *flag.FlagSet, prefix string) func(into *string, name, def, about string) {
	return func(into *string, name, def, about string) {
		fs.StringVar(into, name, def, about)
		if v := env.Getenv(prefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); v != "" {
			*into = v
		}
	}
}

// serveParty serves until ctx ends, over HTTPS where a certificate file is named,
// and says first where.
func serveParty(ctx context.Context, srv *http.Server, address, cert, key string, greet func(url string)) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	scheme := "http"
	if cert != "" {
		scheme = "https"
	}
	go func() {
		if cert != "" {
			ended <- srv.ServeTLS(listener, cert, key)
			return
		}
		ended <- srv.Serve(listener)
	}()
	greet(scheme + "://" + listener.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), partyStop)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(err, srv.Close())
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
