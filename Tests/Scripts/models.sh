#!/bin/sh
# The models of Tests/Models, each in every order of its steps: spin finds no violation, and nothing was left out. Where
# there is herd7, the litmus tests beside them too: what they exclude happens in no order that C's memory model allows, and
# would where one of their orderings were relaxed.
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

# litmus TEST VERDICT FILE: what herd7 says of the condition.
litmus() {
  herd7 -c11 -cat rc11.cat "$3" >herd.out 2>&1 && grep -q "^Observation $1 $2 " herd.out && return
  cat herd.out >&2
  echo "$3: not $2" >&2
  exit 1
}

# check_litmus TEST: as it is, and without its sequential consistency.
check_litmus() {
  litmus "$1" Never "$models/$1.litmus"
  sed 's/memory_order_seq_cst/memory_order_acq_rel/; /atomic_load/s/acq_rel/acquire/' "$models/$1.litmus" >weak.litmus
  litmus "$1" Sometimes weak.litmus
  echo "$1: never, and only with sequential consistency"
}

command -v herd7 >/dev/null || { echo "no herd7: litmus tests are left out"; exit 0; }
for test in "$models"/*.litmus; do check_litmus "$(basename "$test" .litmus)"; done
