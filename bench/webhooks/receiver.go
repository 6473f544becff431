package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// receiver is a subscriber's server that answers at once and notes when what had
// happened. It speaks just enough HTTP to be no load of its own.
type receiver struct {
	net.Listener
	mu   sync.Mutex
	lags []time.Duration
	last time.Time
}

func listen() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r := &receiver{Listener: l}
	if err == nil {
		go r.serve()
	}
	return r, err
}

func (r *receiver) serve() {
	for {
		c, err := r.Accept()
		if err != nil {
			return
		}
		go r.talk(c)
	}
}

func (r *receiver) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 8<<10)
	body := make([]byte, 0, 4<<10)
	for {
		n := 0
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) <= 2 {
				break
			}
			if length, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
				n, _ = strconv.Atoi(string(bytes.TrimSpace(length)))
			}
		}
		body = slices.Grow(body[:0], n)[:n]
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		r.note(body)
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// note takes the time from the event to its receipt.
func (r *receiver) note(body []byte) {
	now := time.Now()
	_, rest, _ := bytes.Cut(body, []byte(`"time":"`))
	at, _, _ := bytes.Cut(rest, []byte(`"`))
	happened, err := time.Parse(time.RFC3339Nano, string(at))
	if err != nil {
		return
	}
	r.mu.Lock()
	r.lags, r.last = append(r.lags, now.Sub(happened)), now
	r.mu.Unlock()
}

// taken gives what was noted since it was asked last.
func (r *receiver) taken() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.lags
	r.lags = nil
	return out
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lags)
}

// hang accepts connections and never answers.
func hang() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	return l, nil
}
