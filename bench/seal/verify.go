package main

import (
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// verifyRounds is how often each command runs; the median counts.
const verifyRounds = 7

// measureVerify runs `paraph verify` over a file of level B-LTA with 70 scanned
// pages, from the start of the process to its end, beside reading and hashing the
// same file once. With -online it asks the authorities on the loopback interface.
func measureVerify(ctx context.Context, w *world, program, dir string) error {
	path := filepath.Join(dir, "scans.pdf")
	if err := writePDF(path, 70, 730_000); err != nil {
		return err
	}
	signed := filepath.Join(dir, "signed.pdf")
	if r := (&ours{ctx: ctx, w: w}).measure(order{Path: path, Level: "B-LTA", Least: 1, Most: 1, Keep: signed}); r.Error != "" {
		return fmt.Errorf("%s", r.Error)
	}
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Root.Raw}), 0o600); err != nil {
		return err
	}
	info, err := os.Stat(signed)
	if err != nil {
		return err
	}
	hash := func() error {
		f, err := os.Open(signed)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(sha256.New(), f)
		return err
	}
	verify := func() error {
		cmd := exec.CommandContext(ctx, program, "verify", "--ca", root, "--online", "--allow-network", "127.0.0.0/8", signed)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	var hashed, verified []time.Duration
	for range verifyRounds { // in turns, as the machine has its moods
		for _, m := range []struct {
			run  func() error
			into *[]time.Duration
		}{{hash, &hashed}, {verify, &verified}} {
			started := time.Now()
			if err := m.run(); err != nil {
				return err
			}
			*m.into = append(*m.into, time.Since(started))
		}
	}
	a, b := middle(hashed), middle(verified)
	fmt.Printf("paraph verify, %.1f MB, 70 scanned pages, B-LTA: %v (best %v) from start to end; one SHA-256 of the file: %v; ratio %.1f\n",
		float64(info.Size())/1e6, b.Round(time.Millisecond), slices.Min(verified).Round(time.Millisecond), a.Round(time.Millisecond), float64(b)/float64(a))
	return nil
}

func middle(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
