// Command tlog lets software that nobody here wrote judge Paraph's log: it starts
// the program it is given, fills its log over the API, and reads it with the
// Tessera client and transparency-dev/merkle, over the network and with the log's
// public key alone. It prints a verdict a line, "ok …" or "not ok …".
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// entries is how many changes are made: more than a full tile of 256.
const entries = 300

var hasher = rfc6962.DefaultHasher

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "Usage: tlog PARAPH")
		os.Exit(2)
	}
	if err := judge(ctx, os.Args[1]); err != nil {
		fmt.Println("not ok the log's judge:", err)
		os.Exit(1)
	}
}

func judge(ctx context.Context, program string) error {
	s, err := start(ctx, program)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.grow(ctx, entries/2); err != nil {
		return err
	}
	vkey, err := s.get(ctx, "/.well-known/paraph/log.vkey")
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	root, err := url.Parse(s.url + "/log/")
	if err != nil {
		return err
	}
	fetch, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		return err
	}
	tracker, err := client.NewLogStateTracker(ctx, fetch.ReadTile, nil, verifier, verifier.Name(), client.UnilateralConsensus(fetch.ReadCheckpoint))
	if err != nil {
		return fmt.Errorf("the Tessera client refuses the log: %w", err)
	}
	first := tracker.Latest()
	fmt.Printf("ok Tessera's client takes the checkpoint over %d entries\n", first.Size)
	if err := s.grow(ctx, entries/2); err != nil {
		return err
	}
	// Update demands a consistency proof that it builds from the tiles itself.
	if _, _, _, err := tracker.Update(ctx); err != nil {
		return fmt.Errorf("the Tessera client finds the log inconsistent: %w", err)
	}
	now := tracker.Latest()
	if now.Size <= first.Size || now.Size <= 256 {
		return fmt.Errorf("the log has not grown past a tile: %d entries", now.Size)
	}
	fmt.Printf("ok Tessera's client finds %d entries consistent with %d\n", now.Size, first.Size)
	leaves, err := bundles(ctx, fetch, now)
	if err != nil {
		return err
	}
	if err := inclusions(ctx, fetch, now, leaves); err != nil {
		return err
	}
	return s.proofs(ctx, verifier)
}

// bundles reads every entry and computes the root over them anew.
func bundles(ctx context.Context, fetch *client.HTTPFetcher, head log.Checkpoint) ([][]byte, error) {
	tree := (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)
	var hashes [][]byte
	for i := uint64(0); i*256 < head.Size; i++ {
		bundle, err := client.GetEntryBundle(ctx, fetch.ReadEntryBundle, i, head.Size)
		if err != nil {
			return nil, fmt.Errorf("entry bundle %d: %w", i, err)
		}
		for _, e := range bundle.Entries {
			h := hasher.HashLeaf(e)
			hashes = append(hashes, h)
			if err := tree.Append(h, nil); err != nil {
				return nil, err
			}
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, err
	}
	if uint64(len(hashes)) != head.Size || !bytes.Equal(root, head.Hash) {
		return nil, fmt.Errorf("%d entries in bundles do not give the signed root over %d", len(hashes), head.Size)
	}
	stored, err := client.FetchLeafHashes(ctx, fetch.ReadTile, 0, head.Size, head.Size)
	if err != nil {
		return nil, err
	}
	for i := range stored {
		if !bytes.Equal(stored[i], hashes[i]) {
			return nil, fmt.Errorf("the tile's hash of entry %d is not that of the bundle", i)
		}
	}
	fmt.Printf("ok %d entries in bundles give the signed root and the hashes of the tiles\n", len(hashes))
	return hashes, nil
}

// inclusions has the Tessera client build the proof of every entry from tiles.
func inclusions(ctx context.Context, fetch *client.HTTPFetcher, head log.Checkpoint, leaves [][]byte) error {
	builder, err := client.NewProofBuilder(ctx, head.Size, fetch.ReadTile)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		p, err := builder.InclusionProof(ctx, uint64(i))
		if err != nil {
			return err
		}
		if err := proof.VerifyInclusion(hasher, uint64(i), head.Size, leaf, p, head.Hash); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	fmt.Printf("ok Tessera's client proves each of %d entries from the tiles\n", len(leaves))
	return nil
}

// proofs checks the .tlog-proof files that the API serves.
func (s *server) proofs(ctx context.Context, verifier note.Verifier) error {
	var page struct{ Items []struct{ ID string } }
	if err := s.call(ctx, http.MethodGet, "/v1/events?limit=100&type=unit.created", nil, &page); err != nil {
		return err
	}
	for _, e := range page.Items {
		var p struct {
			Leaf  []byte
			Proof string
		}
		if err := s.call(ctx, http.MethodGet, "/v1/events/"+e.ID+"/proof", nil, &p); err != nil {
			return err
		}
		if err := check(p.Proof, p.Leaf, verifier); err != nil {
			return fmt.Errorf("the proof of %s: %w", e.ID, err)
		}
	}
	if len(page.Items) < 50 {
		return fmt.Errorf("%d events only", len(page.Items))
	}
	fmt.Printf("ok transparency-dev/merkle takes %d .tlog-proof files as the API serves them\n", len(page.Items))
	return nil
}

// check verifies one .tlog-proof file (C2SP tlog-proof) with what others wrote.
func check(file string, leaf []byte, verifier note.Verifier) error {
	head, checkpoint, ok := strings.Cut(file, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("not a .tlog-proof file")
	}
	if lines = lines[1:]; strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseUint(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	var hashes [][]byte
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, h)
	}
	cp, _, _, err := log.ParseCheckpoint([]byte(checkpoint), verifier.Name(), verifier)
	if err != nil {
		return err
	}
	return proof.VerifyInclusion(hasher, index, cp.Size, hasher.HashLeaf(leaf), hashes, cp.Hash)
}

// server is a running Paraph.
type server struct {
	cmd        *exec.Cmd
	dir        string
	url, token string
	made       int
}

func start(ctx context.Context, program string) (*server, error) {
	dir, err := os.MkdirTemp("", "tlog-judge-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, cmd: exec.CommandContext(ctx, program, "serve", "--json", "--data-dir", dir, "--listen", "127.0.0.1:0", "--rate-limit", "0", "--log-level", "warn")}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said struct {
		URL    string
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	s.url = said.URL
	res, err := http.PostForm(s.url+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {said.ID}, "client_secret": {said.Secret}})
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&got)
	s.token = got.Token
	return s, err
}

func (s *server) stop() {
	if err := s.cmd.Process.Signal(os.Interrupt); err == nil {
		if err := s.cmd.Wait(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.RemoveAll(s.dir)
}

// grow makes n business units, an entry each.
func (s *server) grow(ctx context.Context, n int) error {
	for range n {
		s.made++
		name := fmt.Sprintf("unit-%d", s.made)
		if err := s.call(ctx, http.MethodPost, "/v1/business-units", map[string]string{"name": name, "title": name}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) call(ctx context.Context, method, path string, body, into any) error {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, r)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprintf("judge-%d", s.made))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, raw)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(raw, into)
	}
	return err
}

func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
