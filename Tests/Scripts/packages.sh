# The packages of CPack, one property a run: build, deb, rpm, or the name of a Debian release. "build" makes them in
# $PACKAGES, two versions of each, and the others look at them there.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
what=$1

# make VERSION: the packages of a version; nothing but what they say of themselves differs.
make() {
  cmake -S "$SOURCE" -B "$PACKAGES/build" -G "$GENERATOR" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$CC" \
    -DKQUEUE_SWIFTC="$SWIFTC" -DCMAKE_INSTALL_PREFIX=/usr -DENABLE_STATIC=ON -DENABLE_TESTING=OFF \
    -DKQUEUE_TOOLS=ON -DKQUEUE_SWIFT_MODULE=ON -DVERSION_OVERRIDE="$1" >configured
  cmake --build "$PACKAGES/build" >built || { cat built; fail "no build"; }
  for kind in DEB:dpkg-deb:deb RPM:rpmbuild:rpm; do
    tool=${kind#*:}
    command -v "${tool%:*}" >/dev/null || continue
    (cd "$PACKAGES/build" && cpack -G "${kind%%:*}") >packed 2>&1 || { cat packed; fail "no packages"; }
    mkdir -p "$PACKAGES/$1"
    mv "$PACKAGES"/build/*."${kind##*:}" "$PACKAGES/$1"
  done
}

build() {
  need cpack
  rm -rf "$PACKAGES"
  make 3.0.0
  make 3.0.1
  ls "$PACKAGES"/3.0.*
}

# holds PACKAGE-FILE NAME...: files by the end of their path, as the list in $listed says.
holds() {
  package=$1
  shift
  for name in "$@"; do
    grep -q "/$name\$" listed || { cat listed; fail "$package lacks $name"; }
  done
}

in_runtime='libkqueue.so.0 libkqueue.so.0.3.0'
in_development='include/kqueue/sys/event.h libkqueue.so pkgconfig/libkqueue.pc cmake/libkqueue/libkqueue-config.cmake
  cmake/libkqueue/libkqueue-config-version.cmake cmake/libkqueue/libkqueue-targets.cmake'

# A package a component, with its files, its licence, and what it needs; lintian finds no error.
check_deb() {
  need dpkg-deb
  deb() { dpkg-deb "$1" "$PACKAGES/3.0.0/${2}_3.0.0-1_$(dpkg --print-architecture).deb"; }
  list() { deb -c "$1" | sed 's/ -> .*//' >listed; }
  # shellcheck disable=SC2086 # several names
  { list libkqueue0 && holds libkqueue0 $in_runtime doc/libkqueue0/copyright; }
  # shellcheck disable=SC2086
  { list libkqueue-dev && holds libkqueue-dev $in_development libkqueue.a doc/libkqueue-dev/copyright \
    man2/kqueue.2.gz man2/kevent.2.gz man3/EV_SET.3.gz; }
  list libkqueue-tools && holds libkqueue-tools bin/kq man1/kq.1.gz
  list libkqueue-swift-dev && holds libkqueue-swift-dev libKQueue.a 'KQueue.swiftmodule/.*.swiftmodule' \
    include/kqueue/module.modulemap pkgconfig/libkqueue-swift.pc
  deb -I libkqueue0 >control
  grep -q '^ *Depends: .*libc6' control || fail "libkqueue0 does not need libc6"
  dpkg-deb -I "$PACKAGES"/3.0.0/libkqueue0_*.deb symbols >symbols
  public_symbols | sed 's/^/ /; s/$/@Base/' | sort >wanted
  sed -n 's/^\( [^ ]*\) .*/\1/p' symbols | sort >got
  same_lines wanted got "the symbols file"
  command -v lintian >/dev/null || { echo "not looked at by lintian, which is absent"; return 0; }
  lintian --allow-root --fail-on error "$PACKAGES"/3.0.0/*.deb
}

check_rpm() {
  need rpm rpmbuild
  list() { rpm -qpl "$PACKAGES"/3.0.0/"$1"-3.0.0-1.*.rpm >listed; }
  # shellcheck disable=SC2086 # several names
  { list libkqueue && holds libkqueue $in_runtime; }
  # shellcheck disable=SC2086
  { list libkqueue-devel && holds libkqueue-devel $in_development man2/kqueue.2; }
  list libkqueue-static && holds libkqueue-static libkqueue.a
  list libkqueue-tools && holds libkqueue-tools bin/kq
  list libkqueue-swift && holds libkqueue-swift libKQueue.a 'KQueue.swiftmodule/.*.swiftmodule'
  rpm -qp --requires "$PACKAGES"/3.0.0/libkqueue-devel-3.0.0-1.*.rpm | grep -Fx 'libkqueue = 3.0.0-1'
  rpm -qp --provides "$PACKAGES"/3.0.0/libkqueue-3.0.0-1.*.rpm | grep -F 'libkqueue.so.0()'
  command -v rpmlint >/dev/null || { echo "not looked at by rpmlint, which is absent"; return 0; }
  rpmlint -r "$SOURCE/Tests/Scripts/rpmlintrc" "$PACKAGES"/3.0.0/*.rpm >report || true
  ! grep ': E: ' report
}

# A release of Debian with nothing but its smallest set: the packages are installed, used, replaced by newer ones and
# removed, and nothing of them stays.
in_root() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

install_version() {
  mkdir -p "$root/packages"
  cp "$PACKAGES/$1"/*.deb "$root/packages"
  in_root sh -c "apt-get install -y -q /packages/libkqueue0_$1-1_*.deb /packages/libkqueue-dev_$1-1_*.deb \
    /packages/libkqueue-tools_$1-1_*.deb" >installed 2>&1 || { cat installed; fail "$1 cannot be installed"; }
}

check_release() {
  need dpkg-deb debootstrap
  [ "$(id -u)" -eq 0 ] || skip "only root makes roots"
  root=$WORK/root
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=gcc,libc6-dev,pkg-config "$1" "$root" >made 2>&1 ||
    { tail -n 3 made; skip "no root of $1"; }
  in_root find /usr /etc /var/lib/dpkg/info -name '*kqueue*' >before
  [ ! -s before ] || fail "there before: $(cat before)"
  install_version 3.0.0
  cp "$SOURCE/Tests/C/Smoke/smoke.c" "$root/tmp"
  in_root sh -c 'cc -o /tmp/smoke /tmp/smoke.c $(pkg-config --cflags --libs libkqueue) && /tmp/smoke'
  install_version 3.0.1
  in_root dpkg-query -W -f '${Package} ${Version}\n' 'libkqueue*'
  in_root /tmp/smoke
  in_root apt-get purge -y -q libkqueue0 libkqueue-dev libkqueue-tools >removed 2>&1 || { cat removed; fail "stays"; }
  in_root find /usr /etc /var/lib/dpkg/info -name '*kqueue*' >after
  [ ! -s after ] || fail "left behind: $(cat after)"
}

case $what in
  build) build ;;
  deb | rpm) "check_$what" ;;
  *) check_release "$what" ;;
esac
