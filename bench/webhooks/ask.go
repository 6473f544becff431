package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/paraph/paraph/bench/rig"
)

// endpoints is where the API has them.
const endpoints = "/v1/webhook-endpoints"

// asker sends requests to a server's API.
type asker struct {
	url, token string
	sent       int
}

// ask sends a request with a body, unless it is nil, and reads the answer, unless into is nil.
func (a *asker) ask(ctx context.Context, method, path string, body, into any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	a.sent++
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "wait=30")
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprint("bench-", time.Now().UnixNano(), "-", a.sent))
	}
	return rig.Answer(http.DefaultClient, req, into)
}
