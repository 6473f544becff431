// Package disk holds tests of what is on the disk when a request is answered,
// and of what happens where the disk fails: they watch the real program from
// outside, by its system calls.
package disk
