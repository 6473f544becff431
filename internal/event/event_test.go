package event

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/journal"
)

var update = flag.Bool("update", false, "write the golden files of types that have none yet")

// TestCatalogue: every public kind has its line and an example, and no other kind has.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	for _, k := range journal.Kinds {
		line, listed := catalogue[k.Kind]
		if listed != k.Public {
			t.Errorf("%s: public is %v, in the catalogue it is %v", k.Kind, k.Public, listed)
		}
		if listed && (line.subject == "" || line.data == nil) {
			t.Errorf("%s: its subject or its example is missing", k.Kind)
		}
	}
	if len(Types()) != len(catalogue) {
		t.Errorf("%d types, %d lines", len(Types()), len(catalogue))
	}
	for _, ty := range Types() {
		e, err := ty.Sample()
		if err != nil {
			t.Fatal(err)
		}
		if e.SubjectID == "" || strings.HasPrefix(e.SubjectID, "_") {
			t.Errorf("%s: its subject %s/%q has no id", ty.Kind, e.SubjectType, e.SubjectID)
		}
	}
}

// TestRenderingNeverChanges: a form that was released writes the same bytes for
// ever. A golden file may be added, and is never written anew.
func TestRenderingNeverChanges(t *testing.T) {
	t.Parallel()
	check := func(name string, got []byte) {
		file := filepath.Join("testdata", "form1", name+".json")
		want, err := os.ReadFile(file)
		if os.IsNotExist(err) && *update {
			err = os.WriteFile(file, append(got, '\n'), 0o644)
			want = append(got, '\n')
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, append(got, '\n')) {
			t.Errorf("%s is written otherwise than it was. Give the new form a new number.\nthen %s\nnow  %s", name, want, got)
		}
	}
	full := fullEntry()
	body, ok := Render(1, &full, "https://paraph.example.com")
	if !ok {
		t.Fatal("form 1 is not known any more")
	}
	check("full", body)
	odd := oddEntry()
	body, _ = Render(1, &odd, "")
	check("odd", body)
	if _, ok := Render(Rendering+1, &odd, ""); ok {
		t.Error("a form of the future is known")
	}
}

// fullEntry has everything in it.
func fullEntry() journal.Entry {
	return journal.Entry{
		ID: "evt_1", Index: 5, Org: "org_1", Unit: "purchasing", Kind: journal.TaskDecided, SubjectType: "task", SubjectID: "task_1", DocumentID: "doc_1", DocSeq: 9,
		At:     time.Date(2026, 3, 2, 9, 30, 0, 120_000_000, time.UTC),
		Actor:  journal.Actor{Kind: journal.ActorClient, ID: "cli_1", Principal: "erp@example.com", OnBehalfOf: "anna@example.com"},
		Source: journal.Source{Peer: "192.0.2.1:5", UserAgent: "secret", RequestID: "req_1"},
		Data:   json.RawMessage(`{"a":[1, 2],"b":"<ü>"}`), Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

// oddEntry has everything in it that is hard to write, and nothing that may be missing.
func oddEntry() journal.Entry {
	e := fullEntry()
	e.Unit, e.DocumentID, e.DocSeq, e.Data, e.Source.RequestID = "", "", 0, nil, ""
	e.Actor.Principal = "a\"b\\c\x01\n\té\u2028<&>\U0001F58B\xff"
	e.Actor.OnBehalfOf, e.Trace = "für@example.com", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	return e
}

// TestRenderingIsJSON: another writer of JSON reads what Append writes, and finds
// every attribute as it is.
func TestRenderingIsJSON(t *testing.T) {
	t.Parallel()
	odd := oddEntry()
	for _, ty := range append(Types(), Type{}) {
		e, err := ty.Sample()
		if ty.Kind == "" {
			e, err = odd, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		body := Append(nil, &e, "https://paraph.example.com")
		var got map[string]json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil || bytes.ContainsAny(body, "\n\r") {
			t.Fatalf("%s: %v: %s", ty.Kind, err, body)
		}
		for _, a := range Attributes(&e, "https://paraph.example.com") {
			want := a.Value
			if !a.Number {
				raw, _ := json.Marshal(strings.ToValidUTF8(a.Value, "\ufffd"))
				want = string(raw)
			}
			var is, should any
			if json.Unmarshal(got[a.Name], &is) != nil || json.Unmarshal([]byte(want), &should) != nil || is != should {
				t.Errorf("%s: %s is %s, want %s", ty.Kind, a.Name, got[a.Name], want)
			}
			if len(a.Name) > 20 || strings.Trim(a.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
				t.Errorf("%s cannot name an attribute", a.Name)
			}
			delete(got, a.Name)
		}
		if e.Data != nil && !bytes.Equal(got["data"], e.Data) {
			t.Errorf("%s: the data is %s", ty.Kind, got["data"])
		}
		if delete(got, "data"); len(got) > 0 {
			t.Errorf("%s: there is more: %v", ty.Kind, got)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	e, err := Types()[4].Sample()
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &e, "https://paraph.example.com")
	}
}
