package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/paraph/paraph/internal/testneed"
)

// spec is the contract, as it is committed.
func spec(t testing.TB) object {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testneed.Root(t), "api", "openapi.yaml"))
	must(t, err)
	var out object
	must(t, yaml.Unmarshal(raw, &out))
	return out
}

// operation is one operation of the contract.
type operation struct {
	id, method, path string
	object
}

// operationsOf lists the operations of the contract, by id.
func operationsOf(t testing.TB) (out []operation) {
	t.Helper()
	for path, item := range spec(t)["paths"].(object) {
		for method, op := range item.(object) {
			if o, ok := op.(object); ok && o["operationId"] != nil {
				out = append(out, operation{o["operationId"].(string), method, path, o})
			}
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return out
}
