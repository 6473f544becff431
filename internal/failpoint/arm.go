//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
)

// The environment arms points only in programs built for it.
func init() {
	spec := os.Getenv("PARAPH_FAILPOINTS")
	if spec == "" {
		return
	}
	if _, err := Arm(spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
