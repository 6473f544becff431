# Presses the key that completes, once, behind a line in a new zsh, and prints the line
# as it stands then: zsh -f press.zsh FOLDER LINE. The folder holds _paraph.
zmodload zsh/zpty
export TERM=dumb
zpty -b shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit && compinit -u -D"
# The line is handed to whoever asks by a widget: what a terminal would show has to be guessed.
zpty -w shell "show() { print -r -- \"<<\$BUFFER>>\" }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word; PS1=; print -r -- ready"
await() { # a pattern; what was read until it came is in out
  out=
  repeat 200; do
    while zpty -rt shell more; do out+=$more; done
    [[ $out == $~1 ]] && return 0
    sleep 0.1
  done
  return 1
}
await $'*\nready*' || { print -r -- "zsh did not start: ${(q)out}"; exit 1 }
zpty -w -n shell "$2"$'\t\x18'
await '*<<*>>*' || { print -r -- "zsh said nothing: ${(q)out}"; exit 1 }
print -r -- ${${out##*<<}%%>>*}
zpty -d shell
