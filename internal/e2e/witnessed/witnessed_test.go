// Package witnessed runs the real server with a real witness, two processes as
// at two parties, and does to the log what an attacker would.
package witnessed

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraph/paraph/internal/e2e/programtest"
	"github.com/paraph/paraph/internal/journal"
	"github.com/paraph/paraph/internal/store/pgtest"
)

// party is a running `paraph witness`.
type party struct {
	t    *testing.T
	cmd  *exec.Cmd
	gone chan struct{}
	URL  string `json:"url"`
	VKey string `json:"vkey"`
}

// witness starts the program as a witness; address "" takes a free port.
func witness(t *testing.T, dir, address string, logs ...string) *party {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	args := []string{"witness", "--json", "--dir", dir, "--listen", address, "--name", "witness.example/w1"}
	for _, l := range logs {
		args = append(args, "--log", l)
	}
	p := &party{t: t, cmd: exec.Command(programtest.Build(t), args...), gone: make(chan struct{})}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &strings.Builder{}
	p.cmd.Stderr = said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	line, err := r.ReadBytes('\n')
	go func() {
		defer close(p.gone)
		_, _ = io.Copy(io.Discard, r)
		_ = p.cmd.Wait() // it is killed: there is no good ending to ask for
	}()
	t.Cleanup(p.kill)
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		p.kill()
		t.Fatalf("the witness did not start: %v: %s", err, said)
	}
	return p
}

func (p *party) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.gone
}

// installation is a server with a witness.
type installation struct {
	t          *testing.T
	options    programtest.Options
	vkey       string // of the log
	policy     *journal.Policy
	id, secret string
	*programtest.Process
}

// install starts a server, lets log and witness exchange their keys, and starts
// the server again with its policy.
func install(t *testing.T, database string) (*installation, *party, string) {
	t.Helper()
	dir := t.TempDir()
	i := &installation{t: t, options: programtest.Options{Data: filepath.Join(dir, "data"), Database: database}}
	first := programtest.Serve(t, i.options)
	i.id, i.secret = first.ID, first.Secret
	res, err := http.Get(first.URL + "/.well-known/paraph/log.vkey")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	i.vkey = strings.TrimSpace(string(raw))
	first.Stop()
	state := filepath.Join(dir, "witness")
	w := witness(t, state, "", i.vkey)
	text := fmt.Sprintf("log %s\nwitness w %s %s\nquorum w\n", i.vkey, w.VKey, w.URL)
	if i.policy, err = journal.ParsePolicy([]byte(text)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "policy")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i.options.Args = []string{"--witness-policy", file, "--outbound-allow", "127.0.0.0/8"}
	i.Process = programtest.Serve(t, i.options)
	return i, w, state
}

func (i *installation) do(method, path, body string, header ...string) *programtest.Answer {
	i.t.Helper()
	c, err := programtest.Login(i.URL, i.id, i.secret)
	if err != nil {
		i.t.Fatal(err)
	}
	a, err := c.Do(method, path, []byte(body), header...)
	if err != nil {
		i.t.Fatal(err)
	}
	return a
}

// change makes a unit and gives the level that was reached.
func (i *installation) change(name, prefer string) string {
	i.t.Helper()
	a := i.do("POST", "/v1/business-units", `{"name":"`+name+`","title":"`+name+`"}`, "Prefer", prefer)
	if a.Status/100 != 2 {
		i.t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a.Header.Get("Preference-Applied")
}

func TestWitnessed(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return pgtest.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, w, state := install(t, database(t))
			if got := i.change("alpha", "ack=witnessed, wait=60"); got != "ack=witnessed" {
				t.Errorf("with its witness a change is %q", got)
			}
			shown := i.do("GET", "/log/checkpoint", "")
			if _, sigs, err := i.policy.Open(shown.Body); err != nil || len(sigs) != 1 {
				t.Errorf("the checkpoint that is shown: %v\n%s", err, shown.Body)
			}
			i.provesWitnessed()

			// The witness is killed at any moment, and comes back: changes go on.
			address := strings.TrimPrefix(w.URL, "http://")
			for n := range 4 {
				i.change(fmt.Sprintf("while_%d", n), "ack=checkpointed")
				<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond) // any moment
				w.kill()
				if got := i.change(fmt.Sprintf("without_%d", n), "ack=checkpointed, wait=60"); got != "ack=checkpointed" {
					t.Errorf("without its witness a change is %q", got)
				}
				w = witness(t, state, address, i.vkey)
				if got := i.change(fmt.Sprintf("again_%d", n), "ack=witnessed, wait=60"); got != "ack=witnessed" {
					t.Errorf("with the witness back a change is %q", got)
				}
			}
			var log struct {
				Size, Witnessed int64
				Witnesses       []struct{ Name, Code string }
			}
			if err := i.do("GET", "/v1/log", "").Into(&log); err != nil || len(log.Witnesses) != 1 || log.Witnesses[0].Code != "" || log.Witnessed == 0 {
				t.Errorf("the log's state is %+v, %v", log, err)
			}
			metrics := i.do("GET", "/metrics", "")
			for _, want := range []string{`paraph_witness_lag_entries{witness="w"}`, `paraph_witness_lag_seconds{witness="quorum"}`, `paraph_witness_failing{witness="w"} 0`} {
				if !strings.Contains(string(metrics.Body), want) {
					t.Errorf("the metrics lack %s", want)
				}
			}
		})
	}
}

// provesWitnessed fetches the proof of an event and checks it with the policy.
func (i *installation) provesWitnessed() {
	i.t.Helper()
	var page struct{ Items []struct{ ID string } }
	if err := i.do("GET", "/v1/events?limit=1", "").Into(&page); err != nil || len(page.Items) == 0 {
		i.t.Fatalf("no events: %v", err)
	}
	file := i.do("GET", "/v1/events/"+page.Items[0].ID+"/proof", "")
	p, err := journal.ParseProof(file.Body)
	if err != nil {
		i.t.Fatalf("%v: %s", err, file.Body)
	}
	if _, _, err := i.policy.Open(p.Checkpoint); err != nil {
		i.t.Errorf("the proof's checkpoint is not cosigned: %v", err)
	}
	v, err := journal.NewVerifier(i.vkey)
	if err != nil {
		i.t.Fatal(err)
	}
	if _, err := p.Verify(v, nil); err != nil {
		i.t.Error(err)
	}
}

// TestRestoredBackup restores the whole data folder, high-water mark included, so
// that nothing on the machine knows better: the witness does.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	i, _, _ := install(t, "")
	i.change("alpha", "ack=witnessed, wait=60")
	i.Stop()
	backup := filepath.Join(t.TempDir(), "backup")
	if out, err := exec.Command("cp", "-a", i.options.Data, backup).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	i.Process = programtest.Serve(t, i.options)
	if got := i.change("beta", "ack=witnessed, wait=60"); got != "ack=witnessed" {
		t.Fatalf("after a start a change is %q", got)
	}
	i.Stop()
	i.options.Data = backup
	i.Process = programtest.Serve(t, i.options)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i.do("GET", "/readyz", "").Code() != "log_rolled_back" {
		<-tick.C
	}
	if a := i.do("GET", "/log/checkpoint", ""); a.Code() != "log_rolled_back" {
		t.Errorf("a checkpoint of the old history is shown: %s", a.Body)
	}
	if a := i.do("POST", "/v1/business-units", `{"name":"gamma","title":"x"}`); a.Code() != "log_rolled_back" {
		t.Errorf("the old history grows: %d %s", a.Status, a.Body)
	}
}

// apart starts a process with some of the roles on the installation's database and
// data folder, with a high-water mark of its own.
func (i *installation) apart(roles string) *programtest.Process {
	i.t.Helper()
	o := i.options
	o.Args = append(slices.Clone(o.Args), "--roles", roles, "--admin-listen", "127.0.0.1:0", "--public-url", "http://paraph.example", "--log-high-water", filepath.Join(i.t.TempDir(), "highwater"))
	return programtest.Serve(i.t, o)
}

// readiness is what /readyz of a process says.
func (i *installation) readiness(p *programtest.Process) (code, detail string) {
	i.t.Helper()
	res, err := http.Get(p.Admin + "/readyz")
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	var said struct{ Code, Detail string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		i.t.Fatal(err)
	}
	return said.Code, said.Detail
}

// databases does something to the databases of the server while nobody is connected.
func (i *installation) databases(statements ...string) {
	i.t.Helper()
	name := regexp.MustCompile(`^postgres:///([a-z0-9]+)\?`).FindStringSubmatch(i.options.Database)[1]
	admin := strings.Replace(i.options.Database, "/"+name+"?", "/postgres?", 1)
	for n, s := range statements {
		statements[n] = strings.ReplaceAll(s, "THIS", name)
	}
	all := "ALTER DATABASE " + name + " ALLOW_CONNECTIONS false"
	pgtest.Exec(i.t, admin, all, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '"+name+"'")
	pgtest.Exec(i.t, admin, statements...)
	pgtest.Exec(i.t, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
}

// TestEvidenceStopsEveryProcess: roles apart, a witness shows that the database is
// an older one. Only one process hears of it; all refuse changes, with the reason.
// Once the newer database is back, all go on, without a restart.
func TestEvidenceStopsEveryProcess(t *testing.T) {
	t.Parallel()
	i, _, _ := install(t, pgtest.Database(t))
	i.change("alpha", "ack=witnessed, wait=60")
	i.Stop()
	i.databases("CREATE DATABASE THISolder TEMPLATE THIS OWNER app")
	t.Cleanup(func() {
		i.databases("DROP DATABASE IF EXISTS THISolder WITH (FORCE)", "DROP DATABASE IF EXISTS THISnewer WITH (FORCE)")
	})
	i.Process = programtest.Serve(t, i.options)
	i.change("beta", "ack=witnessed, wait=60")
	i.Stop()
	i.databases("ALTER DATABASE THIS RENAME TO THISnewer", "ALTER DATABASE THISolder RENAME TO THIS")

	processes := map[string]*programtest.Process{}
	for _, roles := range []string{"api", "dispatch", "work", "sequencer"} {
		processes[roles] = i.apart(roles)
	}
	i.Process = processes["api"]
	i.Process.URL = i.Process.Address
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	until := func(want string) {
		t.Helper()
		for roles, p := range processes {
			for {
				code, detail := i.readiness(p)
				if code == want && (want == "" || strings.Contains(detail, "witness")) {
					break
				}
				if time.Since(began) > time.Minute {
					t.Fatalf("%s is ready with %q (%s), want %q", roles, code, detail, want)
				}
				<-tick.C
			}
		}
		t.Logf("all are ready with %q after %s", want, time.Since(began).Round(time.Millisecond))
	}
	until("log_rolled_back")
	if a := i.do("POST", "/v1/business-units", `{"name":"gamma","title":"x"}`); a.Status != http.StatusServiceUnavailable || a.Code() != "log_rolled_back" {
		t.Errorf("the old history grows: %d %s", a.Status, a.Body)
	}
	// One that is started now knows at once.
	late := i.apart("work")
	if code, _ := i.readiness(late); code != "log_rolled_back" {
		t.Errorf("a process that was started later is ready with %q", code)
	}
	late.Stop()

	began = time.Now()
	i.databases("ALTER DATABASE THIS RENAME TO THISolder", "ALTER DATABASE THISnewer RENAME TO THIS")
	until("")
	if got := i.change("gamma", "ack=witnessed, wait=60"); got != "ack=witnessed" {
		t.Errorf("with the newer database back a change is %q", got)
	}
}
