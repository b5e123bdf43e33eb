#!/bin/sh
# What a signal handler of the library's can reach calls nothing but what POSIX calls async-signal-safe, and what is as
# good: no memory, no lock of the runtime's, nothing that is made when it is first used. It goes through the calls of a
# library or a program, whose debug build is what the ordinary Swift runtime is met in.
#
# So does what a handler or the child of a vfork(2) may call, the closing functions, and what runs in the child of a
# fork(2); but not in the ordinary build, whose generic code asks the runtime for types.
#
#   handler.sh FILE
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
for tool in objdump nm; do
  command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
nm "$1" 2>/dev/null | grep -q ' kq_handle_signal$' || { echo "skipped: $1 has no symbols"; exit 77; }

listing=$(mktemp)
trap 'rm -f "$listing"' EXIT
# Where functions end, and the code. Not each function has a name there: one that has none begins where a call leads, and
# what follows another and is called by nobody is a copy that the linker did without.
nm -S -t d "$1" | awk 'NF == 4 && $3 ~ /[tTwW]/ { printf "end %x\n", $1 + $2 }' >"$listing"
objdump -d --no-show-raw-insn "$1" >>"$listing"
if nm "$1" | grep -q ' swift_once$'; then
  roots='^(kq_handle_signal|front_[0-3]|kq_close_own_in_child)$'
else
  roots='^(kq_handle_signal|front_[0-3]|kq_close_own_in_child|kq_forget_waits|.*startChild.*|(close|dup2|dup3|close_range|closefrom|unshare)(@.*)?)$'
fi
awk -v roots="$roots" '
# What other libraries define: calls of the system, but for a few that take neither memory nor locks.
function allowed(name) {
  return name ~ /^(syscall|write|fstat(64)?|__fxstat(64)?|raise|sig(fill|empty|add|del)set|sigismember|__sigaction|sigaction)$/ ||
    name ~ /^(pthread_sigmask|sigprocmask|pthread_setcancelstate|pthread_self|__errno_location|mem(set|cpy|move)|getpid)$/ ||
    name ~ /^(fcntl|stat|lseek|getrlimit|madvise|epoll_ctl|clock_gettime|time|timerfd_settime|inotify_add_watch|waitid)(64)?$/ ||
    name ~ /^(ioctl|[gs]etsockopt|socket|bind|tcgetattr|readlink|fstatfs(64)?|sysconf|sigaltstack|strstr)$/ ||
    name ~ /^(nanosleep|clock_nanosleep|poll|abort|mmap|munmap|__libc_current_sigrtm(in|ax)|__tls_get_addr|__stack_chk_fail)$/
}
# What is found out when the library is loaded, or when the first signal is watched; or by the syscall() of a case.
function is_known_by_then(name, caller) {
  return name == "dlsym" && caller ~ /^(syscall$|look_up|kq_next_sig|(kq_)?is_interposed|kq_signals_are_seen|find_out)/ ||
    name ~ /^(dladdr|dlm?open|(secure_)?getenv)$/ &&
      caller ~ /^((kq_)?is_interposed|kq_signals_are_seen|find_out|kq_environment|kq_map$|kq_runs_on_)/
}
# What takes memory, where a kernel before 6.6 made a connector for a capability that had to be raised (docs/locking.md).
function is_documented(name) {
  return name ~ /^cap_(get_proc|free|get_flag|set_flag|set_proc)$/
}
# What ends the process.
function ends(name) {
  return name ~ /^kq_bug$|_assertionFailure|_fatalErrorMessage/
}
$1 == "end" { stops[$2]; next }
match($0, /[0-9a-f]+ <[^>]+>$/) {
  to = substr($0, RSTART); sub(/ .*/, "", to)
  label = substr($0, RSTART); sub(/^[^<]*</, "", label); sub(/>$/, "", label)
  is_call = $2 ~ /^(call|bl|jal|brasl)/
}
FNR == NR {
  if (RSTART > 0 && is_call) begins[to] = label
  next
}
/^[0-9a-f]+ <.*>:$/ {
  at = $1; sub(/^0+/, "", at)
  names[at] = $2; sub(/^</, "", names[at]); sub(/>:$/, "", names[at])
  next
}
{
  here = $1; sub(/:$/, "", here)
  if (here in begins && !(here in names)) { at = here; names[at] = begins[here] }
  else if (here in stops && !(here in names)) at = ""
}
RSTART > 0 && at != "" && to != at && (to in begins || label !~ /\+0x/) { calls[at] = calls[at] " " to }
END {
  for (at in names)
    if (names[at] ~ roots) { reached[at] = names[at]; todo[++last] = at }
  if (last == 0) { print "no handler"; exit 1 }
  begun = last
  for (i = 1; i <= last; i++) {
    count = split(calls[todo[i]], targets, " ")
    for (c = 1; c <= count; c++) {
      to = targets[c]
      if (!(to in names)) continue
      name = names[to]
      if (name ~ /@plt/) {
        sub(/@.*/, "", name)
        if (allowed(name) || is_documented(name) || ends(name) || is_known_by_then(name, names[todo[i]])) continue
        print reached[todo[i]] " > " name
        found = 1
      } else if (!(to in reached)) {
        reached[to] = reached[todo[i]] " > " name
        if (!ends(name)) todo[++last] = to
      }
    }
  }
  print last " functions are reached from " begun
  exit found
}' "$listing" "$listing"
