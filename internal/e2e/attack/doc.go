// Package attack holds the tests that attack the log at rest: what somebody who
// can write to the database, to the data folder, or has the log's key, does to an
// installation, and who notices. Each attack says honestly what does not notice
// it. It has no code of its own.
package attack
