# shellcheck shell=sh
# What the scripts share that boot another kernel in an emulator: kernels of Debian's suites, and an initramfs of programs.
#
# To be sourced after common.sh. A machine's kernel and programs may be of another architecture; the emulator makes up for it.
#
# SPDX-License-Identifier: BSD-2-Clause

# private_apt FOLDER SUITE ARCHITECTURE PROGRAM ARGUMENT...: apt-get or apt-cache, of that suite and architecture alone,
# from the mirror that this system has, with lists and settings in the folder, so that the system's stay what they are.
private_apt() {
  apt_folder=$1 apt_suite=$2 apt_architecture=$3 apt_program=$4
  shift 4
  mkdir -p "$apt_folder/lists/partial" "$apt_folder/cache/archives/partial"
  : >"$apt_folder/status"
  [ -s "$apt_folder/sources" ] || apt_sources >"$apt_folder/sources"
  "$apt_program" -q -o Dir::Etc::sourcelist="$apt_folder/sources" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$apt_folder/lists" -o Dir::State::status="$apt_folder/status" -o Dir::Cache="$apt_folder/cache" \
    -o APT::Architecture="$apt_architecture" -o APT::Architectures="$apt_architecture" -o APT::Sandbox::User=root "$@"
}

# The line for the suite: the mirror is the one by which the system has its own.
apt_sources() {
  # shellcheck disable=SC2016 # apt's words
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -n 1)
  [ -n "$mirror" ] || { echo "no mirror of Debian among the sources of apt" >&2; return 1; }
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $apt_suite main"
}

# take_package FOLDER SUITE ARCHITECTURE PACKAGE DIRECTORY: downloads a package into the directory and prints its file.
take_package() {
  take_here=$PWD
  cd "$5" && private_apt "$1" "$2" "$3" apt-get download "$4" >/dev/null && cd "$take_here" || return 1
  find "$5" -name "$4_*.deb"
}

# The modules that the tests make a kernel load: what tells of sockets, tunnels, and file systems on others.
boot_modules='/modules\.(order|builtin)|/kernel/(lib|crypto|net/(unix|ipv4|ipv6|netlink|packet|mptcp|core|llc|802|bridge)|fs/(overlayfs|fuse))/|/drivers/net/(tun|veth)\.ko'

# take_kernel FOLDER SUITE ARCHITECTURE [FLAVOUR]: the newest kernel of the suite: FOLDER/vmlinuz, FOLDER/release, and its modules
# in FOLDER/root. Nothing is done where they are there.
take_kernel() {
  [ ! -s "$1/release" ] || return 0
  mkdir -p "$1/root"
  private_apt "$1/apt" "$2" "$3" apt-get update >/dev/null || return 1
  package=$(private_apt "$1/apt" "$2" "$3" apt-cache depends "linux-image-${4:-$3}" |
    sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
  file=$(take_package "$1/apt" "$2" "$3" "$package" "$1") || return 1
  dpkg-deb --fsys-tarfile "$file" >"$1/package.tar"
  tar -tf "$1/package.tar" | grep -E "/boot/vmlinu|$boot_modules" | grep -v '/$' >"$1/members"
  tar -C "$1/root" -xf "$1/package.tar" --transform='s,^\./usr/lib/,./lib/,' -T "$1/members"
  rm "$1/package.tar" "$file"
  find "$1/root/lib/modules" -name '*.xz' -exec xz -d {} +
  mv "$1"/root/boot/vmlinu* "$1/vmlinuz"
  busybox depmod -b "$1/root" "${package#linux-image-}"
  echo "${package#linux-image-}" >"$1/release"
}

# copy_program ROOT PROGRAM [NAME]: into the root, as NAME, with the libraries that the loader finds for it, in their
# places; but a library that only the program's own path leads to goes into /lib. Threads that end early need libgcc_s.
copy_program() {
  mkdir -p "$1/bin" "$1/lib"
  rm -f "$1/bin/${3:-${2##*/}}"
  cp "$2" "$1/bin/${3:-${2##*/}}"
  { ldd "$2"; ldconfig -p | grep 'libgcc_s\.so\.1 .*x86-64'; } 2>/dev/null |
    sed -n 's/.* => \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
    case $library in
      /lib/* | /lib64/* | /usr/lib/*) place=$library ;;
      *) place=/lib/${library##*/} ;;
    esac
    mkdir -p "$1${place%/*}" && cp -L "$library" "$1$place"
  done
}

# make_root ROOT BUSYBOX: what any test needs of a system: busybox, two users, and an init that runs /tests and ends.
make_root() {
  mkdir -p "$1/bin" "$1/dev" "$1/etc" "$1/proc" "$1/sys" "$1/tmp" "$1/root" "$1/sbin" "$1/usr"
  cp "$2" "$1/bin/busybox"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
  cat >"$1/init" <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
ln -s /bin/busybox /sbin/modprobe
export PATH=/bin:/sbin HOME=/root
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev 2>/dev/null
mkdir -p /dev/shm /dev/pts /dev/mqueue
mount -t devpts -o ptmxmode=0666 none /dev/pts
mount -t mqueue none /dev/mqueue
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t tmpfs -o mode=1777 none /tmp
ip link set lo up
cd /tmp
echo "boot: $(uname -r) $(uname -m)"
sh /tests
echo "boot: done"
poweroff -f
END
  chmod 755 "$1/init"
}

# pack_root ROOT... FILE: the initramfs of these trees, one upon the other; all in it is root's.
pack_root() {
  for packed; do :; done
  : >"$packed"
  while [ $# -gt 1 ]; do
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0) >>"$packed"
    shift
  done
}

# boot SECONDS LOG EMULATOR ARGUMENT...: boots until the machine turns itself off; what it prints is the log. Status 0
# where it came to its end in time.
boot() {
  boot_seconds=$1 boot_log=$2
  shift 2
  timeout --kill-after=10 "$boot_seconds" "$@" -nographic -no-reboot -monitor none -serial stdio </dev/null >"$boot_log" 2>&1 ||
    true
  grep -q '^boot: done' "$boot_log"
}

# boot_x86 SECONDS LOG KERNEL INITRAMFS: emulated, for a machine in a machine has no other way.
boot_x86() {
  boot "$1" "$2" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -kernel "$3" -initrd "$4" \
    -append 'console=ttyS0 quiet loglevel=3 panic=-1'
}
