#!/bin/sh
# Builds the contract's cases and the library's own sources under ThreadSanitizer, and runs the cases that have threads.
#
#   thread-sanitizer.sh SOURCE-FOLDER WORK-FOLDER PLATFORM
#
# The 6.3 compiler fails with -sanitize=thread on this code, so it writes LLVM's text, whose functions are then marked
# for the sanitizer by hand and compiled by clang. gcc's runtime serves, since clang's wants libdispatch.
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
source=$1
work=$2
platform=$3
case $platform in
  posix) module=KQueuePOSIX flags="-D KQUEUE_PLATFORM_POSIX" ;;
  *) module=KQueueLinux flags= ;;
esac
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
[ -x "$clang" ] || clang=$(command -v clang) || { echo "skipped: no clang"; exit 77; }
mkdir -p "$work"
cd "$work"

swift_module() {
  # shellcheck disable=SC2086 # several flags
  swiftc $flags -enable-experimental-feature Embedded -swift-version 6 -wmo -parse-as-library -O -gline-tables-only \
    -module-cache-path cache -I . -Xcc "-I$source/Sources/CKQueue/include" \
    -Xcc "-I$source/Sources/CKQueueShims/include" -Xcc -fPIC -Xcc -D_GNU_SOURCE \
    -module-name "$1" -emit-module -emit-module-path "$1.swiftmodule" -emit-ir -o "$1.ll" \
    $(find "$source/$2" -name '*.swift')
  sed -i 's/^attributes #\([0-9]*\) = { /attributes #\1 = { sanitize_thread /' "$1.ll"
  "$clang" -fsanitize=thread -fPIC -O1 -gline-tables-only -c -x ir "$1.ll" -o "$1.o"
}

# gcc's runtime has the plain functions only, which it intercepts.
cat >memory.c <<'C'
#include <string.h>
void *__tsan_memcpy(void *to, const void *from, size_t n) { return memcpy(to, from, n); }
void *__tsan_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
void *__tsan_memset(void *to, int byte, size_t n) { return memset(to, byte, n); }
C
gcc -c memory.c -o memory.o
swift_module KQueueCore Sources/KQueueCore
swift_module $module platform/$platform
swift_module KQueueABI Sources/KQueueABI
gcc -fsanitize=thread -std=c11 -D_GNU_SOURCE -O1 -g -w -I"$source/Sources/CKQueue/include" \
  -I"$source/Sources/CKQueueShims/include" "$source"/Tests/C/Contract/*.c "$source"/Sources/CKQueueShims/*.c \
  memory.o KQueueABI.o $module.o KQueueCore.o -o contract -lpthread

# C-137 is not among them: the sanitizer cannot follow threads of a child that was forked from threads.
# To close a descriptor that another thread waits on is a race to the sanitizer, and the subject of these cases.
# So it is to give the number to another file while the library asks what it is.
printf '%s\n' 'race:kq_next_close' 'race:open_and_close' >suppressions

# Nor is C-028: a thread that is cancelled inside epoll_wait(2) or poll(2) leaves the runtime's interceptor by unwinding,
# and is taken for one that synchronises with nobody from then on; every report is of its cleanup.
status=0
for statements in C-020 C-021 C-022 C-023 C-024 C-025 C-026 C-027 C-029 C-09 C-107 C-11 C-129 C-133 C-278 C-279 C-282 C-287 C-315 C-331 F23; do
  TSAN_OPTIONS="exitcode=66 suppressions=$PWD/suppressions ${TSAN_OPTIONS-}" ./contract "$statements" || status=1
done
exit $status
