//go:build judges

package pades_test

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
)

// able is judges/able.json: what each judge is able to judge, and what our verifier
// must say of what others sign. It is written before anything is judged.
var able = func() (a struct {
	Judges []struct {
		Name string
		Not  []struct{ Files, Why string }
	}
	Signers []ableSigner
}) {
	b, err := os.ReadFile(filepath.Join("..", "judges", "able.json"))
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		panic(err)
	}
	return a
}()

// ableSigner is a program that signs, and what our verifier must say of its files.
type ableSigner struct {
	Name    string
	Run     []string // the program and its arguments
	Java    string   // or a class of judges/dss
	Expects []expected
}

type expected struct{ Files, Level, Verdict, Reason, Why string }

func (s *ableSigner) expect(name string) (expected, bool) {
	for _, e := range s.Expects {
		if ok, _ := path.Match(e.Files, name); ok {
			return e, true
		}
	}
	return expected{}, false
}
