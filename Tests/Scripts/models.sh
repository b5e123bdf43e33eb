#!/bin/sh
# The models of Tests/Models, each in every order of its steps: spin finds no violation, and nothing was left out.
#
#   models.sh MODELS-FOLDER WORK-FOLDER COMPILER
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
models=$1
work=$2
compiler=$3

command -v spin >/dev/null || { echo "skipped: no spin"; exit 77; }
rm -rf "$work"
mkdir -p "$work"
cd "$work"

# check MODEL [-D...]
check() {
  model=$1
  shift
  spin -a "$@" "$models/$model.pml" >/dev/null
  "$compiler" -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c
  ./pan -m200000 -n >pan.out || { cat pan.out >&2; exit 1; }
  if ! grep -q 'errors: 0$' pan.out || grep -Eqi 'search not completed|too small|out of memory|violated' pan.out; then
    cat pan.out >&2
    echo "$model $*: a violation, or an incomplete search" >&2
    exit 1
  fi
  echo "$model $*: $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.out) states"
}

check lock
check waiting
check closing -DCLOSES=2 -DADDERS=1 -DPLACES=1
check closing -DCLOSES=1 -DADDERS=2 -DPLACES=1
check closing -DCLOSES=2 -DADDERS=1 -DPLACES=2
