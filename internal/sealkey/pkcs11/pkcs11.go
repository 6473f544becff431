// Package pkcs11 signs with a key in a hardware module, by way of a process of its
// own: cmd/paraph-pkcs11, which loads the vendor's library. Such libraries are C,
// keep threads and global state, and crash; here they take nobody with them, and
// Paraph itself stays free of C.
//
// The two speak JSON, a line for each message, over standard input and output. The
// first request opens the key, each further one signs. The PIN goes that way too,
// never by arguments or the environment, which others can see.
package pkcs11

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/paraph/paraph/internal/sealkey"
)

const (
	signTimeout = 60 * time.Second
	// maxLine bounds a message, in bytes.
	maxLine = 64 << 10
	// lastWords is how much of what the process says is kept for messages, in bytes.
	lastWords = 1 << 10
)

// Request is a message to the process.
type Request struct {
	// Open has the key opened; it comes first and once.
	Open *Open `json:"open,omitempty"`
	// Digest is to be signed.
	Digest []byte `json:"digest,omitempty"`
	Hash   string `json:"hash,omitempty"` // that it was made with: SHA-256, SHA-384, SHA-512
	PSS    bool   `json:"pss,omitempty"`  // RSA-PSS, with a salt as long as the digest
}

// Open says which key.
type Open struct {
	Module string `json:"module"` // path of the vendor's library
	Token  string `json:"token"`  // its label
	Object string `json:"object"` // label of the private key
	PIN    string `json:"pin"`
}

// Answer is a message from the process.
type Answer struct {
	Public    []byte `json:"public,omitempty"`    // SubjectPublicKeyInfo, of Open
	Signature []byte `json:"signature,omitempty"` // ECDSA: r and s side by side

	Reason sealkey.Reason `json:"reason,omitempty"` // why there is neither
	Code   string         `json:"code,omitempty"`   // CKR_…
	Says   string         `json:"says,omitempty"`
}

// Config says which key, and which program asks for it.
type Config struct {
	Helper string // path of paraph-pkcs11
	Open
}

// module is the process. It is started when it is needed, and anew after it died.
type module struct {
	conf Config

	mu     sync.Mutex
	cmd    *exec.Cmd // nil: it does not run
	in     io.WriteCloser
	out    *bufio.Reader
	words  *tail
	public crypto.PublicKey
}

// New opens the key. Errors are *sealkey.Error. The process ends with Key.Close.
func New(ctx context.Context, c Config) (*sealkey.Key, error) {
	m := &module{conf: c}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.start(ctx); err != nil {
		return nil, err
	}
	if err := sealkey.Fit(m.public); err != nil {
		m.end()
		return nil, m.fail(sealkey.Unfit, "the key %s: %w", c.Object, err)
	}
	return sealkey.New(m.public, nil, m, signTimeout), nil
}

// Address implements sealkey.Keeper.
func (m *module) Address() string { return "token " + m.conf.Token }

func (m *module) fail(reason sealkey.Reason, format string, args ...any) error {
	return sealkey.Errorf(m.Address(), reason, format, args...)
}

// Close ends the process.
func (m *module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
	return nil
}

// SignDigest implements sealkey.Keeper.
func (m *module) SignDigest(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, pss := opts.(*rsa.PSSOptions)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	a, err := m.ask(ctx, Request{Digest: digest, Hash: opts.HashFunc().String(), PSS: pss})
	if err != nil {
		return nil, err
	}
	return a.Signature, nil
}

// start starts the process and opens the key in it.
func (m *module) start(ctx context.Context) error {
	cmd := exec.Command(m.conf.Helper)
	for _, v := range os.Environ() { // whose secrets are none of the library's
		if !strings.HasPrefix(v, "PARAPH_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	m.words = &tail{}
	cmd.Stderr = m.words
	in, err := cmd.StdinPipe()
	if err != nil {
		return m.fail(sealkey.Unreachable, "%w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return m.fail(sealkey.Unreachable, "%w", err)
	}
	if err := cmd.Start(); err != nil {
		return m.fail(sealkey.Unfit, "the program that asks the module does not start: %w", err)
	}
	m.cmd, m.in, m.out = cmd, in, bufio.NewReaderSize(out, maxLine)
	a, err := m.ask(ctx, Request{Open: &m.conf.Open})
	if err != nil {
		m.end()
		return err
	}
	public, err := x509.ParsePKIXPublicKey(a.Public)
	if err != nil {
		m.end()
		return m.fail(sealkey.Malformed, "the module's public key cannot be read: %w", err)
	}
	if before, ok := m.public.(interface{ Equal(crypto.PublicKey) bool }); ok && !before.Equal(public) {
		m.end()
		return m.fail(sealkey.Unfit, "it holds another key than before; start the server anew to seal with that one")
	}
	m.public = public
	return nil
}

// end ends the process and waits for its end.
func (m *module) end() {
	if m.cmd == nil {
		return
	}
	m.in.Close()
	_ = m.cmd.Process.Kill() // it may have ended by itself
	_ = m.cmd.Wait()         // how it ended tells nobody anything
	m.cmd = nil
}

// ask sends a request and waits for its answer. A process that does not answer, or
// whose session is not good any more, is ended; the next request starts another.
func (m *module) ask(ctx context.Context, r Request) (*Answer, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = m.cmd.Process.Kill() }) // reading ends with it
	a, err := m.exchange(raw)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not answer in time: %w", ctx.Err())
		}
		m.end()
		if said := m.words.String(); said != "" {
			err = fmt.Errorf("%w; its last words: %s", err, said)
		}
		return nil, m.fail(sealkey.Unreachable, "%w", err)
	}
	if a.Reason != "" {
		m.end()
		return nil, &sealkey.Error{Keeper: m.Address(), Reason: a.Reason, Code: a.Code, Err: errors.New(sealkey.Printable(a.Says))}
	}
	return a, nil
}

func (m *module) exchange(raw []byte) (*Answer, error) {
	if _, err := m.in.Write(append(raw, '\n')); err != nil {
		return nil, fmt.Errorf("the program that asks the module has ended: %w", err)
	}
	line, err := m.out.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("the program that asks the module has ended: %w", err)
	}
	a := &Answer{}
	if err := json.Unmarshal(line, a); err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	return a, nil
}

// tail keeps the end of what is written.
type tail struct {
	mu  sync.Mutex
	end []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-lastWords):]
	return len(p), nil
}

// String gives it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sealkey.Printable(strings.TrimSpace(string(t.end)))
}
