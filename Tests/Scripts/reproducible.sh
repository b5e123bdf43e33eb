# Two copies of the sources, built in two folders, give the same bytes.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
need cmp

# build SOURCE-COPY BUILD-FOLDER
build() {
  mkdir -p "$1"
  cp -R "$SOURCE/CMakeLists.txt" "$SOURCE/LICENSE" "$SOURCE/Sources" "$SOURCE/platform" "$SOURCE/cmake" "$1"
  for folder in docs packaging; do
    [ ! -e "$SOURCE/$folder" ] || cp -R "$SOURCE/$folder" "$1"
  done
  cmake -S "$1" -B "$2" -G "$GENERATOR" -DCMAKE_BUILD_TYPE="$BUILD_TYPE" -DCMAKE_C_COMPILER="$CC" \
    -DKQUEUE_SWIFTC="$SWIFTC" -DENABLE_STATIC=ON -DENABLE_TESTING=OFF -DKQUEUE_TOOLS=OFF >configured
  cmake --build "$2" >built || { cat built; fail "no build in $2"; }
}

same() {
  cmp "one/build/$1" "a-second/folder/of/another/length/$1" || fail "$1 differs"
  sha256sum "one/build/$1"
}

build one "$WORK/one/build"
sleep 1 # so that a clock in the files would show
build two "$WORK/a-second/folder/of/another/length"
same libkqueue.so
same libkqueue.a
