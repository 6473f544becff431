package cli

import (
	"bytes"
	"strings"
	"testing"

	paraph "github.com/paraph/paraph/sdk/go"
)

// TestHelpTellsNoSecret: a mistyped flag prints the help, into the log of a build say.
func TestHelpTellsNoSecret(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PARAPH_CLIENT_ID": "cli_1", "PARAPH_CLIENT_SECRET": "hush-hush", "PARAPH_SMTP_PASSWORD": "hush-hush", "PARAPH_BLOBS_SECRET_KEY": "hush-hush"}
	for _, args := range [][]string{{"doc", "list", "--no-such"}, {"approve", "--help"}, {"admin", "unit", "list", "--help"}, {"serve", "--help"}, {"webhook", "listen", "--help"}} {
		var out, complaint bytes.Buffer
		Run(append([]string{"paraph"}, args...), strings.NewReader(""), &out, &complaint, func(k string) string { return env[k] })
		if said := out.String() + complaint.String(); !strings.Contains(said, "Usage: paraph "+args[0]) || strings.Contains(said, "hush") {
			t.Errorf("%v: %s", args, said)
		}
	}
}

// TestNoSuchPart: a mistyped part is named, before what there is.
func TestNoSuchPart(t *testing.T) {
	t.Parallel()
	var out, complaint bytes.Buffer
	code := Run([]string{"paraph", "doc", "lsit"}, strings.NewReader(""), &out, &complaint, func(string) string { return "" })
	if code != exitUsage || !strings.HasPrefix(complaint.String(), "There is no command \"doc lsit\".\n") {
		t.Errorf("%d: %s", code, complaint.String())
	}
}

// TestBatchListsFaults: "every fault is listed" is true on a terminal, too.
func TestBatchListsFaults(t *testing.T) {
	t.Parallel()
	p := &paraph.Refusal{Detail: "Every fault is listed.", Code: "invalid_request", Errors: []paraph.RefusalDetail{{Pointer: "/title", Message: "Expected string."}, {Pointer: "/labels", Message: "Expected object."}}}
	if got, want := refused(p), "Every fault is listed. (invalid_request); /title: Expected string.; /labels: Expected object."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
