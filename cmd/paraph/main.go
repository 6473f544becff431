// Command paraph is the whole of Paraph in one binary: server, workers and tools.
package main

import (
	"os"

	"github.com/paraph/paraph/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
