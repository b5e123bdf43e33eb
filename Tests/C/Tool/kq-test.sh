#!/bin/sh
# kq as a newcomer runs it.
#
#   kq-test.sh PATH-OF-KQ [PLATFORM]
#
# SPDX-License-Identifier: BSD-2-Clause
kq=$1
platform=${2:-linux}
[ -x "$kq" ] || { echo "usage: kq-test.sh PATH-OF-KQ [PLATFORM]" >&2; exit 2; }

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
out=$folder/out
err=$folder/err
failures=0

# Runs kq with the arguments; its output is left in the files, its exit status in $status.
run() {
    timeout 60 "$kq" "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

fail() {
    echo "FAILED: $1 (exit status $status)"
    sed 's/^/  out: /' "$out"
    sed 's/^/  err: /' "$err"
    failures=$((failures + 1))
}

# exits STATUS WHAT
exits() {
    [ "$status" -eq "$1" ] || fail "$2: not exit status $1"
}

# says PATTERN [FILE]: a line matches the basic regular expression.
says() {
    grep -q -e "$1" "${2:-$out}" || fail "no line like '$1'"
}

# lines COUNT PATTERN
lines() {
    [ "$(grep -c -e "$2" "$out")" -eq "$1" ] || fail "not $1 lines like '$2'"
}

# await WHAT COMMAND...: waits until the command succeeds.
await() {
    what=$1
    shift
    looks=0
    until "$@"; do
        looks=$((looks + 1))
        [ $looks -le 300 ] || { fail "$what"; return; }
        sleep 0.1
    done
}

# told COUNT PATTERN: whether so many lines match by now.
told() {
    [ "$(grep -c -e "$2" "$out")" -ge "$1" ]
}

# hear PATTERN [COUNT]: waits until so many lines match (1).
hear() {
    await "never heard ${2:-1} like '$1'" told "${2:-1}" "$1"
}

silent() {
    [ ! -s "$1" ] || fail "$2"
}

demo() {
    run demo
    exits 0 demo
    silent "$err" 'demo: something on stderr'
    lines 1 'connection pending on 127\.0\.0\.1:[1-9]'
    lines 1 'pipe [0-9]* can be read: 5 bytes$'
    lines 1 'pipe [0-9]* is at its end'
    lines 1 'file [0-9]* can be read: 16 bytes$'
    lines 1 'file [0-9]* can be read: 17 bytes$'
    lines 1 'user event 1 was triggered, with flags 0x2a$'
    says 'timer 1 has expired$'
    says 'timer 1 has expired \(twice\|[0-9]* times\) since the last look$'
    says '^Summary: [0-9]* events in '
    for source in 'listening socket' pipe file timer 'user event'; do
        says "[1-9] from $source"
    done
    says '^Everything came that was expected'
}

information() {
    for option in --version -V; do
        run "$option"
        exits 0 "$option"
        says '^kq (libkqueue) [0-9][0-9.]*$'
    done
    for option in --help -h 'watch --help'; do
        run $option
        exits 0 "$option"
        says '^Usage: kq demo'
    done
}

# misuse ARGUMENT...: told on stderr, exit status 2.
misuse() {
    run "$@"
    exits 2 "kq $*"
    silent "$out" "kq $*: something on stdout"
    says 'kq --help' "$err"
}

usage_errors() {
    misuse
    misuse nonsense
    misuse --nonsense
    misuse demo more
    misuse demo --count 3
    misuse watch
    misuse watch nonsense
    misuse watch timer
    misuse watch timer 10 20
    misuse watch timer 0
    misuse watch timer -- -5
    misuse watch timer 10 --count
    misuse watch timer 10 --count none
    misuse watch timer 10 --count 0
    misuse watch read
    misuse watch file
    misuse watch process
    misuse watch process none
    misuse watch signal
    misuse watch signal NONE
    misuse watch timer 10 file
    misuse watch timer 10 --format xml
    misuse watch timer 10 --restart
    misuse demo --format json
    misuse info more
    misuse info --count 1
    misuse run
    misuse run "$folder"
    misuse run -- true
}

watch_timer() {
    run watch timer 10 --count 3
    exits 0 'watch timer'
    lines 3 ' s  timer 1 has expired'
    # getopt stops at the first operand where this is set, unless told otherwise.
    POSIXLY_CORRECT=1
    export POSIXLY_CORRECT
    run watch timer 10 -n 2
    unset POSIXLY_CORRECT
    exits 0 'watch timer, POSIXLY_CORRECT'
    lines 2 ' s  timer 1 has expired'
}

watch_read() {
    printf 'hello' | timeout 60 "$kq" watch read - >"$out" 2>"$err"
    status=$?
    exits 0 'watch read -'
    says 'pipe 0 can be read: 5 bytes'
    says 'the other end is closed'

    printf 'hello\n' >"$folder/file"
    run watch read "$folder/file" -n 1
    exits 0 'watch read FILE'
    says 'file [0-9]* can be read: 6 bytes'

    timeout 60 "$kq" watch read - >"$out" 2>"$err" <&-
    status=$?
    exits 1 'watch read - without standard input'
    says 'standard input: ' "$err"

    run watch read "$folder/missing"
    exits 1 'watch read of no file'
    says "$folder/missing: No such file" "$err"

    [ "$platform" = posix ] || {
        run watch read "$folder"
        exits 1 'watch read of a folder'
        says "$folder: Is a directory" "$err"
    }
}

# A file that grows while it is watched.
watch_growth() {
    : >"$folder/log"
    timeout 60 "$kq" watch read "$folder/log" --count 2 >"$out" 2>"$err" &
    watcher=$!
    printf 'first' >>"$folder/log"
    hear 'file [0-9]* can be read: 5 bytes'
    printf 'second' >>"$folder/log"
    wait "$watcher"
    status=$?
    exits 0 'watch read of a file that grows'
    says 'file [0-9]* can be read: 5 bytes'
    says 'file [0-9]* can be read: 6 bytes'
}

# watching ARGUMENT...: kq watch in the background. Of several things it says that it watches them.
watching() {
    : >"$out"
    "$kq" watch "$@" >"$out" 2>"$err" </dev/null &
    watcher=$!
}

# ended WHAT: the watcher has ended by itself, and well.
ended() {
    (sleep 60; kill "$watcher") 2>/dev/null &
    killer=$!
    wait "$watcher"
    status=$?
    kill "$killer" 2>/dev/null
    exits 0 "$1"
}

# Writes to a file; whether it was told that it grew.
grown() {
    printf 'more' >>"$1"
    told 1 'file [0-9]* was written to'
}

# Changes a file's mode; whether that was told.
changed() {
    if [ -x "$1" ]; then chmod 600 "$1"; else chmod 700 "$1"; fi
    told 1 'file [0-9]* .*has other attributes'
}

watch_file() {
    : >"$folder/watched"
    watching file "$folder/watched"
    await 'file never grew' grown "$folder/watched"
    await 'file never had other attributes' changed "$folder/watched"
    rm "$folder/watched"
    ended 'watch file'
    # What is sampled may be told in one line.
    says 'file [0-9]* was written to, grew'
    says 'file [0-9]* .*has other attributes'
    says 'file [0-9]* .*was deleted$'
}

watch_process() {
    # Subshells that wait for a line: they run no other program, which would be told as well.
    mkfifo "$folder/order"
    (read -r line <"$folder/order"; exit 0) &
    watching process $! timer 3600000 -n 1
    hear '^process [0-9]* is '
    echo go >"$folder/order"
    ended 'watch process'
    says 'process [0-9]* exited with status 0$'
    (read -r line <"$folder/order") &
    victim=$!
    watching process $victim timer 3600000 -n 1
    hear '^process [0-9]* is '
    kill -9 $victim
    ended 'watch process, killed'
    says 'process [0-9]* was killed by signal 9 (KILL)'
    run watch process 999999999
    exits 1 'watch process of none'
    says 'process 999999999: No such process' "$err"
}

# POSIX tells a parent alone of a process's end, and kq is nobody's parent.
refuse_process() {
    run watch process $$
    exits 1 'watch a process that is no child'
    says "process $$: .*not supported" "$err"
}

watch_signal() {
    watching signal USR1 timer 3600000 --count 2
    hear '^signal [0-9]* is USR1$'
    kill -USR1 "$watcher"
    hear 'has come once$'
    kill -USR1 "$watcher"
    ended 'watch signal'
    lines 2 'signal [0-9]* (USR1) has come once$'
    run watch signal 999
    exits 1 'watch a signal that there is not'
    says 'signal 999: Invalid argument' "$err"
}

# Several things at once, each told under its own name; an end of one is not the end.
watch_several() {
    printf 'hello' >"$folder/several"
    : >"$folder/log"
    # The whole input, and its end, belong to one of three.
    : >"$out"
    { printf 'hello'; } | timeout 60 "$kq" watch read - timer 100 file "$folder/log" >"$out" 2>"$err" &
    watcher=$!
    hear "^file [0-9]* is $folder/log\$"
    says '^pipe 0 is -$'
    says '^timer 2 is every 100 ms$'
    hear 'pipe 0 is at its end'
    says 'pipe 0 can be read: 5 bytes'
    await 'log never grew' grown "$folder/log"
    expired=$(grep -c 'timer 2 has expired' "$out")
    hear 'timer 2 has expired' $((expired + 1))
    kill "$watcher"
    wait "$watcher"
    status=$?
    exits 143 'watch of three, ended'

    run watch timer 20 timer 30 -n 5
    exits 0 'watch of two timers'
    says 'timer 1 has expired'
    says 'timer 2 has expired'

    run watch read - read - -n 2
    lines 1 'descriptor 0 is -$'

    # With nothing left to watch it ends by itself.
    sleep 0.3 &
    [ "$platform" = posix ] || {
        run watch process $! process $!
        exits 0 'watch of one process twice'
        lines 1 'exited with status 0'
    }
}

watch_json() {
    printf 'hello' | timeout 60 "$kq" watch read - timer 20 --format json -n 4 >"$out" 2>"$err"
    status=$?
    exits 0 'watch --format json'
    says '^{"time":[0-9.]*,"source":"pipe","what":"-","ident":0,"filter":"EVFILT_READ",.*"data":5,"text":"pipe 0 can be read: 5 bytes.*"}$'
    says '"source":"timer","what":"every 20 ms","ident":2,"filter":"EVFILT_TIMER"'
    lines 4 '^{.*}$'
    odd=$folder/'quote " and \ back'
    : >"$odd"
    watching file "$odd" --format json
    await 'odd never had other attributes' changed "$odd"
    rm "$odd"
    ended 'watch --format json of a file with an odd name'
    says '"notes":\["NOTE_DELETE"'
    python=$(command -v python3) || return
    "$python" -c 'import json, sys
for line in sys.stdin: assert json.loads(line)["what"].endswith("quote \" and \\ back")' <"$out" || fail 'not JSON'
}

# Who reads the output has gone, or cannot be written to: nobody is left to tell, so the watch ends.
watch_unheard() {
    for format in words json; do
        (trap '' PIPE; timeout 60 "$kq" watch timer 20 --format $format 2>"$err"; echo $? >"$folder/status") | head -n 1 >"$out"
        status=$(cat "$folder/status")
        exits 1 "watch, $format, into a pipe without a reader"
        lines 1 'timer 1 has expired'
        says 'writing the output: Broken pipe' "$err"
    done
    : >"$out"
    timeout 60 "$kq" watch timer 20 2>"$err" >&-
    status=$?
    exits 1 'watch without standard output'
    says 'writing the output: ' "$err"
}

show_info() {
    run info
    exits 0 info
    says '^kq (libkqueue) '
    says "^  platform  *$platform\$"
    says '^  closes  *\(not \)\{0,1\}seen: '
    says '^  kernel  *[A-Z]'
    says '^  TIMER  *yes$'
    says '^  descriptors  *[0-9]'
}

# running ARGUMENT...: kq run in the background; what the command says goes to the file. The files are watched before it runs.
running() {
    : >"$out"
    timeout -k 3 60 "$kq" run "$@" >"$out" 2>"$err" </dev/null &
    runner=$!
}

run_command() {
    echo one >"$folder/input"
    running "$folder/input" -n 3 -- cat "$folder/input"
    hear '^one$'
    echo two >>"$folder/input" # in one step: one that cuts the file first could take two runs
    hear '^two$'
    # As editors save: another file takes the name.
    echo three >"$folder/other"
    mv "$folder/other" "$folder/input"
    wait "$runner"
    status=$?
    exits 0 run
    says '^one$'
    says '^two$'
    says '^three$'

    # A change while it runs is kept.
    running "$folder/input" -n 2 -- sh -c 'echo begins; sleep 1; echo ends'
    hear begins
    echo four >"$folder/input"
    wait "$runner"
    status=$?
    exits 0 'run, changed meanwhile'
    lines 2 begins
    lines 2 ends

    echo "$folder/input" | timeout 60 "$kq" run -n 1 -- sh -c 'exit 3' >"$out" 2>"$err"
    status=$?
    exits 3 'run with files from standard input'
    run run "$folder/input" -- "$folder/no-such-program"
    exits 1 'run of no program'
    says 'No such file' "$err"
    run run "$folder/missing" -- true
    exits 1 'run of no file'
}

# With --restart the command ends when a file changes, with what it started; kq ends it when it is ended itself.
run_restart() {
    running --restart "$folder/input" -n 2 -- sh -c 'echo begins; sleep 60 & wait'
    hear begins
    echo five >"$folder/input"
    hear begins 2
    kill "$(pgrep -P "$runner")" 2>/dev/null || kill "$runner"
    wait "$runner"
    status=$?
    exits 143 'run --restart, ended'
}

# A command that does not listen is ended for good, in time; so is one that is stopped, and would hear of nothing.
run_deaf() {
    running --restart "$folder/input" -n 2 -- \
        sh -c 'trap "" TERM; echo begins; for second in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1; done'
    hear begins
    echo six >"$folder/input"
    hear begins 2
    says 'sh has not ended' "$err"
    kill "$(pgrep -P "$runner")"
    wait "$runner"
    status=$?
    exits 143 'run --restart of a deaf command, ended'

    # shellcheck disable=SC2016 # expanded there
    running --restart "$folder/input" -n 2 -- sh -c 'echo begins; [ -f "$0" ] || { : >"$0"; kill -STOP $$; }' "$folder/stopped"
    hear begins
    await 'never stopped' [ -f "$folder/stopped" ]
    echo seven >"$folder/input"
    wait "$runner"
    status=$?
    exits 0 'run --restart of a stopped command'
    lines 2 begins
}

# nohup, and a shell that runs something in the background, have signals ignored: they stay so.
run_ignoring() {
    : >"$out"
    (trap '' HUP; exec "$kq" run "$folder/input" -n 2 -- echo runs >"$out" 2>"$err" </dev/null) &
    runner=$!
    hear runs
    kill -HUP "$runner"
    echo eight >"$folder/input"
    wait "$runner"
    status=$?
    exits 0 'run with HUP ignored'
    lines 2 runs
}

demo
information
show_info
usage_errors
watch_several
watch_json
run_command
run_restart
run_deaf
run_ignoring
watch_unheard
watch_file
if [ "$platform" = posix ]; then refuse_process; else watch_process; fi
watch_signal
watch_timer
watch_read
watch_growth

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "kq: all well"
