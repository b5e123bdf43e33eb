# What the scripts share that build for another architecture: how CMake, Debian and the emulator call it.
#
# To be sourced after common.sh and boot-common.sh.
#
# SPDX-License-Identifier: BSD-2-Clause

# describe_architecture NAME: sets debian, processor and triple, and the suite and flavour that has a kernel.
describe_architecture() {
  suite=bookworm
  case $1 in
    x86_64 | amd64) debian=amd64 processor=x86_64 triple=x86_64-linux-gnu kernel=amd64 ;;
    aarch64 | arm64) debian=arm64 processor=aarch64 triple=aarch64-linux-gnu kernel=arm64 ;;
    riscv64) debian=riscv64 processor=riscv64 triple=riscv64-linux-gnu kernel=riscv64 suite=trixie ;;
    armhf | armv7*) debian=armhf processor=armv7l triple=arm-linux-gnueabihf kernel=armmp ;;
    i386 | i686) debian=i386 processor=i686 triple=i686-linux-gnu kernel=686-pae ;;
    s390x) debian=s390x processor=s390x triple=s390x-linux-gnu kernel=s390x ;;
    ppc64el | ppc64le) debian=ppc64el processor=ppc64le triple=powerpc64le-linux-gnu kernel=powerpc64le ;;
    *) echo "nothing is known of $1" >&2; exit 2 ;;
  esac
}

# cross_packages: the compiler and the C library, which it does not depend on.
cross_packages() {
  if [ "$processor" = "$(uname -m)" ]; then
    echo gcc libc6-dev
  else
    echo "gcc-$(echo "$triple" | tr _ -)" "libc6-dev-$debian-cross"
  fi
}

# cross_options: CMake's, for the architecture that was described.
cross_options() {
  printf '%s\n' -DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$processor" "-DCMAKE_C_COMPILER=$triple-gcc"
}

# build_for_architecture FOLDER [option...]: the library in FOLDER/library and FOLDER/stage, the programs in
# FOLDER/programs. They find the C library of the compiler's package.
build_for_architecture() {
  arch_folder=$1
  shift
  programs_options="$(cross_options) -DCMAKE_EXE_LINKER_FLAGS=${arch_link-}"
  # shellcheck disable=SC2046 # several options
  build_programs "$arch_folder" $(cross_options) "$@"
  programs_options=
}

# copy_libraries ROOT: the loader and the C library of the cross compiler's package, where the programs look for them.
copy_libraries() {
  for library in "/usr/$triple/lib"/ld*.so.[0-9] "/usr/$triple/lib"/libc.so.6 "/usr/$triple/lib"/libm.so.6 \
    "/usr/$triple/lib"/libpthread.so.0 "/usr/$triple/lib"/libdl.so.2 "/usr/$triple/lib"/librt.so.1 \
    "/usr/$triple/lib"/libgcc_s.so.1 "/usr/$triple/lib"/libatomic.so.1; do
    [ -e "$library" ] || continue
    cp -L "$library" "$1/lib"
  done
  # The loader's place stands in the program; its search goes on in /lib.
  loader=$("$triple-readelf" -lW "$1/bin/contract" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
  mkdir -p "$1${loader%/*}"
  [ -e "$1$loader" ] || cp "$1/lib/${loader##*/}" "$1$loader"
}

# boot_architecture SECONDS LOG KERNEL INITRAMFS: emulated, with two processors.
boot_architecture() {
  boot_line='quiet loglevel=3 panic=-1'
  case $debian in
    arm64) boot_with qemu-system-aarch64 ttyAMA0 "$@" -machine virt -cpu max,pauth-impdef=on ;;
    armhf) boot_with qemu-system-arm ttyAMA0 "$@" -machine virt -cpu cortex-a15 ;;
    riscv64) boot_with qemu-system-riscv64 ttyS0 "$@" -machine virt -cpu rv64 ;;
    i386) boot_with qemu-system-i386 ttyS0 "$@" -cpu max ;;
    amd64) boot_with qemu-system-x86_64 ttyS0 "$@" -cpu max ;;
    s390x) boot_with qemu-system-s390x ttysclp0 "$@" -machine s390-ccw-virtio -cpu max ;;
    ppc64el) boot_with qemu-system-ppc64 hvc0 "$@" -machine pseries -cpu power9 -vga none ;;
  esac
}

# boot_with EMULATOR CONSOLE SECONDS LOG KERNEL INITRAMFS ARGUMENT...
boot_with() {
  boot_emulator=$1 boot_console=$2 boot_for=$3 boot_to=$4 boot_kernel=$5 boot_initramfs=$6
  shift 6
  boot "$boot_for" "$boot_to" "$boot_emulator" "$@" -accel tcg,thread=multi -smp 2 -m 1024 -kernel "$boot_kernel" \
    -initrd "$boot_initramfs" -append "console=$boot_console $boot_line"
}
