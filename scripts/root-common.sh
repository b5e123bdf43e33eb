# shellcheck shell=sh
# What is done in roots of Debian's releases, which scripts/packages makes: a newcomer's first steps, and the rebuild of
# programs that use the library.
#
# To be sourced after common.sh; $work is a folder for the roots, $source has the sources.
#
# SPDX-License-Identifier: BSD-2-Clause

in_root() {
  root=$1
  shift
  chroot "$root" /usr/bin/env -i PATH=/opt/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/nonexistent \
    DEBIAN_FRONTEND=noninteractive AUTOPKGTEST_TMP=/tmp/autopkgtest "$@"
}

make_root() {
  say "A root of $1"
  logged "root-$1" debootstrap --variant=minbase "$1" "$work/root-$1"
  mkdir -p "$work/root-$1/opt/swift" "$work/root-$1/packages" "$work/root-$1/tmp/autopkgtest"
  # A mirror may be behind the date.
  echo 'Acquire::Check-Valid-Until "false";' >"$work/root-$1/etc/apt/apt.conf.d/90behind"
  cp -a "$work/root-$1" "$work/root-fresh-$1"
  for root in "$work/root-$1" "$work/root-fresh-$1"; do mount_in "$root"; done
}

mount_in() {
  mount -t proc proc "$1/proc"
  mkdir -p "$1/dev/pts" "$1/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$1/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
  ln -sf pts/ptmx "$1/dev/ptmx"
}

unmount_in() {
  for place in opt/swift proc dev/pts dev/shm; do umount -q "$1/$place" 2>/dev/null || true; done
}

# The compiler is this machine's, in its place in the root, and can only be read there. What it needs itself is installed.
lend_compiler() {
  toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")")
  mount --bind "$toolchain" "$1/opt/swift"
  mount -o remount,ro,bind "$1/opt/swift"
  logged compiler in_root "$1" sh -ec 'apt-get update -q
    apt-get install -y -q --no-install-recommends libc6-dev g++ libncurses6 libsqlite3-0 libuuid1 zlib1g'
}

# The first steps of the README, as it has them, where nothing was installed but a compiler.
check_readme() {
  say "$1: the README's first steps"
  root=$work/root-fresh-$1
  lend_compiler "$root"
  cp -R "$source" "$root/libkqueue"
  # The blocks of commands and of C, in their order.
  awk '/^```sh$/ { n++; file = "steps." n; next } /^```c$/ { file = "app.c"; next } /^```/ { file = ""; next }
    file { print >(folder "/" file) }' folder="$root/libkqueue" "$source/README.md"
  for steps in 1 2; do
    [ -s "$root/libkqueue/steps.$steps" ] || fail "the README has no step $steps"
    logged "readme-$steps" in_root "$root" sh -exc "cd /libkqueue && . ./steps.$steps"
  done
  grep -o 'Everything came that was expected' "$work/readme-1.log"
  tail -1 "$work/readme-2.log"
  grep -qx "$(sed -n 's/^cc app\.c .*# *//p' "$root/libkqueue/steps.2")" "$work/readme-2.log" || fail "the program says something else"
  unmount_in "$root"
  rm -rf --one-file-system "$root"
}

# Programs of the release that have a kqueue of their own, from its sources, unchanged, with what pkg-config says.
rebuild_users() {
  say "$1: libevent and libev, from their sources"
  root=$work/root-$1
  echo "deb-src $mirror $1 main" >"$root/etc/apt/sources.list.d/sources.list"
  echo "127.0.0.1 localhost" >"$root/etc/hosts"
  logged sources in_root "$root" sh -ec 'apt-get update -q
    apt-get install -y -q --no-install-recommends make gcc libc6-dev netbase
    mkdir /users && cd /users && apt-get source -q --tar-only libevent libev
    for archive in *.orig.tar.*; do tar -xf "$archive"; done'
  cp "$source/Tests/C/Users/libev-loop.c" "$root/users/loop.c"
  # shellcheck disable=SC2016 # expanded there
  logged libev in_root "$root" sh -exc 'export CPPFLAGS="$(pkg-config --cflags libkqueue)" LIBS="$(pkg-config --libs libkqueue)"
    cd /users/libev-*/ && ./configure --disable-shared && make && cc -I. -o loop ../loop.c .libs/libev.a $LIBS -lm && ./loop'
  tail -1 "$work/libev.log"
  # It takes udata for an integer where it does not know the system, which GCC refuses from 14 on. The test that is left
  # out reads a clock of which it sets one field of three, and fails by what lies on its stack.
  # shellcheck disable=SC2016
  logged libevent in_root "$root" sh -exc 'export LIBS="$(pkg-config --libs libkqueue)"
    export CPPFLAGS="$(pkg-config --cflags libkqueue) -Wno-error=int-conversion"
    cd /users/libevent-*/
    ./configure --disable-shared --disable-openssl
    make
    make check TESTS=
    export EVENT_NOEPOLL=1 EVENT_NOPOLL=1 EVENT_NOSELECT=1
    for test in init eof closed weof time changelist fdleak; do test/test-$test; done
    test/regress :util/monotonic_prc_fallback'
  sed -n 's/^\([0-9]* tests ok.*\)/libevent: \1/p' "$work/libevent.log"
  rm -rf "$root/users"
}
