# Completions of kq for bash.
#
# SPDX-License-Identifier: BSD-2-Clause
_kq_files() {
    # Names are quoted and folders get their slash, which words of other kinds must not.
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_kq() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]-}
    local i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'demo watch run info --help --version' -- "$word")
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [ "$command" = run ] && [ "${COMP_WORDS[i]}" = -- ]; then
            if ((i == COMP_CWORD - 1)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            else
                _kq_files "$word"
            fi
            return
        fi
    done
    case $before in
        -f | --format) mapfile -t COMPREPLY < <(compgen -W 'words json' -- "$word"); return ;;
        -n | --count) return ;;
    esac
    case $command/$word in
        watch/-*) mapfile -t COMPREPLY < <(compgen -W '--count --format' -- "$word"); return ;;
        run/-*) mapfile -t COMPREPLY < <(compgen -W '--count --restart --' -- "$word"); return ;;
        run/*) _kq_files "$word"; return ;;
        watch/*) ;;
        *) return ;;
    esac
    case $before in
        read | file) _kq_files "$word" ;;
        process) mapfile -t COMPREPLY < <(compgen -W "$(ps -e -o pid= 2>/dev/null)" -- "$word") ;;
        signal) mapfile -t COMPREPLY < <(compgen -W 'HUP INT QUIT USR1 USR2 ALRM TERM CHLD CONT WINCH' -- "$word") ;;
        timer) ;;
        *) mapfile -t COMPREPLY < <(compgen -W 'timer read file process signal' -- "$word") ;;
    esac
}
complete -F _kq kq
