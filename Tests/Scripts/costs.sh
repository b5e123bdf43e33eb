#!/bin/sh
# What a hot operation costs, in instructions and system calls, is what Tests/C/Costs/costs.txt says, with 3 % of room
# for instructions and none for system calls. Neither depends on what else the machine does.
#
#   costs.sh PROGRAM TABLE [--renew]
#
# Instructions depend on the compilers and on the C library too, so the table names those that it was made with: with
# others only system calls are compared. --renew writes the table anew, for a change that is wanted.
#
# SPDX-License-Identifier: BSD-2-Clause
set -eu
program=$1
table=$2
rounds=200

for tool in valgrind strace; do
  command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
strace -o /dev/null true 2>/dev/null || { echo "skipped: strace may not trace here"; exit 77; }

surroundings="$(uname -m), $(swiftc --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/Swift \1/p' | head -1),\
 gcc $(gcc -dumpfullversion), $(getconf GNU_LIBC_VERSION)"

# Without the vDSO clocks are system calls under valgrind, which are no instructions of the library's.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

calls() {
  strace -f -o "$trace" "$program" "$1" "$2"
  grep -c '(' "$trace"
}

# per ROUND of a case: what twice as many rounds cost more.
measure() {
  once=$(instructions "$1" $rounds)
  twice=$(instructions "$1" $((2 * rounds)))
  few=$(calls "$1" $rounds)
  many=$(calls "$1" $((2 * rounds)))
  echo "$1 $(((twice - once) / rounds)) $(((many - few + rounds / 2) / rounds))"
}

trace=$(mktemp)
now=$(mktemp)
trap 'rm -f "$trace" "$now"' EXIT
{
  echo "# $surroundings"
  echo "# case, instructions a round, system calls a round"
  "$program" | while read -r name; do measure "$name"; done
} >"$now"
cat "$now"
[ "${3-}" != --renew ] || { cp "$now" "$table"; exit 0; }

[ "$(head -1 "$now")" = "$(head -1 "$table")" ] && compares=1 || compares=0
awk -v compares=$compares '
  /^#/ { next }
  NR == FNR { instructions[$1] = $2; calls[$1] = $3; next }
  !($1 in calls) { print $1 ": not in the table"; failed = 1; next }
  $3 > calls[$1] { print $1 ": " $3 " system calls, " calls[$1] " before"; failed = 1 }
  compares && $2 > instructions[$1] * 1.03 { print $1 ": " $2 " instructions, " instructions[$1] " before"; failed = 1 }
  END { exit failed }' "$table" "$now"
