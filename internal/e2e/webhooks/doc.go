// Package webhooks holds the tests that send events to receivers: a real server on
// a real database, spoken to over HTTP only, and receivers that are well, slow,
// hostile or away. It has no code of its own.
package webhooks
