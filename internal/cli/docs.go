package cli

import (
	"context"
	"fmt"

	"github.com/paraph/paraph/internal/server"
)

func docsParts() []part {
	return []part{{"build", "Write the documentation that a server shows under /docs as files, for any web server.", "FOLDER", runDocsBuild}}
}

func runDocs(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "docs", docsParts(), args)
}

func runDocsBuild(_ context.Context, env *Env, p *part, args []string) int {
	folder, code, done := parseOne(env, p.flags(env, "docs"), args, "say which folder the files go into")
	if done {
		return code
	}
	files, err := server.WriteDocs(folder)
	if err != nil {
		return fail(env, err)
	}
	fmt.Fprintf(env.Stdout, "%d files are in %s; they belong at the root of a host.\n", files, folder)
	return exitOK
}
