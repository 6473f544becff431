// Package arriving tests, against the real program, that what comes in from other
// systems takes effect exactly once, however often the program dies in between.
package arriving
