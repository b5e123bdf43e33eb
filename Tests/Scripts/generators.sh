# Builds of other kinds than the one under test: another generator, several kinds of builds in one folder, kinds that
# packagers have, and a parent project whose flags ask for a sanitizer.
#
#   generators.sh makefiles|multi-config|none|sanitizer
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"

# configure GENERATOR [option...]
configure() {
  generator=$1
  shift
  cmake -S "$SOURCE" -B build -G "$generator" -DCMAKE_C_COMPILER="$CC" -DKQUEUE_SWIFTC="$SWIFTC" -DENABLE_TESTING=OFF \
    -DKQUEUE_TOOLS=OFF -DKQUEUE_SWIFT_MODULE=OFF "$@" >configured 2>&1 || { cat configured; fail "not configured"; }
}

build() {
  cmake --build build "$@" >built 2>&1 || { cat built; fail "no build"; }
}

# works LIBRARY...: a program that is linked with it gets an event. Flags of the C compiler's are in $flags.
works() {
  # shellcheck disable=SC2086 # several flags
  "$CC" ${flags-} -I"$SOURCE/Sources/CKQueue/include" "$SOURCE/Tests/C/Smoke/smoke.c" "$@" -o smoke
  ${run-} ./smoke || fail "the program does not work with $1"
}

has_debug_information() {
  readelf -SW "$1" | grep -q ' \.debug_info'
}

need readelf
case $1 in
  makefiles)
    need make
    configure "Unix Makefiles" -DCMAKE_BUILD_TYPE=Debug -DENABLE_STATIC=ON
    build -j 4
    # Both libraries are of the same objects, which are made once.
    for module in KQueueCore KQueueABI; do
      [ "$(grep -c "Building Swift module $module\$" built)" = 1 ] || fail "$module is not compiled once"
    done
    works build/libkqueue.so -Wl,-rpath,"$PWD/build"
    works build/libkqueue.a $(grep -q '^KQUEUE_HAVE_LIBCAP:.*=1' build/CMakeCache.txt && echo -lcap) -lpthread
    ;;
  multi-config)
    need ninja
    configure "Ninja Multi-Config"
    for kind in Release Debug; do
      build --config $kind
      works build/$kind/libkqueue.so -Wl,-rpath,"$PWD/build/$kind"
    done
    ! has_debug_information build/Release/libkqueue.so || fail "Release is Debug"
    has_debug_information build/Debug/libkqueue.so || fail "Debug has no debug information"
    ;;
  none)
    configure "$GENERATOR" -DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=-g -O2"
    build
    works build/libkqueue.so -Wl,-rpath,"$PWD/build"
    has_debug_information build/swift/KQueueCore.o || fail "the flags ask for debug information, which Swift has not"
    ;;
  sanitizer)
    echo 'int main(void) { return 0; }' >empty.c
    # Where the runtime does not know the system's layout of memory, a program is to ask for a plain one.
    run="setarch -R"
    "$CC" -fsanitize=thread empty.c -o empty 2>/dev/null && $run ./empty || skip "no ThreadSanitizer"
    configure "$GENERATOR" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-fsanitize=thread
    build
    flags=-fsanitize=thread
    works build/libkqueue.so -Wl,-rpath,"$PWD/build"
    ;;
esac
