// Package contract holds a running server to api/openapi.yaml: its tests carry out the
// example of every operation, and let schemathesis attack all of them.
package contract
