// Package conformance is one suite of faults that every SDK of Paraph has to bear: a
// server that drops connections, sends half answers, asks to come later, lies about
// lengths, and the cases that say what a client makes of it.
//
// Each language has a driver: a program that reads one Command a line and writes one
// Result a line. What is done and what is expected stands here, once.
package conformance

// Command is one thing that a driver does with its SDK, with a client of its own.
type Command struct {
	URL       string         `json:"url"`
	ID        string         `json:"client_id"`
	Secret    string         `json:"client_secret"`
	Retries   int            `json:"retries"`    // repeats at most
	BackoffMS int            `json:"backoff_ms"` // before the first repeat
	TimeoutMS int            `json:"timeout_ms"` // of silence
	DPoP      bool           `json:"dpop"`       // with a new key
	Action    string         `json:"action"`
	Args      map[string]any `json:"args"`
}

// Result is what came of it.
type Result struct {
	OK    bool           `json:"ok"`
	Value map[string]any `json:"value,omitempty"`
	Error *Failure       `json:"error,omitempty"`
}

// Failure is an error as a program sees it.
type Failure struct {
	Kind       string   `json:"kind"` // problem, connection, timeout, digest, operation, webhook, other
	Status     int      `json:"status,omitempty"`
	Code       string   `json:"code,omitempty"`
	RequestID  string   `json:"request_id,omitempty"`
	Faults     []string `json:"faults,omitempty"`      // pointer, blank, code
	RetryAfter float64  `json:"retry_after,omitempty"` // seconds
	Message    string   `json:"message"`
}
