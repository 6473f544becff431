// Package cli is the command line: it reads arguments, calls one room and says
// what came of it. Results go to standard output, progress and faults to
// standard error; --json everywhere gives programs the same facts.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sort"
	"strings"
	"syscall"

	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/sandbox/childmain"
)

// Exit codes of every command.
const (
	exitOK     = 0 // it is as it should be
	exitFailed = 1 // the answer is no: a check failed, a server stopped
	exitUsage  = 2 // the command was not understood
)

// Env is the outside world of a command.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Version        string
}

// command is one of paraph's commands.
type command struct {
	about string
	usage string // arguments behind the name
	run   func(ctx context.Context, env *Env, args []string) int
}

func commands() map[string]command {
	return map[string]command{
		"serve":      {"Run the server with the roles it is given; all by default.", "[flags]", runServe},
		"demo":       {"Run the main job from scan to archive on a server of its own, and prove the result.", "[flags]", runDemo},
		"admin":      {"Administer a server: organisations, units, roles, clients, keys; make and use set-up links.", "setup-link|setup|organisation|unit|role|client|key …", runAdmin},
		"verify":     {"Check sealed PDFs, proofs and archive packages, offline.", "[flags] FILE…", runVerify},
		"audit":      {"Check the whole log of a store, or accept a restored one.", "verify|accept-restore [flags]", runAudit},
		"witness":    {"Cosign the checkpoints of other parties' logs, as a second party.", "[flags]", runWitness},
		"keys":       {"Show and rotate the keys that everything is encrypted under, and those that sign tokens.", "list|stage|rotate|retire|rotate-unit|tokens|rotate-tokens|withdraw-token [flags] [KEY|UNIT]", runKeys},
		"backup":     {"Back up database, files and keys while the server runs.", "--to FOLDER [flags]", runBackup},
		"restore":    {"Bring a backup into an empty data folder, and prove it.", "--from FOLDER --data-dir NEW [flags]", runRestore},
		"drill":      {"Restore the newest backup on trial: proof, recovery point, recovery time.", "--from FOLDER [flags]", runDrill},
		"reindex":    {"Make the full-text index of documents anew.", "[flags]", runReindex},
		"migrate":    {"Bring the database to this version.", "[flags]", runMigrate},
		"tsa":        {"Give out time stamps (RFC 3161), in networks that reach no other authority.", "[flags]", runTSA},
		"webhook":    {"Forward events to a port of this machine, send past ones anew, or make a link to the page of endpoints.", "listen|replay|portal [flags]", runWebhook},
		"doctor":     {"Look for what is wrong, and say the command that mends it.", "[flags]", runDoctor},
		"protection": {"List signed files whose protection runs out, or lacks something.", "[--within 2160h] [flags]", runProtection},
		"config":     {"Show every setting as it is in force, and where it comes from.", "[flags]", runConfig},
		"login":      {"Log in as a person, by a code that is typed in a browser.", "--client-id ID [flags]", runLogin},
		"logout":     {"End the login, here and at the server.", "[flags]", runLogout},
		"doc":        {"Upload, list, show and download documents.", "upload|list|show|download [flags] …", runDoc},
		"approve":    {"Say yes to a task, or to the one that is open on a document.", "[flags] TASK|DOCUMENT", runApprove},
		"reject":     {"Say no to a task, or to the one that is open on a document.", "[flags] TASK|DOCUMENT", runReject},
		"send":       {"Ask people to sign an approved document.", "--to 'NAME <ADDRESS>'… [flags] DOCUMENT", runSend},
		"remind":     {"Remind the people whose turn it is to sign.", "[flags] ENVELOPE|DOCUMENT", runRemind},
		"events":     {"Show events as they happen.", "tail [flags]", runEvents},
		"batch":      {"Run many operations from a file.", "run [flags] FILE", runBatch},
		"bulk":       {"Send a document to everybody in a table, row by row.", "start|list|show|rows|results|pause|resume|retry|cancel [flags] …", runBulk},
		"docs":       {"Write the documentation as files.", "build FOLDER", runDocs},
		"unit":       {"Write everything that a business unit owns into a file, or take such a file in.", "export|import …", runUnit},
		"report":     {"Count documents and add up their amounts, or tell how long approvals and signing took.", "[flags]", runReport},
		"completion": {"Write what a shell needs to complete commands and flags.", "bash|zsh|fish", runCompletion},
		"version":    {"Say which version this is.", "[--json]", runVersion},
	}
}

// Run runs a command line and gives the exit code. It ends early, in order, on
// an interrupt or a termination signal.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	if len(args) > 1 && args[1] == "child" {
		return childmain.Main() // a sandboxed child: no configuration, no signals, nothing else
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	env := &Env{Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: getenv, Version: version()}
	if len(args) < 2 || args[1] == "help" || args[1] == "-h" || args[1] == "--help" {
		usage(stdout)
		return exitOK
	}
	c, ok := commands()[args[1]]
	if !ok {
		fmt.Fprintf(stderr, "There is no command %q.\n\n", args[1])
		usage(stderr)
		return exitUsage
	}
	return c.run(ctx, env, args[2:])
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "Paraph takes a document, reads it, routes it for approval and signature, seals it,\nand keeps it with a record that anyone can check.\n\nUsage: paraph COMMAND [flags]\n\n")
	all := commands()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(w, "  %-10s  %s\n", name, all[name].about)
	}
	fmt.Fprintf(w, "\n`paraph COMMAND --help` tells the flags of each.\n")
}

// version is what the build says of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			v += "+" + s.Value[:12]
		}
	}
	return v
}

// flags makes the flag set of a command; its help speaks like everything else.
func flags(env *Env, name string) *flag.FlagSet {
	fs := flag.NewFlagSet("paraph "+name, flag.ContinueOnError)
	fs.SetOutput(env.Stderr)
	c := commands()[name]
	fs.Usage = func() {
		fmt.Fprintf(env.Stderr, "%s\n\nUsage: paraph %s %s\n\n", c.about, name, c.usage)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads a command's flags. done tells that there is nothing more to do:
// help was asked for, or the flags were wrong.
func parse(fs *flag.FlagSet, args []string) (code int, done bool) {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, true
	case err != nil:
		return exitUsage, true
	}
	return exitOK, false
}

// settings reads the configuration for a command that needs it.
func settings(env *Env, fs *flag.FlagSet, args []string) (l *config.Loader, code int, done bool) {
	l = config.NewLoader()
	l.Flags(fs)
	if code, done = parse(fs, args); done {
		return l, code, true
	}
	if err := l.Load(env.Getenv); err != nil {
		fmt.Fprintln(env.Stderr, err)
		return l, exitUsage, true
	}
	return l, exitOK, false
}

// fail says what went wrong and gives the exit code for it.
func fail(env *Env, err error) int {
	fmt.Fprintln(env.Stderr, "paraph:", err)
	return exitFailed
}

// printJSON writes a result for programs.
func printJSON(env *Env, v any) {
	enc := json.NewEncoder(env.Stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		fmt.Fprintln(env.Stderr, "paraph:", err)
	}
}

// printLine writes facts for programs as one line of JSON.
func printLine(env *Env, v any) {
	if err := json.NewEncoder(env.Stdout).Encode(v); err != nil {
		fmt.Fprintln(env.Stderr, "paraph:", err)
	}
}

func runVersion(_ context.Context, env *Env, args []string) int {
	fs := flags(env, "version")
	asJSON := fs.Bool("json", false, "Write JSON.")
	if code, done := parse(fs, args); done {
		return code
	}
	if *asJSON {
		printJSON(env, map[string]string{"version": env.Version})
		return exitOK
	}
	fmt.Fprintln(env.Stdout, "paraph", env.Version)
	return exitOK
}

func runConfig(_ context.Context, env *Env, args []string) int {
	fs := flags(env, "config")
	asJSON := fs.Bool("json", false, "Write JSON.")
	l, code, done := settings(env, fs, args)
	if done {
		return code
	}
	if *asJSON {
		printJSON(env, l.Settings())
		return exitOK
	}
	for _, s := range l.Settings() {
		fmt.Fprintf(env.Stdout, "# %s\n# from: %s; environment: %s\n%s: %s\n\n", s.Doc, s.Source, s.Env, s.Name, s.Value)
	}
	return exitOK
}
