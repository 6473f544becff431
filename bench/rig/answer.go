package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Answer sends a request and reads the JSON of its answer, unless into is nil. An answer of
// 300 and above is an error that tells it.
func Answer(client *http.Client, req *http.Request, into any) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.RequestURI(), res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
