# What the scripts share. Each is run by ctest with
#   WORK                              a folder for it alone, emptied here
#   STAGE, STAGE_LIB, STAGE_INCLUDE   the install and its folders
#   SOURCE, CC, SWIFTC, GENERATOR, BUILD_TYPE
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
LC_ALL=C
export LC_ALL
rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK"

fail() {
  echo "$*" >&2
  exit 1
}

skip() {
  echo "skipped: $*"
  exit 77
}

# need TOOL...: skips where one is absent.
need() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "no $tool"
  done
}

need_archive() {
  [ -f "$STAGE_LIB/libkqueue.a" ] || skip "no static library: ENABLE_STATIC is off"
}

# The names that the version script makes public, a line each.
public_symbols() {
  sed -n 's/^ *\([a-z_][a-z0-9_]*\);$/\1/p' "$SOURCE/Sources/KQueueABI/libkqueue.map" | sort
}

# same_lines WANTED GOT WHAT
same_lines() {
  [ -s "$1" ] || fail "$3: nothing to compare with"
  diff -u "$1" "$2" || fail "$3 differ"
}
