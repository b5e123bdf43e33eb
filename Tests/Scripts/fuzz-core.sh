#!/bin/sh
# Builds the core with Tests/Fuzz and the system of plain memory in Tests/Fuzz/core, assertions on, and runs it.
#
#   fuzz-core.sh SOURCE-FOLDER WORK-FOLDER                    the inputs that are kept, and some by chance
#   fuzz-core.sh SOURCE-FOLDER WORK-FOLDER ARGUMENT...        with these arguments; see Tests/Fuzz/README.md
#   fuzz-core.sh SOURCE-FOLDER WORK-FOLDER --fuzz ARGUMENT... libFuzzer makes up the inputs
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
source=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
shift 2
folder=$source/Tests/Fuzz
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
[ -x "$clang" ] || clang=$(command -v clang) || { echo "skipped: no clang"; exit 77; }
kind=plain coverage='' program=$folder/main.c
if [ "${1-}" = --fuzz ]; then
  shift
  kind=fuzzer coverage=-sanitize-coverage=edge,trace-cmp,inline-8bit-counters,pc-table program=
  echo 'int LLVMFuzzerTestOneInput(const char *b, long n) { return !b && n; }' |
    "$clang" -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null || { echo "skipped: no libFuzzer"; exit 77; }
fi
mkdir -p "$work/$kind"
cd "$work/$kind"

include="-I$source/Sources/CKQueue/include -I$source/Sources/CKQueueShims/include -I$folder/core"
swift_module() {
  name=$1
  shift
  # shellcheck disable=SC2046,SC2086 # several flags
  swiftc -enable-experimental-feature Embedded -swift-version 6 -wmo -parse-as-library -O -assert-config Debug \
    -enforce-exclusivity=checked $([ -z "$coverage" ] || echo -sanitize=fuzzer) -gline-tables-only \
    -module-cache-path cache -I . $(for flag in $include; do echo "-Xcc $flag"; done) -Xcc -fPIC -Xcc -D_GNU_SOURCE \
    -module-name "$name" -emit-module -emit-module-path "$name.swiftmodule" -c -o "$name.o" "$@"
}

# What asks the system of a number, or costs a call that the core's semantics have no part in, is the fake one's.
wrapped='kq_is_open kq_close_descriptor kq_process kq_map kq_unmap'
# shellcheck disable=SC2046,SC2086 # several files and flags
build() {
  swift_module KQueueCore $(find "$source/Sources/KQueueCore" -name '*.swift')
  swift_module FuzzCore "$folder/core/FuzzBackend.swift" "$source/Sources/KQueueABI/Exports.swift" \
    "$source/Sources/KQueueABI/Registry.swift"
  flags="-std=gnu11 -O2 -g $include -I$folder"
  mkdir -p shims
  (cd shims && "$clang" $flags -w -D_GNU_SOURCE -ffunction-sections -c "$source"/Sources/CKQueueShims/*.c)
  rm -f shims.a
  ar rcs shims.a shims/*.o
  sanitizer=$([ "$kind" = plain ] || echo -fsanitize=fuzzer)
  "$clang" $flags -D_GNU_SOURCE -DFUZZ_CORE ${sanitizer:+-fsanitize=fuzzer-no-link} -c "$folder/core/files.c" \
    "$folder/core/sets.c" "$folder/core/shims.c" $program
  "$clang" $flags -D_GNU_SOURCE -DFUZZ_CORE ${sanitizer:+-fsanitize=fuzzer-no-link} -include names.h -c \
    "$folder/fuzz.c" "$folder/model.c" "$folder/world.c"
  # Only where it is there; the core asks for nothing of it.
  cap=$(echo 'int main(void) { return 0; }' | "$clang" -x c -o /dev/null - -lcap 2>/dev/null && echo -lcap) || true
  "$clang" $sanitizer fuzz.o model.o world.o files.o sets.o ./shims.o ${program:+main.o} FuzzCore.o KQueueCore.o \
    shims.a -Wl,--gc-sections $(for name in $wrapped; do echo "-Wl,--wrap=$name"; done) $cap -lpthread -o fuzz-core
}

# Nothing newer than the program: it is used as it is.
if [ ! -x fuzz-core ] || [ -n "$(find "$source/Sources" "$folder" "$source/Tests/Scripts/fuzz-core.sh" -type f -newer fuzz-core)" ]; then
  build
fi

if [ "$kind" = fuzzer ]; then
  mkdir -p found
  exec ./fuzz-core -max_len=8192 "$@" found "$folder/corpus"
fi
[ $# -eq 0 ] || exec ./fuzz-core "$@"
./fuzz-core "$folder"/corpus/*
./fuzz-core --unseen "$folder"/corpus/*
./fuzz-core --random 1 40000
./fuzz-core --unseen --random 2 10000
