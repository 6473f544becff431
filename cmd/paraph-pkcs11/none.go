//go:build !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "paraph-pkcs11 was built without C; build it with CGO_ENABLED=1 and a C compiler")
	os.Exit(1)
}
