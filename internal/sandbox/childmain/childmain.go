// Package childmain is the program a sandboxed child runs: everything that may
// touch untrusted bytes, put together.
package childmain

import (
	"maps"
	"os"

	mapping "github.com/paraph/paraph/internal/mapping/engine"
	"github.com/paraph/paraph/internal/pdf"
	"github.com/paraph/paraph/internal/pdf/engine"
	"github.com/paraph/paraph/internal/sandbox"
)

// Main serves jobs from the parent until it goes and gives the exit code. The
// binary calls it for its hidden command "child" before it does anything else:
// the child has no environment, no configuration and nowhere to write.
func Main() int {
	documents := engine.New(os.Getenv(pdf.CacheEnv))
	ops := map[string]sandbox.Op{
		opPrepare: prepare(documents),
		opSeal:    sandbox.Handle(prepareSeal),
		opVerify:  verifyFile(documents),

		opExamine: sandbox.Handle(examine), opPreserve: sandbox.Handle(preserve), opStamp: sandbox.Handle(prepareStamp),
	}
	maps.Copy(ops, documents.Ops())
	maps.Copy(ops, mapping.Ops())
	return sandbox.Serve(ops)
}
