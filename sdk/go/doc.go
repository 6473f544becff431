// Package paraph is a client of Paraph's HTTP API. It needs nothing but the
// standard library.
//
// A Client gets its access tokens by itself and renews them in time, names every
// writing request with an idempotency key that stays the same over repeats, and
// repeats what may be repeated: broken connections, half answers, 429, 502, 503 and
// 504, as often as Config.Retries says and as late as Retry-After asks for, up to a
// minute. What the server refuses comes back as *Problem (RFC 9457) with every fault
// of the request.
//
//	c, err := paraph.New(paraph.Config{URL: url, ClientID: id, ClientSecret: secret})
//	up, err := c.CreateDocument(ctx, paraph.CreateDocumentParams{Title: "Order"}, paraph.File{Content: file, Name: "order.pdf"})
//	op, err := c.WaitOperation(ctx, up.Operation.ID)
//
// There is a method for each operation of the contract (operations_gen.go). Lists
// have one that gives a page and one that gives every item; Tail gives events as they
// happen, and NewWebhooks checks those that are sent.
package paraph
