# The packages of CPack, one property a run: build, deb, agree, rpm, or the name of a Debian release. "build" makes them
# in $PACKAGES, two versions of each, and the others look at them there. scripts/packages does it with packaging/ itself.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
what=$1

# make VERSION: the packages of a version; nothing but what they say of themselves differs.
make() {
  cmake -S "$SOURCE" -B "$PACKAGES/build" -G "$GENERATOR" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER="$CC" \
    -DKQUEUE_SWIFTC="$SWIFTC" -DCMAKE_INSTALL_PREFIX=/usr -DENABLE_STATIC=ON -DENABLE_TESTING=OFF \
    -DKQUEUE_TOOLS=ON -DKQUEUE_SWIFT_MODULE=ON -DVERSION_OVERRIDE="$1" >configured
  cmake --build "$PACKAGES/build" >built || { cat built; fail "no build"; }
  for kind in DEB:dpkg-deb:deb RPM:rpmbuild:rpm; do
    tool=${kind#*:}
    command -v "${tool%:*}" >/dev/null || continue
    (cd "$PACKAGES/build" && cpack -G "${kind%%:*}") >packed 2>&1 || { cat packed; fail "no packages"; }
    mkdir -p "$PACKAGES/$1"
    mv "$PACKAGES"/build/*."${kind##*:}" "$PACKAGES/$1"
    rm -f "$PACKAGES"/build/*.ddeb
  done
}

build() {
  need cpack
  rm -rf "$PACKAGES"
  make 3.1.0
  make 3.1.1
  ls "$PACKAGES"/3.1.*
}

# holds PACKAGE-FILE NAME...: files by the end of their path, as the list in $listed says.
holds() {
  package=$1
  shift
  for name in "$@"; do
    grep -q "/$name\$" listed || { cat listed; fail "$package lacks $name"; }
  done
}

in_runtime='libkqueue.so.0 libkqueue.so.0.3.1'
in_development='include/kqueue/sys/event.h libkqueue.so pkgconfig/libkqueue.pc cmake/libkqueue/libkqueue-config.cmake
  cmake/libkqueue/libkqueue-config-version.cmake cmake/libkqueue/libkqueue-targets.cmake'

# A package a component, with its files, its licence, and what it needs; lintian finds no error.
check_deb() {
  need dpkg-deb
  deb() { dpkg-deb "$1" "$PACKAGES/3.1.0/${2}_3.1.0-1_$(dpkg --print-architecture).deb"; }
  list() { deb -c "$1" | sed 's/ -> .*//' >listed; }
  # shellcheck disable=SC2086 # several names
  { list libkqueue0t64 && holds libkqueue0t64 $in_runtime doc/libkqueue0t64/copyright; }
  # shellcheck disable=SC2086
  { list libkqueue-dev && holds libkqueue-dev $in_development include/kqueue/kqueue/signal.h libkqueue.a doc/libkqueue-dev/copyright \
    man2/kqueue.2.gz man2/kevent.2.gz man3/EV_SET.3.gz; }
  list libkqueue-tools && holds libkqueue-tools bin/kq man1/kq.1.gz
  list libkqueue-swift-dev && holds libkqueue-swift-dev libKQueue.a 'KQueue.swiftmodule/.*.swiftmodule' \
    include/kqueue/module.modulemap pkgconfig/libkqueue-swift.pc
  deb -I libkqueue0t64 >control
  grep -q '^ *Depends: .*libc6' control || fail "libkqueue0t64 does not need libc6"
  dpkg-deb -I "$PACKAGES"/3.1.0/libkqueue0t64_*.deb symbols >symbols
  public_symbols | sed 's/^/ /; s/$/@Base/' | sort >wanted
  sed -n 's/^\( [^ ]*\) .*/\1/p' symbols | sort >got
  same_lines wanted got "the symbols file"
  command -v lintian >/dev/null || { echo "not looked at by lintian, which is absent"; return 0; }
  lintian --allow-root --pedantic --fail-on error,warning,pedantic "$PACKAGES"/3.1.0/*.deb
}

# fields PACKAGE FIELD...: as the distribution's control file has them, what only a build knows left out.
fields_of_distribution() {
  package=$1
  shift
  for field; do
    awk -v package="$package" -v field="$field" -v RS= '$0 ~ "(^|\n)Package: " package "\n" { print }' \
      "$SOURCE/packaging/debian/control" | awk -v field="$field" '
        /^[^ ]/ { inside = index($0, field ":") == 1 }
        inside { print }' | sed 's/\${binary:Version}/3.1.0-1/g; s/\${libkqueue0:Provides}/libkqueue0 (= 3.1.0-1)/
          s/\${shlibs:Depends}, //; s/, \${misc:Depends}//; s/\${misc:Depends}//'
  done
}

fields_of_package() {
  package=$1
  shift
  for field; do
    value=$(dpkg-deb -f "$PACKAGES/3.1.0/${package}_3.1.0-1_$(dpkg --print-architecture).deb" "$field")
    [ -z "$value" ] || printf '%s: %s\n' "$field" "$value"
  done
}

# CPack's packages are those of packaging/debian: the same names and fields, and the same files as the lists say. The
# version is the header's in each place that has to have it.
check_agree() {
  need dpkg-deb awk
  sed -n 's/^Package: //p' "$SOURCE/packaging/debian/control" | sort >wanted
  for file in "$PACKAGES"/3.1.0/*.deb; do dpkg-deb -f "$file" Package; done | sort >got
  same_lines wanted got "the names of packages"
  while read -r package; do
    fields_of_distribution "$package" Multi-Arch Breaks Replaces Provides Description >wanted-fields
    fields_of_package "$package" Multi-Arch Breaks Replaces Provides Description >got-fields
    same_lines wanted-fields got-fields "the fields of $package"
    dpkg-deb -c "$PACKAGES/3.1.0/${package}"_*.deb | sed 's/ -> .*//; s|.* \./||' | grep -Ev '/$|^$' |
      grep -Ev '^usr/share/(doc|lintian)/' >files
    # A second word is the folder that it goes to.
    sed '/^#/d; s|^.*/\([^/ ]*\) \(.*\)$|\2/\1|; s/\*/[^ ]*/g; s/^/^/' "$SOURCE/packaging/debian/$package.install" >lists
    ! grep -Evf lists files || fail "$package: not in packaging/debian/$package.install"
    while read -r pattern; do grep -q "$pattern" files || fail "$package: nothing is like $pattern"; done <lists
  done <wanted

  sed -n 's/^#define LIBKQUEUE_VERSION_\(MAJOR\|MINOR\|PATCH\) *//p' "$SOURCE/Sources/CKQueue/include/sys/event.h" |
    paste -sd . >header
  sed -n '1s/^libkqueue (\(.*\)-[0-9]*).*/\1/p' "$SOURCE/packaging/debian/changelog" >changelog
  sed -n 's/^Version: *//p' "$SOURCE/packaging/rpm/libkqueue.spec" >spec
  sed -n '/^## /{s/^## \([0-9.]*\).*/\1/p;q}' "$SOURCE/CHANGELOG.md" >news
  for place in changelog spec news; do same_lines header "$place" "the versions of the header and of the $place"; done
  sed -n 's/^Homepage: *//p' "$SOURCE/packaging/debian/control" >homepage
  sed -n 's/^URL: *//p' "$SOURCE/packaging/rpm/libkqueue.spec" >url
  fields_of_package libkqueue0t64 Homepage | sed 's/^Homepage: //' >packed
  for place in url packed; do same_lines homepage "$place" "the addresses of the control file and of the $place"; done
  for field in Vcs-Git Vcs-Browser; do grep -q "^$field: https://" "$SOURCE/packaging/debian/control" || fail "no $field"; done
  # Those with a tag are of architectures of 32 bits, which no package is made for here.
  sed -n '/^ (/d; s/^ \([^ @]*\)@.*/\1/p' "$SOURCE/packaging/debian/libkqueue0t64.symbols" | sort >listed
  public_symbols >exported
  same_lines exported listed "the symbols of packaging/debian"
}

check_rpm() {
  need rpm rpmbuild
  list() { rpm -qpl "$PACKAGES"/3.1.0/"$1"-3.1.0-1.*.rpm >listed; }
  # shellcheck disable=SC2086 # several names
  { list libkqueue && holds libkqueue $in_runtime; }
  # shellcheck disable=SC2086
  { list libkqueue-devel && holds libkqueue-devel $in_development man2/kqueue.2; }
  list libkqueue-static && holds libkqueue-static libkqueue.a
  list libkqueue-tools && holds libkqueue-tools bin/kq
  list libkqueue-swift-devel && holds libkqueue-swift-devel libKQueue.a 'KQueue.swiftmodule/.*.swiftmodule'
  rpm -qp --requires "$PACKAGES"/3.1.0/libkqueue-devel-3.1.0-1.*.rpm | grep -Fx 'libkqueue = 3.1.0-1'
  rpm -qp --provides "$PACKAGES"/3.1.0/libkqueue-3.1.0-1.*.rpm | grep -F 'libkqueue.so.0()'
  for package in "$PACKAGES"/3.1.0/*.rpm; do
    rpm -qp --scripts "$package" >scripts
    [ ! -s scripts ] || fail "$package has scripts: $(cat scripts)"
  done
  install_rpm
  command -v rpmlint >/dev/null || { echo "not looked at by rpmlint, which is absent"; return 0; }
  rpmlint -r "$SOURCE/packaging/rpm/libkqueue.rpmlintrc" "$PACKAGES"/3.1.0/*.rpm |
    grep -v unused-rpmlintrc-filter >report || true
  ! grep -E ': [EW]: ' report
}

# Into a database of its own: installed, verified, upgraded, used and removed. What it needs is not in there.
install_rpm() {
  mkdir rpm-root
  root="rpm --root $WORK/rpm-root"
  rpm --root "$WORK/rpm-root" --initdb 2>/dev/null || { echo "no database of rpm's can be made"; return 0; }
  $root -i --nodeps "$PACKAGES"/3.1.0/*.rpm || skip "rpm --root is for root alone"
  $root -U --nodeps "$PACKAGES"/3.1.1/*.rpm
  # shellcheck disable=SC2046 # several packages
  $root -V --nodeps $($root -qa)
  lib=$(find rpm-root/usr -name libkqueue.so)
  "$CC" -Irpm-root/usr/include/kqueue -o smoke "$SOURCE/Tests/C/Smoke/smoke.c" -L"$(dirname "$lib")" -lkqueue
  LD_LIBRARY_PATH=$(dirname "$lib") ./smoke
  # shellcheck disable=SC2046
  $root -e $($root -qa)
  [ -z "$(find rpm-root -name '*kqueue*')" ] || fail "left behind: $(find rpm-root -name '*kqueue*')"
}

# A release of Debian with nothing but its smallest set: the packages are installed, used, replaced by newer ones and
# removed, and nothing of them stays.
in_root() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

install_version() {
  mkdir -p "$root/packages"
  cp "$PACKAGES/$1"/*.deb "$root/packages"
  in_root sh -c "apt-get install -y -q /packages/libkqueue0t64_$1-1_*.deb /packages/libkqueue-dev_$1-1_*.deb \
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
  install_version 3.1.0
  cp "$SOURCE/Tests/C/Smoke/smoke.c" "$root/tmp"
  in_root sh -c 'cc -o /tmp/smoke /tmp/smoke.c $(pkg-config --cflags --libs libkqueue) && /tmp/smoke'
  install_version 3.1.1
  in_root dpkg-query -W -f '${Package} ${Version}\n' 'libkqueue*'
  in_root /tmp/smoke
  in_root apt-get purge -y -q libkqueue0t64 libkqueue-dev libkqueue-tools >removed 2>&1 || { cat removed; fail "stays"; }
  in_root find /usr /etc /var/lib/dpkg/info -name '*kqueue*' >after
  [ ! -s after ] || fail "left behind: $(cat after)"
}

case $what in
  build) build ;;
  deb | agree | rpm) "check_$what" ;;
  *) check_release "$what" ;;
esac
