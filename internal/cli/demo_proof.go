package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// fetch keeps the sealed PDF, the archive package, and the evidence out of it.
func (d *demo) fetch(ctx context.Context) (string, error) {
	id := d.order.up.Document.ID
	sum, err := d.fetchVersion(ctx, id, "sealed", sealedName)
	if err != nil {
		return "", err
	}
	records, err := paraph.Collect(d.sender.AllArchiveRecords(ctx, paraph.ListArchiveRecordsParams{DocumentID: id}))
	if err != nil {
		return "", err
	}
	if len(records) != 1 || records[0].DocumentSHA256 != sum {
		return "", fmt.Errorf("the archive has %d records of the sealed PDF, want 1", len(records))
	}
	var pack bytes.Buffer
	got, err := d.sender.GetArchivePackage(ctx, records[0].ID, &pack)
	if err != nil {
		return "", err
	}
	if got.SHA256 != records[0].PackageSHA256 {
		return "", errors.New("the archive package is not the one on record")
	}
	if err := d.keep(packageName, pack.Bytes()); err != nil {
		return "", err
	}
	names, err := d.unpackEvidence(pack.Bytes())
	return fmt.Sprintf("%d pages with the certificate, SHA-256 %s; the package holds %s", d.sum.Pages[sealedName], short(sum), strings.Join(names, ", ")), err
}

// unpackEvidence keeps the evidence out of the package and lists what is in it.
func (d *demo) unpackEvidence(pack []byte) (names []string, err error) {
	z, err := zip.NewReader(bytes.NewReader(pack), int64(len(pack)))
	if err != nil {
		return nil, err
	}
	evidence, count := false, map[string]int{}
	for _, f := range z.File {
		base := path.Base(f.Name)
		switch {
		case strings.HasSuffix(base, ".tlog-proof"):
			count["proofs"]++
			continue
		case strings.HasPrefix(f.Name, "data/"):
			names = append(names, strings.TrimPrefix(f.Name, "data/"))
		}
		if !strings.Contains(f.Name, "evidence") || !strings.HasSuffix(base, ".json") {
			continue
		}
		raw, err := readPacked(f)
		if err != nil {
			return nil, err
		}
		if !json.Valid(raw) {
			return nil, fmt.Errorf("%s is not JSON", f.Name)
		}
		if err := d.keep(base, raw); err != nil {
			return nil, err
		}
		evidence = true
	}
	if n := count["proofs"]; n > 0 {
		names = append(names, fmt.Sprintf("%d proofs", n))
	}
	if !evidence {
		return names, errors.New("the package holds no evidence")
	}
	return names, nil
}

// proofs keeps the document's events, the proof of each, and what verifies them.
func (d *demo) proofs(ctx context.Context) (string, error) {
	events, err := paraph.Collect(d.sender.AllEvents(ctx, paraph.ListEventsParams{DocumentID: d.order.up.Document.ID, Limit: 200}))
	if err != nil {
		return "", err
	}
	for i, e := range events {
		if e.DocumentSequence != i+1 {
			return "", fmt.Errorf("event %d of the document is numbered %d: one is missing", i+1, e.DocumentSequence)
		}
	}
	raw, err := json.MarshalIndent(events, "", "  ")
	if err != nil {
		return "", err
	}
	if err := d.keep("events.json", raw); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(d.out, "proofs"), 0o755); err != nil {
		return "", err
	}
	for i, e := range events {
		proof, err := d.proof(ctx, e.ID)
		if err != nil {
			return "", fmt.Errorf("%s: %w", e.Type, err)
		}
		name := fmt.Sprintf("%02d-%s.tlog-proof", i+1, e.Type)
		if err := os.WriteFile(filepath.Join(d.out, "proofs", name), []byte(proof), 0o644); err != nil {
			return "", err
		}
	}
	d.sum.Events, d.sum.Proofs = len(events), len(events)
	for name, get := range map[string]func(context.Context) (string, error){"log.vkey": d.sender.LogKey, "ca.pem": d.sender.CA} {
		data, err := get(ctx)
		if err != nil {
			return "", err
		}
		if err := d.keep(name, []byte(data)); err != nil {
			return "", err
		}
	}
	if len(events) == 0 {
		return "", errors.New("the document has no events")
	}
	return fmt.Sprintf("%d events, from %s to %s, numbered without a gap", len(events), events[0].Type, events[len(events)-1].Type), nil
}

// proof gives an event's proof, which is there as soon as a checkpoint covers it.
func (d *demo) proof(ctx context.Context, id string) (string, error) {
	for try := 0; ; try++ {
		raw, err := d.sender.ProofFile(ctx, id)
		if !paraph.IsCode(err, "not_in_log_yet") || try == 60 {
			return raw, err
		}
		if err := nap(ctx, 250*time.Millisecond); err != nil {
			return "", err
		}
	}
}

func nap(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// verifier is a run of `paraph verify` over files of the demo's folder.
type verifier struct {
	flags []string
	files []string
}

// verifiers are the checks anyone can make with the folder alone.
func (d *demo) verifiers() ([]verifier, error) {
	proofs, err := filepath.Glob(filepath.Join(d.out, "proofs", "*.tlog-proof"))
	ca, key := filepath.Join(d.out, "ca.pem"), filepath.Join(d.out, "log.vkey")
	return []verifier{
		{[]string{"--ca", ca}, []string{filepath.Join(d.out, sealedName)}},
		{[]string{"--log-key", key}, proofs},
		{[]string{"--ca", ca, "--log-key", key}, []string{filepath.Join(d.out, packageName)}},
	}, err
}

// run calls `paraph verify` in a process of its own, which knows no server.
func (d *demo) run(ctx context.Context, v verifier) (int, string, error) {
	cmd := exec.CommandContext(ctx, d.self, append(append([]string{"verify"}, v.flags...), v.files...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), string(out), nil
	}
	return 0, string(out), err
}

func (d *demo) verify(ctx context.Context) (string, error) {
	all, err := d.verifiers()
	if err != nil {
		return "", err
	}
	checked := 0
	for _, v := range all {
		code, out, err := d.run(ctx, v)
		if err != nil {
			return "", err
		}
		if code != exitOK {
			return "", fmt.Errorf("paraph verify answered %d:\n%s", code, out)
		}
		checked += len(v.files)
	}
	return fmt.Sprintf("the sealed PDF, %d proofs and the package: %d files valid", d.sum.Proofs, checked), nil
}

// tamper changes one byte in a copy of each kind of file, and wants each refused.
func (d *demo) tamper(ctx context.Context) (string, error) {
	all, err := d.verifiers()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "paraph-demo-tampered-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	refused := 0
	for _, v := range all {
		for _, file := range v.files {
			raw, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			if strings.HasSuffix(file, ".zip") {
				err = spoilPacked(raw)
			} else {
				spoil(raw)
			}
			if err != nil {
				return "", err
			}
			v.files = []string{filepath.Join(dir, filepath.Base(file))}
			if err := os.WriteFile(v.files[0], raw, 0o600); err != nil {
				return "", err
			}
			code, out, err := d.run(ctx, v)
			if err != nil {
				return "", err
			}
			if code != exitFailed {
				return "", fmt.Errorf("paraph verify answered %d for a changed %s:\n%s", code, filepath.Base(file), out)
			}
			refused++
		}
	}
	return fmt.Sprintf("%d changed files, %d refused", refused, refused), nil
}

// spoilPacked changes a byte in the middle of the document in a package; between
// the files of a package there are dates and lengths that nobody reads.
func spoilPacked(raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.Name != "data/document.pdf" {
			continue
		}
		start, err := f.DataOffset()
		if err != nil {
			return err
		}
		spoil(raw[start : start+int64(f.CompressedSize64)])
		return nil
	}
	return errors.New("the package holds no document")
}

// spoil changes the byte in the middle, to another of its kind where it is a
// letter or a digit, so that the file's form stays and only its content lies.
func spoil(raw []byte) {
	i := len(raw) / 2
	switch b := raw[i]; {
	case b == 'z' || b == 'Z' || b == '9':
		raw[i]--
	case b >= 'a' && b < 'z', b >= 'A' && b < 'Z', b >= '0' && b < '9':
		raw[i]++
	default:
		raw[i] ^= 1
	}
}

// maxEvidence bounds one evidence file of a package, in bytes.
const maxEvidence = 16 << 20

func readPacked(file *zip.File) ([]byte, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(r, maxEvidence))
}
