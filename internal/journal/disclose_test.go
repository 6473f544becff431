package journal

import (
	"bytes"
	"strings"
	"testing"
)

func TestEverySelectionOfFieldsGivesTheSameLeaf(t *testing.T) {
	t.Parallel()
	e := testEntry(t, 1)
	for mask := 1; mask < 1<<len(Fields); mask++ {
		var reveal []Field
		for i, f := range Fields {
			if mask>>i&1 == 1 {
				reveal = append(reveal, f)
			}
		}
		d, err := Disclose(e, reveal...)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := d.Leaf()
		if err != nil || !bytes.Equal(leaf, e.Leaf) {
			t.Fatalf("%v: %v, leaf\n%s", reveal, err, leaf)
		}
		text, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseDisclosed(text); err != nil {
			t.Fatalf("%v: %v", reveal, err)
		}
		for f, secret := range map[Field]string{FieldActor: "alice", FieldSource: "203.0.113.7", FieldDocument: "org_acme", FieldData: "Purchase", FieldTime: "2026-11"} {
			shown := false
			for _, r := range reveal {
				shown = shown || r == f
			}
			if bytes.Contains(text, []byte(secret)) != shown {
				t.Errorf("%v: tells %q: %v", reveal, secret, !shown)
			}
		}
		if bytes.Contains(text, []byte(Hash(e.Salt).String())) {
			t.Fatal("the salt is told")
		}
	}
}

func TestDisclosureIsOnlyReadAsWritten(t *testing.T) {
	t.Parallel()
	e := testEntry(t, 1)
	d, err := Disclose(e, FieldActor, FieldData)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"space":     " " + string(text),
		"after":     string(text) + "\n",
		"unknown":   strings.Replace(string(text), `{"format"`, `{"x":1,"format"`, 1),
		"case":      strings.Replace(string(text), `"id"`, `"ID"`, 1),
		"twice":     strings.Replace(string(text), `"kind"`, `"id":"evt_0","kind"`, 1),
		"missing":   strings.Replace(string(text), `"time":`, `"time2":`, 1),
		"other":     strings.Replace(string(text), "paraph-entry@v1", "paraph-entry@v2", 1),
		"not JSON":  "x",
		"empty":     "",
		"only both": strings.Replace(string(text), `"withheld":{`, `"withheld":{"actor":"`+Hash{}.String()+`",`, 1),
	} {
		if _, err := ParseDisclosed([]byte(other)); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantCode(t, err, "disclosure_malformed")
		}
	}
}

func TestDiscloseRefusesAnEntryThatWasChanged(t *testing.T) {
	t.Parallel()
	e := testEntry(t, 1)
	e.Actor.Principal = "mallory@example.com"
	_, err := Disclose(e)
	wantCode(t, err, "entry_mismatch")
}
