# Properties of the installed files, one a run.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
library=$STAGE_LIB/libkqueue.so

# Exactly the names of the version script are exported, and none has a version.
check_symbols() {
  need nm
  public_symbols >wanted
  nm -D --defined-only --format=posix "$library" | cut -d ' ' -f 1 | sort >got
  same_lines wanted got "exported symbols"
}

# An archive that shows more would give its swift_retain to a Swift program.
check_archive_symbols() {
  need nm
  need_archive
  # Streams and directories are closed by libc alone in a static program.
  public_symbols | grep -Evx 'fclose|freopen|freopen64|pclose|closedir' >wanted
  nm --extern-only --defined-only --format=posix "$STAGE_LIB/libkqueue.a" |
    sed -n 's/^\([^ ]*\) [A-Z] .*/\1/p' | sort >got
  same_lines wanted got "symbols of the archive"
}

# The C library and its loader alone, whose files are more on older systems; libcap only where it was asked for.
check_needed() {
  need readelf
  readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
  cat needed
  [ -s needed ] || fail "nothing is needed, not even libc"
  if grep -Ev '^(libc\.so(\.6)?|lib(dl|pthread)\.so\.[02]|libc\.musl-[a-z0-9_]+\.so\.1|ld-linux[-a-z0-9_]*\.so\.[0-9]+|libcap\.so\.2)$' needed; then
    fail "needed beside the C library"
  fi
}

# A library built here loads on glibc 2.34, and one built with an older glibc needs no more than that has: what is newer
# is called by syscall(2) or by a weak symbol.
check_glibc() {
  need objdump
  objdump -p "$library" | sed -n 's/^ *0x[0-9a-f]* 0x00 [0-9]* GLIBC_\([0-9.]*\)$/\1/p' | sort -t . -k 1,1n -k 2,2n >versions
  [ -s versions ] || skip "another C library"
  newest=$(tail -1 versions)
  echo "GLIBC_$newest"
  printf '%s\n2.34\n' "$newest" | sort -t . -k 1,1n -k 2,2n | tail -1 | grep -qx 2.34 || fail "newer than 2.34"
}

# Memory is the library's own: nothing comes from malloc, which a forked child may find locked.
check_allocation() {
  need nm
  [ "$BUILD_TYPE" != Debug ] || skip "without optimisation the compiler takes memory where it need not"
  nm -D --undefined-only --format=posix "$library" | cut -d ' ' -f 1 | sed 's/@.*//' |
    grep -Ex '(m|c|re)alloc|free|posix_memalign|aligned_alloc|strdup' >found || return 0
  fail "taken from malloc: $(cat found)"
}

# require PATTERN WHAT and refuse PATTERN WHAT, in what readelf says.
require() { grep -Eq "$1" headers || fail "missing: $2"; }
refuse() { ! grep -E "$1" headers || fail "found: $2"; }

# Warnings are errors; that a page of another package is not installed here is none.
check_manual() {
  awk 'length > 80 { print FILENAME ":" FNR ": " $0; found = 1 } END { exit found }' "$SOURCE"/docs/man/* >long ||
    { cat long; fail "lines of the manual with more than 80 bytes"; }
  for page in kqueue.2 EV_SET.3 kq.1; do
    [ -f "$STAGE_MAN/man${page##*.}/$page" ] || [ "$page" = kq.1 ] || fail "not installed: $page"
  done
  need mandoc
  mandoc -Tlint -W style "$SOURCE"/docs/man/kqueue.2 "$SOURCE"/docs/man/EV_SET.3 "$SOURCE"/docs/man/kq.1 2>&1 |
    grep -Ev 'referenced manual not found|outdated mandoc.db' >found || return 0
  fail "$(cat found)"
}

check_flags() {
  need readelf
  readelf -dlW "$library" >headers
  require 'FLAGS_1.*NODELETE' "-z nodelete"
  require 'FLAGS_1.*NOW' "-z now"
  require '^ *GNU_RELRO ' "-z relro"
  require '^ *GNU_STACK .* RW ' "a stack that is not executable"
  refuse 'TEXTREL' "relocations in the code"
  refuse '^ *(LOAD|GNU_STACK) .* RWE ' "memory both writable and executable"
  refuse '(RPATH|RUNPATH)' "a search path"
}

# kq is hardened as a distribution's programs are.
check_program() {
  need readelf
  program=$(dirname "$STAGE_MAN")/../bin/kq
  [ -f "$program" ] || skip "no kq: KQUEUE_TOOLS is off"
  readelf -hdlW "$program" >headers
  require 'Type: +DYN' "a program that can be anywhere"
  require 'FLAGS_1.*NOW' "-z now"
  require '^ *GNU_RELRO ' "-z relro"
  require '^ *GNU_STACK .* RW ' "a stack that is not executable"
  refuse '(RPATH|RUNPATH)' "a search path"
  [ "$BUILD_TYPE" != Debug ] || return 0
  readelf --dyn-syms -W "$program" | grep -Eq '__[a-z]+_chk' || {
    readelf --dyn-syms -W "$program" | grep -q GLIBC || skip "another C library"
    fail "missing: checked copies"
  }
}

check_size() {
  need strip
  strip -o stripped "$library"
  size=$(wc -c <stripped)
  echo "$size bytes"
  # Unwind tables (C-361) are a tenth of it.
  [ "$size" -lt 282624 ] || fail "276 KiB or more"
}

# All of ours has the marks; the shared library has them where the C library's start-up files do, too.
check_control_flow() {
  need readelf
  need_archive
  [ "$(uname -m)" = x86_64 ] || skip "marks of another architecture"
  readelf -nW "$STAGE_LIB/libkqueue.a" >notes
  grep -q 'IBT, SHSTK' notes || fail "missing: marks for control-flow enforcement"
}

check_soname() {
  need readelf
  readelf -dW "$library" | grep -q 'SONAME.*\[libkqueue\.so\.0\]' || fail "soname is not libkqueue.so.0"
  [ -L "$library" ] || fail "libkqueue.so is no link"
  [ -L "$library.0" ] || fail "libkqueue.so.0 is no link"
  case $(readlink "$library.0") in
    libkqueue.so.0.*.*) ;;
    *) fail "libkqueue.so.0 -> $(readlink "$library.0")" ;;
  esac
}

# What the other tests run is what was installed.
check_found() {
  need ldd
  program=${WORK%/work/*}/consumer/contract
  ldd "$program" >libraries
  grep -F "libkqueue.so.0 => $STAGE_LIB/libkqueue.so.0 " libraries || fail "another library: $(cat libraries)"
}

"check_$(echo "$1" | tr - _)"
