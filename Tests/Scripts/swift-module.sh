# The installed Swift module, as a program's author uses it: found by pkg-config, linked with the library or with the
# archive, and built again in another folder.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
way=$1
need "$SWIFTC"
[ -f "$STAGE_INCLUDE/kqueue/module.modulemap" ] || skip "no Swift module: KQUEUE_SWIFT_MODULE is off"
module=$(dirname "$(find "$STAGE_LIB/swift" -name libKQueue.a)")

# Nothing may be written to a home, which build machines do not have.
export HOME=/nonexistent

# It waits for events of three kinds, in both ways, and finds that a descriptor's registrations go when it is closed.
cat >main.swift <<'SWIFT'
import Glibc
import KQueue

func run() async throws -> Int {
  let queue = try KernelQueue()
  var ends: [CInt] = [-1, -1]
  precondition(pipe(&ends) == 0 && write(ends[1], "x", 1) == 1 && dup(ends[0]) >= 0)
  try queue.apply([.add(.read(ends[0])), .add(.timer(1, every: .milliseconds(2))), .add(.user(2), .clear), .trigger(2)])
  var keys: Set<KernelQueue.Key> = []
  for try await event in queue.events {
    keys.insert(event.key)
    if keys.count == 3 { break }
  }
  precondition(keys == [.read(ends[0]), .timer(1), .user(2)])
  close(ends[0])
  try queue.apply([.delete(.timer(1)), .delete(.user(2))])
  var buffer = KernelQueue.EventBuffer(capacity: 8)
  let left = try queue.wait(into: &buffer, timeout: .milliseconds(20))
  try queue.close()
  return left
}

let left = try await run()
precondition(left == 0)
print("swift: ok")
SWIFT

build() {
  "$SWIFTC" -O -swift-version 6 -module-cache-path cache -o program "$@"
}

archive() {
  need_archive
  needs=$(sed -n 's/^Libs.private: *//p' "$STAGE_LIB/pkgconfig/libkqueue.pc")
  # shellcheck disable=SC2086 # several libraries
  build main.swift -I "$module" -I "$STAGE_INCLUDE/kqueue" "$@" "$module/libKQueue.a" -L "$module" \
    "$STAGE_LIB/libkqueue.a" $needs
  timeout 60 ./program
}

# build_again SOURCE-COPY: the module alone, with the same bytes wherever it is.
build_again() {
  mkdir -p "$1"
  cp -R "$SOURCE/CMakeLists.txt" "$SOURCE/LICENSE" "$SOURCE/Sources" "$SOURCE/platform" "$SOURCE/cmake" "$1"
  for folder in docs packaging; do
    [ ! -e "$SOURCE/$folder" ] || cp -R "$SOURCE/$folder" "$1"
  done
  cmake -S "$1" -B "$1/build" -G "$GENERATOR" -DCMAKE_BUILD_TYPE="$BUILD_TYPE" -DCMAKE_C_COMPILER="$CC" \
    -DKQUEUE_SWIFTC="$SWIFTC" -DENABLE_TESTING=OFF -DKQUEUE_TOOLS=OFF -DKQUEUE_SWIFT_MODULE=ON >configured
  cmake --build "$1/build" --target kqueue_swift >built || { cat built; fail "no build in $1"; }
}

case $way in
  dynamic)
    need pkg-config
    export PKG_CONFIG_PATH="$STAGE_LIB/pkgconfig"
    # shellcheck disable=SC2046 # several flags
    build main.swift $(pkg-config --cflags --libs libkqueue-swift)
    LD_LIBRARY_PATH=$STAGE_LIB timeout 60 ./program
    ;;
  examples)
    need pkg-config
    export PKG_CONFIG_PATH="$STAGE_LIB/pkgconfig"
    for example in EchoServer FileWatcher; do
      # shellcheck disable=SC2046 # several flags
      build "$SOURCE/docs/examples/swift/$example/main.swift" $(pkg-config --cflags --libs libkqueue-swift)
    done
    # The last is the watcher: it ends when its file is deleted.
    touch watched
    LD_LIBRARY_PATH=$STAGE_LIB timeout 60 ./program watched >said &
    watcher=$!
    while ! grep -q watching said; do kill -0 "$watcher" || fail "the watcher has ended"; done
    rm watched
    wait "$watcher"
    grep -q 'watched: deleted' said || { cat said; fail "the watcher said something else"; }
    ;;
  speed)
    need pkg-config
    export PKG_CONFIG_PATH="$STAGE_LIB/pkgconfig"
    cp "$SOURCE/Tests/SwiftBenchmarks/Throughput.swift" .
    cat >main.swift <<'SWIFT'
print("wait", try await Throughput.measure(Throughput.waiting))
print("batches", try await Throughput.measure(Throughput.batches))
print("events", try await Throughput.measure(Throughput.events))
SWIFT
    # shellcheck disable=SC2046 # several flags
    build -wmo Throughput.swift main.swift $(pkg-config --cflags --libs libkqueue-swift)
    LD_LIBRARY_PATH=$STAGE_LIB timeout 60 ./program >ratios
    cat ratios
    # Over a loop by hand with the C function, for events that cost nothing but the call: 1.03 to 1.15 where the machine does
    # nothing else. Memory or a thread for each event would take many times that.
    awk '$2 > 1.5 { exit 1 }' ratios || fail "more than 1.5 of what a loop by hand takes"
    ;;
  static) archive ;;
  static-stdlib) archive -static-stdlib ;;
  reproducible)
    need cmp
    build_again one
    sleep 1 # so that a clock in the files would show
    build_again a-second/folder/of/another/length
    cd one/build/swift-module
    for file in libKQueue.a KQueue.swiftmodule/*; do
      cmp "$file" "$WORK/a-second/folder/of/another/length/build/swift-module/$file" || fail "$file differs"
      sha256sum "$file"
    done
    ;;
esac
