package anchor_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/anchor"
	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/testneed"
	"github.com/paraph/paraph/pades/tsp"
	"github.com/paraph/paraph/pades/tsp/tsptest"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// chain is a log of a few entries with its key.
type chain struct {
	t       testing.TB
	signer  *journal.Signer
	tree    journal.Tree
	hashes  []journal.Hash
	entries []journal.Entry
}

func newChain(t testing.TB, name string, n int) *chain {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	signer, err := journal.NewSigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{t: t, signer: signer}
	for i := range n {
		e := journal.Entry{ID: fmt.Sprintf("evt_%026d", i), Org: "org_1", Kind: journal.UnitCreated, SubjectType: "unit", SubjectID: "u", At: noon,
			Actor: journal.Actor{Kind: journal.ActorSystem}, Data: json.RawMessage("{}"), Salt: sha256.Sum256(fmt.Append(nil, i)), Index: int64(i)}
		if err := journal.Seal(&e, journal.Hash{}); err != nil {
			t.Fatal(err)
		}
		c.entries = append(c.entries, e)
		var stored []journal.StoredHash
		c.tree, stored = c.tree.Append(e.Leaf)
		for _, s := range stored {
			c.hashes = append(c.hashes, s.Hash)
		}
	}
	return c
}

// at gives the checkpoint over the first n entries.
func (c *chain) at(n int64) journal.Checkpoint {
	c.t.Helper()
	head, err := journal.HeadAt(n, c)
	if err != nil {
		c.t.Fatal(err)
	}
	cp, err := c.signer.Sign(head)
	if err != nil {
		c.t.Fatal(err)
	}
	return cp
}

// ReadHashes implements journal.HashReader.
func (c *chain) ReadHashes(positions []int64) ([]journal.Hash, error) {
	out := make([]journal.Hash, len(positions))
	for i, p := range positions {
		out[i] = c.hashes[p]
	}
	return out, nil
}

func (c *chain) proof(cp journal.Checkpoint, index int64) []byte {
	c.t.Helper()
	shown, err := journal.Disclose(c.entries[index], journal.Fields...)
	if err != nil {
		c.t.Fatal(err)
	}
	extra, err := shown.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := journal.NewProof(cp, index, c, extra)
	if err != nil {
		c.t.Fatal(err)
	}
	return p.Encode()
}

func stamp(t testing.TB, tsa *tsptest.TSA, note []byte) []byte {
	t.Helper()
	der, err := tsa.Sign(&tsp.Info{Policy: tsptest.Policy, Hash: anchor.Hash, Digest: anchor.Digest(note), Serial: big.NewInt(1), Time: noon, Accuracy: time.Second}, true)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c, tsa, other := newChain(t, "log.example/audit", 5), tsptest.New(t, tsptest.Options{Now: at(noon)}), tsptest.New(t, tsptest.Options{Now: at(noon)})
	cp := c.at(5)
	token := stamp(t, tsa, cp.Note)
	v, err := anchor.Verify(cp.Note, token, c.signer.Verifier(), tsa.Chain())
	if err != nil || !v.Trusted || v.Checkpoint.Head != cp.Head || !v.At.Equal(noon) || v.Authority != "Test TSA" || v.String() != "3 November 2026 12:00:00 UTC ± 1s by Test TSA" {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := anchor.Verify(cp.Note, token, c.signer.Verifier(), nil); err != nil || v.Trusted || !strings.HasSuffix(v.String(), "whom nobody said to trust") {
		t.Errorf("%v, %v", v, err)
	}
	cosigned := append(bytes.Clone(cp.Note), "\u2014 witness.example/w1 AAAAAAAA\n"...)
	for name, one := range map[string]struct {
		note, token []byte
		log         *journal.Verifier
		chain       tsp.ChainVerifier
		code        string
		reason      tsp.Reason
	}{
		"another checkpoint":       {c.at(4).Note, token, c.signer.Verifier(), nil, "timestamp_refused", tsp.ReasonImprint},
		"with a cosignature":       {cosigned, token, c.signer.Verifier(), nil, "timestamp_refused", tsp.ReasonImprint},
		"without its last newline": {bytes.TrimSuffix(cp.Note, []byte("\n")), token, c.signer.Verifier(), nil, "checkpoint_refused", ""},
		"another log's":            {cp.Note, token, newChain(t, "other.example/audit", 1).signer.Verifier(), nil, "checkpoint_refused", ""},
		"garbage for a token":      {cp.Note, []byte("garbage"), c.signer.Verifier(), nil, "timestamp_refused", tsp.ReasonMalformed},
		"no token":                 {cp.Note, nil, c.signer.Verifier(), nil, "timestamp_refused", tsp.ReasonMalformed},
		"no checkpoint":            {nil, token, c.signer.Verifier(), nil, "checkpoint_refused", ""},
		"a foreign authority":      {cp.Note, token, c.signer.Verifier(), other.Chain(), "timestamp_refused", tsp.ReasonUntrusted},
	} {
		_, err := anchor.Verify(one.note, one.token, one.log, one.chain)
		if fault.CodeOf(err) != one.code || tsp.ReasonOf(err) != one.reason {
			t.Errorf("%s: %q, %q: %v", name, fault.CodeOf(err), tsp.ReasonOf(err), err)
		}
	}
}

// TestPacked packs an anchor as an archive package does and takes it out again;
// then each thing that may be wrong with it is refused.
func TestPacked(t *testing.T) {
	t.Parallel()
	c, tsa := newChain(t, "log.example/audit", 9), tsptest.New(t, tsptest.Options{Now: at(noon)})
	cp := c.at(5)
	leaves := map[string][]byte{}
	for _, e := range c.entries[:5] {
		leaves[e.ID] = e.Leaf
	}
	pack := func() (map[string]*anchor.Packed, *anchor.Packed) {
		all := map[string]*anchor.Packed{}
		for name, content := range map[string][]byte{
			anchor.CheckpointName("anc_1"):             cp.Note,
			anchor.TokenName("anc_1"):                  stamp(t, tsa, cp.Note),
			anchor.ProofName("anc_1", c.entries[0].ID): c.proof(cp, 0),
			anchor.ProofName("anc_1", c.entries[4].ID): c.proof(cp, 4),
		} {
			if !anchor.Unpack(all, name, content) {
				t.Errorf("%s is none of an anchor's", name)
			}
		}
		return all, all["anc_1"]
	}
	all, p := pack()
	if len(all) != 1 || len(p.Proofs) != 2 {
		t.Fatalf("%+v", all)
	}
	if _, err := p.Verify(c.signer.Verifier(), tsa.Chain(), leaves); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"data/proofs/evt_1.tlog-proof", "data/anchors/x", "data/anchors/anc_1/readme", "anchors/anc_1/checkpoint"} {
		if anchor.Unpack(map[string]*anchor.Packed{}, name, nil) {
			t.Errorf("%s is taken for an anchor's", name)
		}
	}
	for name, one := range map[string]struct {
		change func(*anchor.Packed)
		code   string
	}{
		"no checkpoint":              {func(p *anchor.Packed) { p.Checkpoint = nil }, "checkpoint_refused"},
		"no token":                   {func(p *anchor.Packed) { p.Token = nil }, "timestamp_refused"},
		"an entry nobody proved":     {func(p *anchor.Packed) { p.Proofs["evt_x"] = c.proof(cp, 1) }, "proof_refused"},
		"another entry's proof":      {func(p *anchor.Packed) { p.Proofs[c.entries[4].ID] = c.proof(cp, 3) }, "proof_refused"},
		"a proof under another head": {func(p *anchor.Packed) { p.Proofs[c.entries[4].ID] = c.proof(c.at(9), 4) }, "proof_refused"},
		"a changed proof":            {func(p *anchor.Packed) { p.Proofs[c.entries[4].ID][200] ^= 1 }, ""},
	} {
		_, p := pack()
		one.change(p)
		_, err := p.Verify(c.signer.Verifier(), tsa.Chain(), leaves)
		if err == nil || one.code != "" && fault.CodeOf(err) != one.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenSSL: what is stamped is what `openssl ts -verify -data` hashes, the
// checkpoint as it is served.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	openssl := testneed.Command(t, "openssl")
	c, tsa := newChain(t, "log.example/audit", 5), tsptest.New(t, tsptest.Options{Now: at(noon)})
	dir, cp := t.TempDir(), c.at(5)
	for name, content := range map[string][]byte{"token.tst": stamp(t, tsa, cp.Note), "checkpoint": cp.Note, "other": c.at(4).Note, "root.pem": tsa.RootsPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func(data string) error {
		cmd := exec.Command(openssl, "ts", "-verify", "-token_in", "-in", "token.tst", "-data", data, "-CAfile", "root.pem", "-attime", fmt.Sprint(noon.Unix()))
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	if err := verify("checkpoint"); err != nil {
		t.Error(err)
	}
	if verify("other") == nil {
		t.Error("openssl takes the token for another checkpoint")
	}
}
