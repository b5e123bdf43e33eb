# What pages show compiles, and does what they say: the program of the README, those of docs/filters, of which each filter
# has one and a page, and the examples of the manual, which also has each name of the header.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
what=$1
flags="-std=gnu11 -Wall -Wextra -Werror -I$STAGE_INCLUDE/kqueue"

# Filters that this build has not are not in its header.
has() { grep -q "#define EVFILT_$1 " "$STAGE_INCLUDE/kqueue/sys/event.h"; }

filters() {
  sed -n 's/^#define EVFILT_\([A-Z]*\) .*/\1/p' "$SOURCE/Sources/CKQueue/include/sys/event.h" | grep -Evx 'AIO|SYSCOUNT' >names
  [ -s names ] || fail "no filters"
  while read -r filter; do
    name=$(echo "$filter" | tr '[:upper:]' '[:lower:]')
    page=$SOURCE/docs/filters/$name.md
    [ -f "$page" ] || fail "EVFILT_$filter has no page"
    grep -q "($name.md)" "$SOURCE/docs/filters/README.md" || fail "the list has no $name.md"
    grep -q "($name.c)" "$page" || fail "$name.md has no program"
    has "$filter" || { echo "$name: not on this platform"; continue; }
    # shellcheck disable=SC2086 # several flags
    "$CC" $flags -o "$name" "$SOURCE/docs/filters/$name.c" -L"$STAGE_LIB" -lkqueue -lpthread
    LD_LIBRARY_PATH=$STAGE_LIB timeout 20 "./$name" >"$name.out" || { cat "$name.out"; fail "$name: status $?"; }
    echo "$name: $(paste -sd '|' "$name.out")"
  done <names
}

# An example is the body of a function that has a descriptor and, where it needs one, a kqueue.
manual() {
  for page in "$SOURCE"/docs/man/*.[0-9]; do
    name=$(basename "$page")
    awk -v name="$name" '
      /^\.Sh / { examples = $2 == "EXAMPLES" }
      examples && /^\.Bd -literal/ { n++; file = sprintf("%s.%d.c", name, n); inside = 1
        print "#include <sys/event.h>\n#include <err.h>\n#include <fcntl.h>\n#include <signal.h>\n#include <stdio.h>" >file
        print "#include <stdlib.h>\n#include <unistd.h>\n#include <sys/wait.h>" >file
        print "int example(int kq, int fd, pid_t pid);\nint example(int kq, int fd, pid_t pid) {\n(void)kq, (void)fd, (void)pid;\n{" >file; next }
      inside && /^\.Ed/ { inside = 0; print "}\nreturn 0;\n}" >file; close(file); next }
      inside { gsub(/\\e/, "\\"); print >file }' "$page"
  done
  count=0
  for file in ./*.c; do
    # shellcheck disable=SC2086 # several flags
    "$CC" $flags -Wno-unused-but-set-variable -Wno-unused-variable -fsyntax-only "$file" || { cat -n "$file"; fail "$file does not compile"; }
    count=$((count + 1))
  done
  echo "$count examples"
  [ "$count" -ge 6 ] || fail "the manual has fewer examples than it had"
  grep -o '^#define [A-Z][A-Z0-9_]*' "$SOURCE/Sources/CKQueue/include/sys/event.h" | cut -d ' ' -f 2 |
    grep -Evx 'LIBKQUEUE_(SYS_EVENT_H|TIMED|VERSION_[A-Z]*)' | sort -u >names
  while read -r name; do
    grep -qw -e "$name" "$SOURCE/docs/man/kqueue.2" || fail "kqueue(2) does not say what $name is"
  done <names
  echo "$(wc -l <names) names"
}

# The program is built and run by the README's own command, but for where the library is.
readme() {
  need pkg-config
  awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$SOURCE/README.md" >app.c
  sed -n 's/^cc app\.c \(.*[^ ]\) *# \(.*\)/cc() { command "$CC" "$@"; }; cc app.c \1/p' "$SOURCE/README.md" >command
  sed -n 's/^cc app\.c .*# \(.*\)/\1/p' "$SOURCE/README.md" >wanted
  PKG_CONFIG_PATH=$STAGE_LIB/pkgconfig LD_LIBRARY_PATH=$STAGE_LIB CC=$CC sh -e ./command >got
  same_lines wanted got "what the README promises and what its program says"
}

"$what"
