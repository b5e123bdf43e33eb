# A parent that takes the library with EXCLUDE_FROM_ALL installs its own files alone, in each way and with the CMake
# that is here; one that takes it without, or says KQUEUE_INSTALL, installs ours as well.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
mkdir parent
echo 'int main(void) { return 0; }' >parent/app.c
cat >parent/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(parent C)
if(WAY STREQUAL "fetch")
  include(FetchContent)
  FetchContent_Declare(Kqueue SOURCE_DIR ${LIBRARY_SOURCE} ${WORDS})
  FetchContent_MakeAvailable(Kqueue)
else()
  add_subdirectory(${LIBRARY_SOURCE} libkqueue ${WORDS})
endif()
add_executable(app app.c)
target_link_libraries(app PRIVATE kqueue)
install(TARGETS app COMPONENT app)
CMAKE

# installs LIST WAY WORDS [option...]: which files an install of the parent would consist of.
installs() {
  list=$1 way=$2 words=$3
  shift 3
  cmake -S parent -B "$list" -G "$GENERATOR" -DCMAKE_C_COMPILER="$CC" -DKQUEUE_SWIFTC="$SWIFTC" \
    -DLIBRARY_SOURCE="$SOURCE" -DWAY="$way" -DWORDS="$words" "$@" >said 2>&1 || { cat said; fail "$list"; }
  # Nothing is built for it: what is to be installed stands in the scripts that are run.
  : >reached
  scripts="$list/cmake_install.cmake"
  while [ -n "$scripts" ]; do
    # shellcheck disable=SC2086 # several files
    cat $scripts >>reached
    # shellcheck disable=SC2086
    scripts=$(sed -n 's/^ *include("\(.*cmake_install.cmake\)")$/\1/p' $scripts)
  done
  if grep -q 'sys/event.h' reached; then echo "$list: ours too"; else echo "$list: its own alone"; fi >>lists
}

installs folder sub ""
installs folder-excluded sub EXCLUDE_FROM_ALL
installs fetched fetch ""
installs fetched-excluded fetch EXCLUDE_FROM_ALL
installs told-not sub "" -DKQUEUE_INSTALL=OFF
cmake --version | head -1
cat >wanted <<'END'
folder: ours too
folder-excluded: its own alone
fetched: ours too
fetched-excluded: its own alone
told-not: its own alone
END
same_lines wanted lists "what is installed"
