package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/server"
)

// runKeys shows and rotates the keys of an installation.
func runKeys(ctx context.Context, env *Env, args []string) int {
	if len(args) == 0 {
		args = []string{""}
	}
	fs := flags(env, "keys")
	asJSON := fs.Bool("json", false, "Write JSON.")
	org := fs.String("organisation-id", "", "For rotate-unit: whose unit; default: the first organisation.")
	verb := args[0]
	l, code, done := settings(env, fs, args[1:])
	if done {
		return code
	}
	show := func(v any, format string, words ...any) int {
		if *asJSON {
			printJSON(env, v)
		} else {
			fmt.Fprintf(env.Stdout, format, words...)
		}
		return exitOK
	}
	c := &l.Config
	switch {
	case verb == "list" && fs.NArg() == 0:
		return listKeys(ctx, env, c, *asJSON)
	case verb == "stage" && fs.NArg() == 0:
		id, err := server.StageKey(c)
		if err != nil {
			return fail(env, err)
		}
		return show(map[string]string{"id": id}, "added %s; nothing is wrapped by it yet\nbring keys/master.key to every machine, then: paraph keys rotate %s\n", id, id)
	case verb == "rotate" && fs.NArg() <= 1:
		r, err := server.RotateMaster(ctx, c, fs.Arg(0))
		if err != nil {
			return fail(env, err)
		}
		if r.Running {
			return show(r, "%s is the master key from now on; the running server wraps the keys by it\n`paraph keys list` shows how far it is\n", r.To)
		}
		return show(r, "%s is the master key from now on; %d keys of units were wrapped by it\n", r.To, r.Done.Units)
	case verb == "rotate-unit" && fs.NArg() == 1:
		r, err := server.RotateUnit(ctx, c, *org, fs.Arg(0))
		if err != nil {
			return fail(env, err)
		}
		if r.Running {
			return show(r, "the running server gives %s another key within seconds, by an operation of kind rotate_key\n", fs.Arg(0))
		}
		return show(r, "%s has another key; workers wrap its documents' keys by it: %s\n", fs.Arg(0), strings.Join(r.Done.Operations, ", "))
	case verb == "tokens" && fs.NArg() == 0:
		return listTokenKeys(ctx, env, c, *asJSON)
	case verb == "rotate-tokens" && fs.NArg() == 0, verb == "withdraw-token" && fs.NArg() == 1:
		r, err := server.RotateTokens(ctx, c, fs.Arg(0))
		if err != nil {
			return fail(env, err)
		}
		if r.Running {
			return show(r, "the running server does so within seconds; `paraph keys tokens` shows it\n")
		}
		return show(r, "done; `paraph keys tokens` shows it\n")
	case verb == "retire" && fs.NArg() == 1:
		if err := server.RetireKey(ctx, c, fs.Arg(0)); err != nil {
			return fail(env, err)
		}
		return show(map[string]string{"retired": fs.Arg(0)}, "took %s out of keys/master.key\nbackups from before the rotation still need it: keep a copy with them\n", fs.Arg(0))
	}
	fs.Usage()
	return exitUsage
}

func listTokenKeys(ctx context.Context, env *Env, c *config.Config, asJSON bool) int {
	all, err := server.ListTokenKeys(ctx, c)
	if err != nil {
		return fail(env, err)
	}
	if asJSON {
		printJSON(env, all)
		return exitOK
	}
	for _, k := range all {
		fmt.Fprintf(env.Stdout, "%s  %s  signs from %s", k.ID, k.Algorithm, k.SignsAt.Format(time.RFC3339))
		if !k.WithdrawnAt.IsZero() {
			fmt.Fprintf(env.Stdout, "; withdrawn %s", k.WithdrawnAt.Format(time.RFC3339))
		}
		fmt.Fprintln(env.Stdout)
	}
	return exitOK
}

func listKeys(ctx context.Context, env *Env, c *config.Config, asJSON bool) int {
	all, err := server.ListKeys(ctx, c)
	if err != nil {
		return fail(env, err)
	}
	if asJSON {
		printJSON(env, all)
		return exitOK
	}
	for _, k := range all {
		state := "not in force"
		if k.InForce {
			state = "in force"
		}
		fmt.Fprintf(env.Stdout, "%s  %-12s  wraps %d keys", k.ID, state, k.Wraps)
		if needed := k.Needed(); needed != "" && !k.InForce {
			fmt.Fprintf(env.Stdout, "; stored values need it %s", needed)
		}
		fmt.Fprintln(env.Stdout)
	}
	return exitOK
}
