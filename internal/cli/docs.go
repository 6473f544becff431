package cli

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/server"
)

// runDocs writes the documentation as files.
func runDocs(_ context.Context, env *Env, args []string) int {
	fs := flags(env, "docs")
	if len(args) > 0 && args[0] == "build" {
		args = args[1:]
	}
	if code, done := parse(fs, args); done {
		return code
	}
	if fs.NArg() != 1 {
		fs.Usage()
		return exitUsage
	}
	files, err := server.WriteDocs(fs.Arg(0))
	if err != nil {
		return fail(env, err)
	}
	fmt.Fprintf(env.Stdout, "%d files are in %s; they belong at the root of a host\n", files, fs.Arg(0))
	return exitOK
}
