# What find_package() of the install says to the versions and components that projects ask for.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
mkdir project
cat >project/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.19)
project(ask C)

# ask(YES or NO, word...): whether a project that writes these words finds it.
function(ask wanted)
  set(libkqueue_DIR "libkqueue_DIR-NOTFOUND")
  find_package(libkqueue ${ARGN} QUIET)
  if(NOT (wanted AND libkqueue_FOUND OR NOT wanted AND NOT libkqueue_FOUND))
    message(SEND_ERROR "find_package(libkqueue ${ARGN}): not ${wanted} ${libkqueue_NOT_FOUND_MESSAGE}")
  endif()
  message(STATUS "find_package(libkqueue ${ARGN}): ${libkqueue_FOUND} ${libkqueue_NOT_FOUND_MESSAGE}")
endfunction()

ask(YES)
ask(YES 2.6)
ask(YES 2.6...4)
ask(YES 3.0...4)
ask(YES 3.1)
ask(YES 3.0...<4)
ask(YES ${VERSION} EXACT)
ask(NO 2.6...<3)
ask(NO 3.0 EXACT)
ask(NO 4)
ask(YES COMPONENTS shared)
ask(YES 2.6 COMPONENTS shared OPTIONAL_COMPONENTS static)
ask(${STATIC} COMPONENTS static)
ask(${STATIC} COMPONENTS shared static)
ask(NO COMPONENTS nonsense)
if(NOT TARGET libkqueue::kqueue)
  message(SEND_ERROR "no target libkqueue::kqueue")
endif()
if(STATIC AND NOT TARGET libkqueue::kqueue_static)
  message(SEND_ERROR "no target libkqueue::kqueue_static")
endif()
CMAKE

# ask PREFIX STATIC
ask() {
  rm -rf build
  cmake -S project -B build -G "$GENERATOR" -DCMAKE_C_COMPILER="$CC" -DCMAKE_PREFIX_PATH="$1" -DSTATIC="$2" \
    -DVERSION="$version" >said 2>&1 || { cat said; fail "asked of $1"; }
  grep 'find_package(' said
}

version=$(sed -n 's/^set(PACKAGE_VERSION "\(.*\)")$/\1/p' "$STAGE_LIB/cmake/libkqueue/libkqueue-config-version.cmake")
static=NO
[ ! -f "$STAGE_LIB/libkqueue.a" ] || static=YES
ask "$STAGE" "$static"

# As where the archive is in a package that is not installed: what is there is found, and what is not is said.
cp -R "$STAGE" without
find without -name libkqueue.a -o -name 'libkqueue-static-targets*' | xargs rm -f
ask "$WORK/without" NO
grep -q 'libkqueue.a is not installed' said || fail "nobody is told why there is no static library"
