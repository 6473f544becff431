//go:build judges

package pades_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/pades"
	"github.com/paraph/paraph/pades/internal/testpdf"
	"github.com/paraph/paraph/pades/testca"
)

// worldNow is a world by the clock on the wall, as programs of others know no other,
// with its timestamp authority on the loopback interface too.
func worldNow(t *testing.T) (w *world, tsa string) {
	t.Helper()
	w = newWorldAt(t, time.Now().UTC().Truncate(time.Second))
	s := httptest.NewServer(w.tsa)
	t.Cleanup(s.Close)
	return w, s.URL
}

// java runs one of the programs of judges/dss, which the folder PARAPH_DSS holds
// with all that it needs. What it prints are the verdicts.
func java(t *testing.T, in string, program string, args ...string) {
	t.Helper()
	dir := os.Getenv("PARAPH_DSS")
	if dir == "" {
		t.Skip("PARAPH_DSS names no folder with EU DSS")
	}
	cmd := exec.Command("java", append([]string{"-Djava.awt.headless=true", "-Xmx1g", "-cp", filepath.Join(dir, "lib", "*") + ":" + filepath.Join(dir, "classes"), program}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	tell(t, out)
	if err != nil {
		t.Errorf("%s: %v\n%s", program, err, problems.String())
	}
}

// tell passes verdicts on: lines that begin with "ok" or "not ok".
func tell(t *testing.T, out []byte) {
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		fmt.Println(s.Text())
		if strings.HasPrefix(s.Text(), "not ok") {
			t.Fail()
		}
	}
}

// sample is a file that we sign for a judge of levels.
type sample struct {
	name     string
	in       []byte
	password string
	levels   []pades.Level // of its signers, as they sign
	found    []pades.Level // as they stand in the end; nil: the same
	kinds    []string      // their keys
	hash     crypto.Hash
	pss      bool
	certify  int
}

// matrix crosses levels with algorithms, kinds of input, numbers of signers and
// certification. Not every combination is made: each pair of values is.
func matrix(t *testing.T) (list []sample) {
	plain := testpdf.Make(testpdf.Options{Pages: 2})
	for level := pades.BB; level <= pades.BLTA; level++ {
		for _, key := range []struct {
			name, kind string
			hash       crypto.Hash
			pss        bool
		}{
			{"p256", "p256", 0, false}, {"p384", "p384", 0, false}, {"rsa", "rsa", 0, false}, {"rsa-sha384", "rsa", crypto.SHA384, false},
			{"rsa-pss", "rsa", 0, true}, {"rsa-pss-sha512", "rsa", crypto.SHA512, true}, // Ed25519 is none that DSS judges: judges/able.json
		} {
			list = append(list, sample{name: "key-" + key.name, in: plain, levels: []pades.Level{level}, kinds: []string{key.kind}, hash: key.hash, pss: key.pss})
		}
		for name, in := range inputs() {
			if strings.HasPrefix(name, "turned") && level != pades.BLTA {
				continue
			}
			list = append(list, sample{name: "input-" + name, in: in, levels: []pades.Level{level}, kinds: []string{"p256"}})
		}
		for certify := 1; certify <= 3; certify++ {
			list = append(list, sample{name: fmt.Sprintf("certified-%d", certify), in: plain, levels: []pades.Level{level}, kinds: []string{"p256"}, certify: certify})
		}
		for _, kind := range testpdf.Kinds {
			in := testpdf.Make(testpdf.Options{Kind: kind, Form: true})
			list = append(list,
				sample{name: "two-" + string(kind), in: in, levels: []pades.Level{level, level}, kinds: []string{"rsa", "p384"}},
				sample{name: "three-" + string(kind), in: in, levels: []pades.Level{level, level, level}, kinds: []string{"p256", "p384", "rsa"}, certify: 2},
			)
		}
	}
	list = append(list, sample{
		name: "rising", in: plain, kinds: []string{"p256", "p256", "p256"},
		levels: []pades.Level{pades.BLTA, pades.BLT, pades.BLTA}, found: []pades.Level{pades.BLTA, pades.BLTA, pades.BLTA}, // the last time stamp is over all
	})
	for name, flags := range map[string][]string{"aes128": {"128", "--use-aes=y"}, "aes256": {"256"}} {
		list = append(list, sample{name: "encrypted-" + name, in: encrypted(t, testpdf.Make(testpdf.Options{Form: true}), "disable", flags...), password: "user", levels: []pades.Level{pades.BLTA}, kinds: []string{"p256"}})
	}
	for i := range list {
		list[i].name += "-" + list[i].levels[len(list[i].levels)-1].String()
	}
	return list
}

// TestDSS has EU DSS judge what we sign: all levels, algorithms, kinds of input, up to
// three signers, certified and not. It must call every signature TOTAL_PASSED and of
// the very level.
func TestDSS(t *testing.T) {
	w, _ := worldNow(t)
	dir := t.TempDir()
	ids := map[string][]testca.Identity{}
	for _, kind := range []string{"p256", "p384", "rsa"} {
		for range 3 {
			ids[kind] = append(ids[kind], w.signer(t, kind))
		}
	}
	var orders strings.Builder
	for _, s := range matrix(t) {
		b := s.in
		for i, kind := range s.kinds {
			id := ids[kind][i]
			o := options(id)
			o.Time, o.Hash, o.PSS, o.Password, o.Protect = w.now(), s.hash, s.pss, s.password, w.protect(t, s.levels[i])
			if i == 0 {
				o.Certify = s.certify
			}
			b, _ = w.sign(t, b, id, o)
		}
		name := s.name + ".pdf"
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if s.found == nil {
			s.found = s.levels
		}
		var levels, ours []string
		for _, l := range s.found {
			levels = append(levels, strings.TrimPrefix(l.String(), "B-"))
		}
		r := w.verify(t, b, pades.VerifyOptions{Password: s.password})
		for _, one := range r.Signatures {
			if one.Kind == pades.KindSignature {
				ours = append(ours, strings.TrimPrefix(one.Level, "B-"))
			}
		}
		if r.Verdict != pades.Valid || !slices.Equal(ours, levels) {
			t.Errorf("%s: our own verdict is %q %s", name, ours, explain(r))
		}
		password := s.password
		if password == "" {
			password = "-"
		}
		fmt.Fprintln(&orders, name, password, strings.Join(levels, ","))
	}
	root := filepath.Join(dir, "root.der")
	if err := os.WriteFile(root, w.Root.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	java(t, orders.String(), "Judge", root, dir)
}

// put writes key, chain and addresses for programs that sign in this world.
func (w *world) put(t *testing.T, dir, tsa string) {
	t.Helper()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("tsa.url", []byte(tsa))
	for name, kind := range map[string]string{"ec": "p256", "rsa": "rsa"} {
		id := w.signer(t, kind)
		key := must(x509.MarshalPKCS8PrivateKey(id.Key))
		write(name+".key", key)
		write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
		for i, c := range id.Chain {
			write(fmt.Sprintf("%s.%d.der", name, i), c.Raw)
		}
	}
}

// TestOthers judges with our verifier what pyHanko, EU DSS and LibPDF signed, as
// judges/able.json says beforehand, and the same with one bit changed.
func TestOthers(t *testing.T) {
	w, tsa := worldNow(t)
	world := t.TempDir()
	w.put(t, world, tsa)
	inputs := t.TempDir()
	var files []string
	for _, kind := range []testpdf.Kind{testpdf.Classic, testpdf.ObjectStreams} {
		name := filepath.Join(inputs, string(kind)+".pdf")
		if err := os.WriteFile(name, testpdf.Make(testpdf.Options{Kind: kind, Pages: 2, Form: true}), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	for _, who := range able.Signers {
		t.Run(who.Name, func(t *testing.T) {
			out := t.TempDir()
			if dir := os.Getenv("PARAPH_KEEP"); dir != "" {
				out = dir
			}
			args := append([]string{world, out}, files...)
			if who.Java != "" {
				java(t, "", who.Java, args...)
			} else {
				program := os.ExpandEnv(who.Run[0])
				if program == "" {
					t.Skip("the program that signs is not there")
				}
				cmd := exec.Command(program, append(slices.Clone(who.Run[1:]), args...)...)
				cmd.Dir = ".." // the programs' paths are those of the repository
				if b, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, b)
				}
			}
			made, err := filepath.Glob(filepath.Join(out, "*.pdf"))
			if err != nil || len(made) == 0 {
				t.Fatalf("it signed nothing: %v", err)
			}
			for _, file := range made {
				w.judgeOther(t, who, file)
			}
		})
	}
}

// judgeOther compares our verdict on a file with what the table says.
func (w *world) judgeOther(t *testing.T, who ableSigner, file string) {
	name := who.Name + " " + filepath.Base(file)
	want, ok := who.expect(strings.TrimSuffix(filepath.Base(file), ".pdf"))
	if !ok {
		fmt.Printf("not ok our verifier: nothing was said beforehand about %s\n", name)
		t.Fail()
		return
	}
	b := must(os.ReadFile(file))
	r := w.verify(t, b, pades.VerifyOptions{Time: time.Now()})
	level := ""
	for _, s := range r.Signatures {
		if s.Kind == pades.KindSignature {
			level = s.Level
		}
	}
	if string(r.Verdict) != want.Verdict || level != want.Level || !strings.Contains(explain(r), want.Reason) {
		fmt.Printf("not ok our verifier %s: %s %s, not %s %s\n", name, level, explain(r), want.Level, want.Verdict)
		t.Fail()
	} else {
		fmt.Printf("ok our verifier %s (%s %s)\n", name, level, r.Verdict)
	}
	b[200] ^= 1
	if r, err := pades.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), pades.VerifyOptions{Trust: w.Trust()}); err != nil || r.Verdict != pades.Invalid {
		fmt.Printf("not ok our verifier takes a changed %s\n", name)
		t.Fail()
	} else {
		fmt.Printf("ok our verifier refuses a changed %s\n", name)
	}
}
