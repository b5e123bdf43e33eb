#!/bin/sh
# The shims of the POSIX platform are strict C11 over POSIX.1-2008: no header shows them more, and nothing warns.
#
#   posix-only.sh SOURCE-FOLDER COMPILER...
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
source=$1
shift

# compile COMPILER FILE
compile() {
  "$1" -std=c11 -pedantic -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -fsyntax-only \
    -I"$source/Sources/CKQueue/include" -I"$source/Sources/CKQueueShims" -x c "$2"
}

found=
for compiler in "$@"; do
  command -v "$compiler" >/dev/null || continue
  count=0
  for file in "$source"/Sources/CKQueueShims/posix_*.c; do
    compile "$compiler" "$file" || { echo "$compiler: $file needs more than POSIX" >&2; exit 1; }
    count=$((count + 1))
  done
  [ "$count" -ge 3 ] || { echo "only $count files" >&2; exit 1; }

  # What Linux alone has does not pass.
  for line in 'return gettid();' 'return syscall(0);'; do
    if printf '#include "include/kqueue_shims_posix.h"\n#include <fcntl.h>\n#include <unistd.h>\nint f(void);
int f(void) { %s }\n' "$line" | compile "$compiler" - 2>/dev/null; then
      echo "$compiler takes $line" >&2
      exit 1
    fi
  done
  found="$found $compiler"
done
[ -n "$found" ] || { echo "skipped: no compiler"; exit 77; }
echo "POSIX.1-2008:$found"
