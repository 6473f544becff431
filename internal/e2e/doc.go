// Package e2e holds the tests that drive the whole of Paraph at once: a real
// server on a real database, spoken to over HTTP only, with its sandboxed
// children, its queues and its mail. It has no code of its own; whatever a test
// finds wrong is mended in the room where it is wrong.
package e2e
