package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// One frame: four bytes of length, four bytes that say how many descriptors
// travel with them, then so many bytes of JSON. Descriptors go with the header.
const (
	headerSize = 8
	maxRequest = 32 << 20 // bytes of JSON towards the child
	maxReply   = 64 << 20 // bytes of JSON a child may answer; a page of words is some 100 KB
	maxFiles   = 16
)

type hello struct {
	Limits Limits `json:"limits"`
	Folder Folder `json:"folder"`
}

type request struct {
	Op   string          `json:"op"`
	Args json.RawMessage `json:"args"`
}

type reply struct {
	Error  *Error          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

func sendFrame(conn *net.UnixConn, body any, files []*os.File) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	if len(data) > maxReply || len(files) > maxFiles {
		return fmt.Errorf("a message of %d bytes and %d files is too large", len(data), len(files))
	}
	header := make([]byte, headerSize)
	binary.BigEndian.PutUint32(header, uint32(len(data)))
	binary.BigEndian.PutUint32(header[4:], uint32(len(files)))
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, file := range files {
			fds[i] = int(file.Fd())
		}
		rights = syscall.UnixRights(fds...)
	}
	n, _, err := conn.WriteMsgUnix(header, rights, nil)
	if err != nil {
		return err
	}
	if n != headerSize {
		return io.ErrShortWrite
	}
	_, err = conn.Write(data)
	return err
}

// readFrame reads one frame into body; it gives the files that came with it,
// which the caller closes. io.EOF means the other side went away between frames.
func readFrame(conn *net.UnixConn, body any, limit int) ([]*os.File, error) {
	header := make([]byte, headerSize)
	rights := make([]byte, syscall.CmsgSpace(maxFiles*4))
	n, rn, _, _, err := conn.ReadMsgUnix(header, rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	files, err := receivedFiles(rights[:rn])
	if err != nil {
		return nil, err
	}
	if err := readBody(conn, header, n, len(files), body, limit); err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func readBody(conn *net.UnixConn, header []byte, n, files int, body any, limit int) error {
	if n < headerSize {
		if _, err := io.ReadFull(conn, header[n:]); err != nil {
			return noEOF(err)
		}
	}
	size := binary.BigEndian.Uint32(header)
	if int64(size) > int64(limit) {
		return fmt.Errorf("a message of %d bytes is over the limit of %d", size, limit)
	}
	if want := binary.BigEndian.Uint32(header[4:]); int64(want) != int64(files) {
		return fmt.Errorf("%d files announced, %d came", want, files)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(conn, data); err != nil {
		return noEOF(err)
	}
	return json.Unmarshal(data, body)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func receivedFiles(rights []byte) ([]*os.File, error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, fmt.Errorf("read the descriptors: %w", err)
	}
	var files []*os.File
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("read the descriptors: %w", err)
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("handed-in-%d", len(files))))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close() // a descriptor we were lent; nothing can be lost by it
	}
}
