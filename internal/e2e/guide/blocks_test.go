//go:build judges

// Package guide runs what the documentation shows: the code blocks of every page, in
// the order of reading, in an empty folder, against the real program.
package guide

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/paraph/paraph/docs"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/docsite"
	"github.com/paraph/paraph/internal/httpapi"
)

// text is a page with its code blocks.
type text struct {
	name   string
	blocks []docsite.Block
}

// texts reads every page of the documentation.
func texts(t *testing.T) (out []text) {
	t.Helper()
	err := fs.WalkDir(docs.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".md") {
			return err
		}
		source, err := fs.ReadFile(docs.Files, name)
		if err != nil {
			return err
		}
		blocks, err := docsite.Blocks(source)
		if err != nil {
			t.Errorf("docs/%s: %v", name, err)
		}
		out = append(out, text{name, blocks})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// most is how many lines a program that does the main job may have.
const most = 40

// TestBlocks: every code block of every page says what it is, and is run, compared, saved
// or checked; the few that are forms only are counted.
func TestBlocks(t *testing.T) {
	t.Parallel()
	schemas := contract(t)
	count := map[string]int{}
	for _, page := range texts(t) {
		ran := false // an output belongs to a block that was run
		for _, b := range page.blocks {
			at := fmt.Sprintf("docs/%s:%d", page.name, b.Line)
			kind := kindOf(b)
			count[kind]++
			switch kind {
			case "":
				t.Errorf("%s: a block of %s can be neither run nor checked: mark it as output or outline", at, b.Language)
			case "compared":
				if !ran {
					t.Errorf("%s: an output follows no block that is run", at)
				}
			case "settings":
				checkSettings(t, at, b.Code)
			}
			if b.Schema != "" {
				schemas.check(t, at, b)
			}
			if strings.HasPrefix(page.name, "guide/start-") && b.File != "" && strings.Count(b.Code, "\n") > most {
				t.Errorf("%s: the main job takes %d lines, more than %d", at, strings.Count(b.Code, "\n"), most)
			}
			ran = kind == "run" || ran && kind != "compared"
		}
	}
	t.Logf("code blocks of the documentation: %d run, %d saved as files that are run, %d outputs compared, %d checked as settings or by a schema; %d set what the reader has, %d are outlines",
		count["run"], count["saved"], count["compared"], count["settings"]+count["checked"], count["given"], count["outline"])
	if count["run"] < 30 || count["outline"] > 30 {
		t.Errorf("%d blocks are run and %d are outlines: the documentation shows too little that is true by test", count["run"], count["outline"])
	}
}

// kindOf says what becomes of a block; "" where nothing can.
func kindOf(b docsite.Block) string {
	switch {
	case b.Mark == docsite.Output:
		return "compared"
	case b.Mark == docsite.Given && b.Language == "sh":
		return "given"
	case b.Mark == docsite.Outline:
		return "outline"
	case b.File != "":
		return "saved"
	case b.Language == "sh":
		return "run"
	case b.Language == "yaml":
		return "settings"
	case b.Schema != "":
		return "checked"
	}
	return ""
}

// checkSettings: every name is a setting, and takes its value.
func checkSettings(t *testing.T, at, code string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "paraph.yaml")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	l := config.NewLoader()
	err := l.Load(func(name string) string { return map[string]string{"PARAPH_CONFIG": file}[name] })
	if err != nil {
		t.Errorf("%s: %v", at, err)
	}
}

// schemas are those of the contract.
type schemas struct{ compiler *jsonschema.Compiler }

func contract(t *testing.T) *schemas {
	t.Helper()
	raw, err := httpapi.SpecJSON()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	c := jsonschema.NewCompiler()
	if err == nil {
		err = c.AddResource("contract.json", v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &schemas{c}
}

// check holds the JSON of a block against its schema.
func (s *schemas) check(t *testing.T, at string, b docsite.Block) {
	t.Helper()
	schema, err := s.compiler.Compile("contract.json#/components/schemas/" + b.Schema)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if !json.Valid([]byte(b.Code)) {
		t.Errorf("%s: this is no JSON", at)
		return
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(b.Code))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Errorf("%s: %v", at, err)
	}
}
