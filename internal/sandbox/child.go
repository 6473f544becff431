package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Task is one job as the child sees it.
type Task struct {
	Args   json.RawMessage
	Files  []*os.File // in the order the caller gave them; closed after the job
	Folder Folder     // what the parent allows to open
}

// Op does one kind of job. A returned *Error reaches the caller as it is; any
// other error reaches it as words only.
type Op func(task *Task) (any, error)

// Handle makes an Op from a function with typed arguments; unknown members are errors.
func Handle[A, R any](do func(task *Task, args A) (R, error)) Op {
	return func(task *Task) (any, error) {
		var args A
		decoder := json.NewDecoder(bytes.NewReader(task.Args))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&args); err != nil {
			return nil, fmt.Errorf("read the arguments: %w", err)
		}
		return do(task, args)
	}
}

// socketFD is where the parent leaves the child's end of the socket.
const socketFD = 3

// Serve is the whole life of a child: it puts up its walls, then does jobs from
// the parent until the parent goes. It gives the exit code.
func Serve(ops map[string]Op) int {
	file := os.NewFile(socketFD, "parent")
	generic, err := net.FileConn(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "this command is started by the server only:", err)
		return 2
	}
	file.Close()
	conn, ok := generic.(*net.UnixConn)
	if !ok {
		fmt.Fprintln(os.Stderr, "this command is started by the server only")
		return 2
	}
	var greeting hello
	if _, err := readFrame(conn, &greeting, maxRequest); err != nil {
		fmt.Fprintln(os.Stderr, "no greeting from the server:", err)
		return 2
	}
	ready := &reply{}
	if err := wallIn(greeting); err != nil {
		ready.Error = &Error{codeFailed, err.Error()}
	}
	if err := sendFrame(conn, ready, nil); err != nil || ready.Error != nil {
		return 2
	}
	for {
		again, err := serveOne(conn, ops, greeting.Folder)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return 0
			}
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if !again {
			return 1
		}
	}
}

func serveOne(conn *net.UnixConn, ops map[string]Op, folder Folder) (again bool, err error) {
	var job request
	files, err := readFrame(conn, &job, maxRequest)
	if err != nil {
		return false, err
	}
	defer closeAll(files)
	answer := do(ops, job, &Task{Args: job.Args, Files: files, Folder: folder})
	if err := sendFrame(conn, answer, nil); err != nil {
		return false, err
	}
	// After a panic nobody knows what state the parsers are in.
	return answer.Error == nil || answer.Error.Code != codePanic, nil
}

func do(ops map[string]Op, job request, task *Task) (answer *reply) {
	defer func() {
		if cause := recover(); cause != nil {
			answer = &reply{Error: &Error{codePanic, fmt.Sprintf("%s: %v\n%s", job.Op, cause, firstFrames(debug.Stack()))}}
		}
	}()
	op, ok := ops[job.Op]
	if !ok {
		return &reply{Error: &Error{codeFailed, "unknown operation " + job.Op}}
	}
	result, err := op(task)
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			return &reply{Error: own}
		}
		return &reply{Error: &Error{codeFailed, err.Error()}}
	}
	data, err := json.Marshal(result)
	if err != nil {
		return &reply{Error: &Error{codeFailed, "write the answer: " + err.Error()}}
	}
	if len(data) > maxReply-1024 {
		return &reply{Error: &Error{codeFailed, "the answer is too large"}}
	}
	return &reply{Result: data}
}

func firstFrames(stack []byte) []byte { return stack[:min(len(stack), 3000)] }

// wallIn gives up what the child never needs. Hard limits must hold; landlock
// is best effort, since older kernels lack it.
func wallIn(greeting hello) error {
	limits := greeting.Limits
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	debug.SetMemoryLimit(limits.Memory * 3 / 4)
	for _, limit := range []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_DATA, uint64(limits.Memory) * 2},
		{unix.RLIMIT_FSIZE, uint64(limits.FileSize)},
		{unix.RLIMIT_NOFILE, uint64(limits.OpenFiles)},
		{unix.RLIMIT_CPU, uint64(limits.CPUSeconds)},
		{unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(limit.what, &unix.Rlimit{Cur: limit.value, Max: limit.value}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", limit.what, err)
		}
	}
	var rules []landlock.Rule
	if dirs := existing(greeting.Folder.Read); len(dirs) > 0 {
		rules = append(rules, landlock.RODirs(dirs...))
	}
	if dirs := existing(greeting.Folder.Write); len(dirs) > 0 {
		rules = append(rules, landlock.RWDirs(dirs...))
	}
	if err := landlock.V5.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("restrict the file system: %w", err)
	}
	return nil
}

func existing(dirs []string) []string {
	var found []string
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			found = append(found, dir)
		}
	}
	return found
}
