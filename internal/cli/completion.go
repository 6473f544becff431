package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// completable is a command with its flags, as a shell completes it.
type completable struct {
	words []string // the command, and the part below it
	about string
	flags []string
}

var flagLine = regexp.MustCompile(`(?m)^  -([a-z][a-z-]*)`)

// completables asks every command for its help: what is completed is what there is.
func completables(env *Env) (out []completable) {
	ask := func(c command, about string, words ...string) {
		var said bytes.Buffer
		quiet := *env
		quiet.Stdout, quiet.Stderr = &said, &said
		c.run(context.Background(), &quiet, append(slices.Clone(words[1:]), "--help"))
		one := completable{words: words, about: about}
		for _, m := range flagLine.FindAllStringSubmatch(said.String(), -1) {
			dashes := "--"
			if len(m[1]) == 1 {
				dashes = "-"
			}
			one.flags = append(one.flags, dashes+m[1])
		}
		out = append(out, one)
	}
	all := commands()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == "completion" {
			out = append(out, completable{words: []string{name}, about: all[name].about})
			for _, shell := range shells {
				out = append(out, completable{words: []string{name, shell}, about: "For " + shell + "."})
			}
			continue
		}
		first, _, _ := strings.Cut(all[name].usage, " ")
		if !strings.Contains(first, "|") && len(partsOf(name)) == 0 {
			ask(all[name], all[name].about, name)
			continue
		}
		out = append(out, completable{words: []string{name}, about: all[name].about})
		if parts := partsOf(name); len(parts) > 0 {
			for _, p := range parts {
				ask(all[name], p.about, name, p.name)
			}
			continue
		}
		for _, part := range strings.Split(first, "|") {
			ask(all[name], all[name].about, name, part)
		}
	}
	return out
}

var shells = []string{"bash", "zsh", "fish"}

func runCompletion(_ context.Context, env *Env, args []string) int {
	if len(args) != 1 || !slices.Contains(shells, args[0]) {
		fmt.Fprint(env.Stderr, "Usage: paraph completion bash|zsh|fish\n\n"+
			"  bash: paraph completion bash > /etc/bash_completion.d/paraph\n"+
			"  zsh:  paraph completion zsh > \"${fpath[1]}/_paraph\"\n"+
			"  fish: paraph completion fish > ~/.config/fish/completions/paraph.fish\n")
		return exitUsage
	}
	all := completables(env)
	switch args[0] {
	case "bash":
		completeBash(env, all)
	case "zsh":
		// zsh completes by bash's functions; the names of files come from itself.
		fmt.Fprintln(env.Stdout, "#compdef paraph\nautoload -U +X bashcompinit && bashcompinit")
		completeBash(env, all)
		// Where zsh loads this file when it is first needed, it has to complete at once, too.
		fmt.Fprintln(env.Stdout, "[[ $funcstack[1] == _paraph ]] && _bash_complete -o filenames -F _paraph")
	case "fish":
		completeFish(env, all)
	}
	return exitOK
}

// completeBash writes a function that looks at the words before the cursor.
func completeBash(env *Env, all []completable) {
	fmt.Fprintln(env.Stdout, "# Completion of paraph; `paraph completion` writes it.\n_paraph() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words=\n  COMPREPLY=()\n  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in")
	below := map[string][]string{}
	var first []string
	for _, c := range all {
		if len(c.words) == 2 {
			below[c.words[0]] = append(below[c.words[0]], c.words[1])
			fmt.Fprintf(env.Stdout, "    '%s') [ $COMP_CWORD -gt 2 ] && words='%s' ;;\n", strings.Join(c.words, " "), strings.Join(c.flags, " "))
		} else {
			first = append(first, c.words[0])
		}
	}
	fmt.Fprintln(env.Stdout, "  esac\n  if [ -z \"$words\" ]; then\n    case \"${COMP_WORDS[1]}\" in")
	for _, c := range all {
		if len(c.words) != 1 {
			continue
		}
		if parts := below[c.words[0]]; len(parts) > 0 {
			fmt.Fprintf(env.Stdout, "      %s) [ $COMP_CWORD -eq 2 ] && words='%s' ;;\n", c.words[0], strings.Join(parts, " "))
		} else {
			fmt.Fprintf(env.Stdout, "      %s) words='%s' ;;\n", c.words[0], strings.Join(c.flags, " "))
		}
	}
	fmt.Fprintf(env.Stdout, "    esac\n  fi\n  [ $COMP_CWORD -eq 1 ] && words='%s'\n"+
		"  case $cur in\n    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n    *) COMPREPLY=($(compgen -W \"${words//--*/}\" -- \"$cur\") $([ $COMP_CWORD -gt 1 ] && compgen -f -- \"$cur\")) ;;\n  esac\n}\ncomplete -o filenames -F _paraph paraph\n", strings.Join(first, " "))
}

func completeFish(env *Env, all []completable) {
	fmt.Fprintln(env.Stdout, "# Completion of paraph; `paraph completion` writes it.")
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	fmt.Fprintln(env.Stdout, "complete -c paraph -n __fish_use_subcommand -f") // no command is a file
	for _, c := range all {
		under := "__fish_use_subcommand"
		seen := "__fish_seen_subcommand_from " + c.words[0]
		if len(c.words) == 2 {
			under = seen
			seen += "; and __fish_seen_subcommand_from " + c.words[1]
		}
		fmt.Fprintf(env.Stdout, "complete -c paraph -n %s -a %s -d %s\n", quote(under), quote(c.words[len(c.words)-1]), quote(c.about))
		for _, f := range c.flags {
			kind := "-l " + strings.TrimPrefix(f, "--")
			if !strings.HasPrefix(f, "--") {
				kind = "-s " + strings.TrimPrefix(f, "-")
			}
			fmt.Fprintf(env.Stdout, "complete -c paraph -n %s %s\n", quote(seen), kind)
		}
	}
}
