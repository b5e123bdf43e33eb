# What the scripts share: the packages that a build needs, and the build.
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
cd "$(dirname "$0")/.."

say() {
  printf '\n== %s\n' "$*"
}

# quietly COMMAND...: what it says is shown where it fails.
quietly() {
  said=$(mktemp)
  "$@" >"$said" 2>&1 || { status=$?; cat "$said" >&2; rm -f "$said"; return "$status"; }
  rm -f "$said"
}

# As root, or through sudo where it asks for nothing.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

# install_packages PACKAGE...: those that are absent, where this is a Debian and we may.
install_packages() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || return 0
  absent=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || absent="$absent $package"
  done
  [ -n "$absent" ] || return 0
  if ! as_root true 2>/dev/null; then
    echo "Not root, so not installed:$absent" >&2
    return 0
  fi
  say "Installing$absent"
  as_root apt-get -qq update >/dev/null
  # shellcheck disable=SC2086 # several packages
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $absent >/dev/null
}

need_tools() {
  for tool in cmake ninja cc swiftc; do
    command -v "$tool" >/dev/null || { echo "$tool is missing; see the README for what a build needs" >&2; exit 1; }
  done
}

# build_library [option...]: CMake's build, in build/.
build_library() {
  say "Building with CMake"
  need_tools
  cmake -S . -B build -G Ninja -DENABLE_STATIC=ON "$@" >/dev/null
  cmake --build build
}

# build_programs FOLDER [option...]: the library in FOLDER/library, installed in FOLDER/stage, and the programs of Tests/C
# against that in FOLDER/programs. Options are the library's; $programs_options are those of the programs.
build_programs() {
  programs_folder=$1
  shift
  say "Building $programs_folder"
  need_tools
  quietly cmake -S . -B "$programs_folder/library" -G Ninja -DCMAKE_BUILD_TYPE=Release -DENABLE_STATIC=ON \
    -DENABLE_TESTING=OFF -DKQUEUE_SWIFT_MODULE=OFF "$@"
  quietly cmake --build "$programs_folder/library"
  cmake --install "$programs_folder/library" --prefix "$programs_folder/stage" >/dev/null
  # shellcheck disable=SC2086 # several options
  quietly cmake -S Tests/C -B "$programs_folder/programs" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$programs_folder/stage" ${programs_options-}
  quietly cmake --build "$programs_folder/programs"
}
