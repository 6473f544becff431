package archtest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// overlay gives the files that the go command would read in place of others: those of
// -overlay in GOFLAGS, by which scripts/mutants shows it a changed program. What a test
// here says of the sources is said of that program too, so a mutant can turn it red.
var overlay = sync.OnceValues(func() (map[string]string, error) {
	_, file, ok := strings.Cut(os.Getenv("GOFLAGS"), "-overlay=")
	if !ok {
		return nil, nil
	}
	file, _, _ = strings.Cut(file, " ")
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var o struct{ Replace map[string]string }
	err = json.Unmarshal(raw, &o)
	return o.Replace, err
})

// read reads a file of the project, as the go command sees it; path is from the root,
// with slashes.
func read(root, path string) ([]byte, error) {
	whole := filepath.Join(root, filepath.FromSlash(path))
	changed, err := overlay()
	if err != nil {
		return nil, errors.Join(errors.New("the overlay in GOFLAGS cannot be read"), err)
	}
	if at, ok := changed[whole]; ok {
		whole = at
	}
	return os.ReadFile(whole)
}
