package programtest

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"testing"
)

// Party starts another command of the program, such as tsa, reads the line of JSON
// that it says first into said, and gives what kills it; the test's end does, too.
func Party(t testing.TB, said any, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(Build(t), args...)
	out := &lines{t: t}
	cmd.Stderr = out
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	r := bufio.NewReader(stdout)
	line, err := r.ReadBytes('\n')
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, r)
		_ = cmd.Wait() // it is killed: there is no good ending to ask for
	}()
	kill = func() {
		_ = cmd.Process.Kill() // it may be gone already
		<-gone
	}
	t.Cleanup(kill)
	if err == nil {
		err = json.Unmarshal(line, said)
	}
	if err != nil {
		kill()
		t.Fatalf("paraph %s did not start: %v: %s", args[0], err, out.text())
	}
	return kill
}

// Command runs another command of the program to its end, and gives what it says
// on its standard output.
func Command(t testing.TB, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(Build(t), args...)
	cmd.Stderr = &lines{t: t}
	out, err := cmd.Output()
	return string(out), err
}
