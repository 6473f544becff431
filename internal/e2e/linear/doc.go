// Package linear holds the test that what callers saw of the commands, under
// concurrency and across kills, could have happened one after the other.
package linear
