package pades_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/testca"
)

// A key at hand: the file is read once and the result written to any io.Writer.
func ExampleSign() {
	ca, err := testca.New()
	if err != nil {
		log.Fatal(err)
	}
	signer, err := ca.Issue("Ada Lovelace", "p256")
	if err != nil {
		log.Fatal(err)
	}
	in := testpdf.Make(testpdf.Options{})

	var out bytes.Buffer
	r, err := pades.Sign(context.Background(), bytes.NewReader(in), int64(len(in)), &out, signer.Key, pades.Options{
		Chain: signer.Chain, Time: time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC), Reason: "I agree",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Level, r.Field, bytes.HasPrefix(out.Bytes(), in))
	// Output: B-B Signature1 true
}
