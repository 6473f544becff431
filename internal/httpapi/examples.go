package httpapi

import (
	"embed"

	"github.com/danielgtaylor/huma/v2"
	json "github.com/go-json-experiment/json/v1"
)

// The examples of the contract: bodies of requests, written by hand, and what a running
// server answered to them. The tests of internal/e2e/contract carry out every one, and
// write the answers anew.
//
//go:embed examples/requests.json examples/answers.json
var exampleFiles embed.FS

// exampleAnswer is what was answered to the example of an operation.
type exampleAnswer struct {
	Status string `json:"status"`
	Media  string `json:"media,omitempty"` // "" where the answer has no body
	Body   any    `json:"body,omitempty"`
}

func readExamples[T any](name string) (out map[string]T) {
	raw, err := exampleFiles.ReadFile("examples/" + name)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic(err) // they are part of the program
	}
	return out
}

// describeExamples gives operations their examples.
func describeExamples(o *huma.OpenAPI) {
	requests, answers := readExamples[any]("requests.json"), readExamples[exampleAnswer]("answers.json")
	for _, item := range o.Paths {
		for _, op := range append(operationsOf(item), item.Head) {
			if op == nil {
				continue
			}
			if body := op.RequestBody; body != nil && requests[op.OperationID] != nil && body.Content["application/json"] != nil {
				body.Content["application/json"].Example = requests[op.OperationID]
			}
			a, there := answers[op.OperationID]
			if r := op.Responses[a.Status]; there && r != nil && r.Content[a.Media] != nil {
				r.Content[a.Media].Example = a.Body
			}
		}
	}
}
