# A build as packagers make it: no home to write to, flags and a version of their own, an absolute library folder,
# DESTDIR; and an install under another prefix than was configured.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
need readelf

HOME=/nonexistent
XDG_CACHE_HOME=/nonexistent
CFLAGS="-frecord-gcc-switches -fno-tree-vectorize"
LDFLAGS="-Wl,--build-id=0xfeedc0de"
export HOME XDG_CACHE_HOME CFLAGS LDFLAGS
cmake -S "$SOURCE" -B build -G "$GENERATOR" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$CC" \
  -DKQUEUE_SWIFTC="$SWIFTC" -DENABLE_TESTING=OFF -DKQUEUE_TOOLS=OFF -DCMAKE_INSTALL_PREFIX=/opt/kq \
  -DCMAKE_INSTALL_LIBDIR=/opt/elsewhere/lib -DVERSION_OVERRIDE=3.9.1 >configured
cmake --build build >built || { cat built; fail "no build"; }

DESTDIR=$WORK/destination cmake --install build >installed
lib=destination/opt/elsewhere/lib
for file in "$lib/libkqueue.so.0" "$lib/pkgconfig/libkqueue.pc" "$lib/cmake/libkqueue/libkqueue-config.cmake" \
  destination/opt/kq/include/kqueue/sys/event.h; do
  [ -e "$file" ] || fail "not installed: $file"
done
cat "$lib/pkgconfig/libkqueue.pc"
grep -Fx 'Version: 3.9.1' "$lib/pkgconfig/libkqueue.pc"
grep -Fx 'libdir=/opt/elsewhere/lib' "$lib/pkgconfig/libkqueue.pc"
readelf -nW "$lib/libkqueue.so" | grep -q 'Build ID: feedc0de' || fail "LDFLAGS are not honoured"
readelf -p .GCC.command.line "$lib/libkqueue.so" | grep -q fno-tree-vectorize || fail "CFLAGS are not honoured"

# The library folder is absolute, and nobody's to write in.
DESTDIR=$WORK/moved cmake --install build --prefix /other --component Development >installed
[ -e moved/other/include/kqueue/sys/event.h ] || fail "another prefix is not honoured"
