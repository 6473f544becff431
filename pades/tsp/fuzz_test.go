package tsp_test

import (
	"bytes"
	"crypto"
	"slices"
	"testing"

	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

// FuzzRequest: what is read is written again, and means the same.
func FuzzRequest(f *testing.F) {
	f.Add(must((&tsp.Request{Hash: crypto.SHA256, Digest: digest}).Marshal()))
	f.Add(must(must(tsp.NewRequest(crypto.SHA256, digest, tsptest.Policy, nil)).Marshal()))
	tsa := tsptest.New(f, tsptest.Options{Now: standingAt(noon)})
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := tsp.ParseRequest(der)
		if (err == nil) == (tsp.ReasonOf(err) != "") {
			t.Fatalf("an error without a reason: %v", err)
		}
		answer, _, _ := tsa.Respond(der) // always an answer, whatever was asked
		if response, perr := tsp.ParseResponse(answer); perr != nil || err != nil && response.Granted() {
			t.Fatalf("the answer is %x: %v", answer, perr)
		}
		if err != nil {
			return
		}
		again, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if second, err := tsp.ParseRequest(again); err != nil || !bytes.Equal(must(second.Marshal()), again) {
			t.Fatalf("%x became %x: %v", der, again, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, r := range []tsp.Response{
		{Status: tsp.Granted, Token: golden(f, "p256.tst")},
		{Status: tsp.Rejection, Text: []string{"no", "way"}, Failures: []tsp.Failure{tsp.BadAlgorithm, tsp.SystemFailure}},
	} {
		f.Add(must(r.Marshal()))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := tsp.ParseResponse(der)
		if (err == nil) == (tsp.ReasonOf(err) != "") {
			t.Fatalf("an error without a reason: %v", err)
		}
		if err != nil {
			return
		}
		_ = r.Err()
		again, err := r.Marshal()
		if err != nil {
			t.Fatalf("%x cannot be written again: %v", der, err)
		}
		if _, err := tsp.ParseResponse(again); err != nil {
			t.Fatalf("%x became %x: %v", der, again, err)
		}
	})
}

// FuzzToken: only tokens of the authority are taken, and nothing panics.
func FuzzToken(f *testing.F) {
	o := tsp.VerifyOptions{Chain: goldenRoots(f)}
	var tokens [][]byte
	for _, kind := range goldens {
		tokens = append(tokens, golden(f, kind+".tst"))
		f.Add(tokens[len(tokens)-1])
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		err := check(der, o)
		if (err == nil) == (tsp.ReasonOf(err) != "") {
			t.Fatalf("an error without a reason: %v", err)
		}
		if err == nil && !slices.ContainsFunc(tokens, func(b []byte) bool { return bytes.Equal(b, der) }) {
			t.Fatalf("another token is taken: %x", der)
		}
	})
}
