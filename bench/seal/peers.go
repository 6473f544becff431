package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// peer is a library of others in a process that waits for orders, a line each.
type peer struct {
	label   string
	command []string
	folder  string

	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	hello struct{ Peer, Version, Runtime string }
}

// peers are those that setup.sh installs.
func peers(tools string) []*peer {
	return []*peer{
		{label: "pyHanko", folder: tools, command: []string{filepath.Join(tools, "venv", "bin", "python"), "pyhanko_peer.py"}},
		{label: "@libpdf/core", folder: tools, command: []string{"node", "--expose-gc", "libpdf.mjs"}},
		{label: "@signpdf", folder: tools, command: []string{"node", "--expose-gc", "signpdf.mjs"}},
		{label: "PDFBox", folder: filepath.Join(tools, "pdfbox"), command: []string{"java", "-Xmx8g", "-cp", "classes:lib/*", "Peer"}},
	}
}

func (p *peer) start(ctx context.Context, w *world) error {
	p.cmd = exec.CommandContext(ctx, p.command[0], append(p.command[1:], w.json)...)
	p.cmd.Dir, p.cmd.Stderr = p.folder, os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("it does not start (bench/seal/setup.sh installs it): %w", err)
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.hello)
	}
	return err
}

func (p *peer) name() string  { return p.label }
func (p *peer) about() string { return p.label + " " + p.hello.Version + ", " + p.hello.Runtime }

func (p *peer) measure(o order) result {
	b, err := json.Marshal(o)
	if err == nil {
		_, err = p.in.Write(append(b, '\n'))
	}
	var r result
	var line []byte
	if err == nil {
		line, err = p.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		r.Error = "the process ended: " + err.Error()
	}
	return r
}

func (p *peer) close() {
	_ = p.in.Close() // which ends the process
	_ = p.cmd.Wait() // how does not matter any more
}
