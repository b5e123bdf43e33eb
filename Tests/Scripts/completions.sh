# What each shell that is here completes after a few words of kq.
#
#   completions.sh bash|zsh|fish
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
shell=$1
need "$shell"
completions=$SOURCE/completions
touch a-file
cat >kq <<'END'
#!/bin/sh
END
chmod +x kq
PATH=$WORK:$PATH
export PATH

# complete WORDS: the words that may follow, a line each.
complete_bash() {
  bash --norc -c '
    . "$1/kq.bash"
    read -r -a COMP_WORDS <<<"$2"
    [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _kq
    printf "%s\n" "${COMPREPLY[@]}"' - "$completions" "$1"
}

complete_fish() {
  HOME=$WORK fish --no-config -c "source $completions/kq.fish; complete -C '$1'" | cut -f 1
}

# Without a terminal zsh completes nothing: its file is read, and defines what it should.
check_zsh() {
  zsh -f -c "fpath=($completions \$fpath); autoload -Uz compinit; compinit -D -u; (( \$+_comps[kq] )) || exit 1; autoload +X _kq" ||
    fail "zsh does not know completions of kq"
  zsh -n "$completions/_kq"
  # With the words after "run" as _arguments hands them over, what stands behind "--" is completed as a command.
  # shellcheck disable=SC2016 # expanded there
  zsh -f -c '_arguments() { state=rest; }
    _normal() { print -r -- $CURRENT $words; }
    words=(run a-file -- uname -a) CURRENT=5
    . "$1/_kq"' - "$completions" >offered
  grep -qx '2 uname -a' offered || { cat offered; fail "zsh does not complete a command of run"; }
}

# offers WORDS WORD...
offers() {
  words=$1
  shift
  "complete_$shell" "$words" >offered
  for word; do grep -qxF -e "$word" offered || { cat offered; fail "$shell does not offer $word after '$words'"; }; done
}

if [ "$shell" = zsh ]; then
  check_zsh
  exit 0
fi
offers 'kq ' demo watch run info
offers 'kq w' watch
offers 'kq watch ' timer read file process signal
offers 'kq watch file a' a-file
offers 'kq watch signal U' USR1 USR2
offers 'kq watch timer 5 --format ' words json
offers 'kq watch --f' --format
offers 'kq run a' a-file
offers 'kq run a-file -- unam' uname
if [ "$shell" = bash ]; then
  # Else a folder that is called run has "kq ru" become "kq run/".
  bash --norc -c '. "$1/kq.bash"; complete -p kq' - "$completions" >offered
  ! grep -q filenames offered || fail "bash takes words of kq for names of files"
fi
