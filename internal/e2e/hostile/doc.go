// Package hostile holds the tests that send Paraph what nobody should: broken,
// misnamed and booby-trapped files, and requests that lie. All go over HTTP to a
// real server; each input has exactly one outcome that its sender can read. It
// has no code of its own.
package hostile
