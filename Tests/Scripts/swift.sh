# An ordinary Swift program and the library: linked, put in front of everything, or linked in. The library has
# a swift_retain and the like of its own inside, and the program must not get them.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
way=$1
need "$SWIFTC"

# The module of the C header, where the install has none.
headers=$STAGE_INCLUDE/kqueue
if [ ! -f "$headers/module.modulemap" ]; then
  mkdir module
  printf 'module CKQueue {\n  header "%s/sys/event.h"\n  export *\n}\n' "$headers" >module/module.modulemap
  headers=module
fi

build() {
  "$SWIFTC" -O -module-cache-path cache -I "$headers" -o program "$SOURCE/Tests/C/Swift/main.swift" "$@"
}

case $way in
  dynamic)
    build -L "$STAGE_LIB" -lkqueue
    LD_LIBRARY_PATH=$STAGE_LIB ./program
    ;;
  preloaded)
    build -L "$STAGE_LIB" -lkqueue
    LD_LIBRARY_PATH=$STAGE_LIB LD_PRELOAD=$STAGE_LIB/libkqueue.so.0 ./program
    ;;
  static)
    need_archive
    # What the archive itself needs, as its .pc file says.
    needs=$(sed -n 's/^Libs.private: *//p' "$STAGE_LIB/pkgconfig/libkqueue.pc")
    # shellcheck disable=SC2086 # several libraries
    build "$STAGE_LIB/libkqueue.a" $needs
    ./program
    ;;
esac
