// Command mainjob takes a PDF to its seal: mainjob IN.pdf OUT.pdf
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	paraph "github.com/paraph/paraph/sdk/go"
)

func main() {
	ctx := context.Background()
	c := must(paraph.New(paraph.Config{URL: os.Getenv("PARAPH_URL"), ClientID: os.Getenv("PARAPH_CLIENT_ID"), ClientSecret: os.Getenv("PARAPH_CLIENT_SECRET")}))

	file := paraph.File{Content: must(os.Open(os.Args[1])), Name: "order.pdf", MediaType: "application/pdf"}
	up := must(c.CreateDocument(ctx, paraph.CreateDocumentParams{Title: "Purchase order 4711"}, file))
	must(c.WaitOperation(ctx, up.Operation.ID)) // until its pages are read

	must(c.CreateApproval(ctx, paraph.ApprovalRequest{DocumentID: up.Document.ID, DocumentType: "document",
		Initiator: paraph.Initiator{UserID: "u_17", Email: "purchasing@example.com"}, Approvers: []string{}})) // nobody has to approve this one

	e := must(c.CreateEnvelope(ctx, paraph.EnvelopeRequest{DocumentID: up.Document.ID, Send: true,
		Recipients: []paraph.RecipientRequest{{Name: "Mara Lind", Email: "mara.lind@example.com"}}}))
	fmt.Println("sign here:", must(c.CreateSigningLink(ctx, e.ID, e.Recipients[0].ID)).URL) // she gets one by mail, too

	must(c.WaitEnvelope(ctx, e.ID, func(e *paraph.Envelope) bool { return e.State == paraph.EnvelopeStateCompleted }))
	sealed := must(os.Create(os.Args[2]))
	fmt.Println("sealed:", must(c.GetDocumentContent(ctx, up.Document.ID, sealed)).SHA256)
	must(0, sealed.Close())
}

// must ends the program where something went wrong. A server would look at the error.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
