#!/bin/sh
# Runs each group of the contract with next to no processor time, as on a machine that does much else: it runs for a
# few milliseconds, and then stands still for the rest of the second. A case that fails here depends on how soon it
# gets a processor. The machine is hardly used meanwhile.
#
#   starved.sh CONTRACT [MILLISECONDS [GROUP...]]     10 ms a second; all groups
#
# Wants root and the cpu controller of cgroups. A group that needs more than LIMIT seconds (300) is ended and named.
#
# SPDX-License-Identifier: BSD-2-Clause
set -u

# open_group NAME MILLISECONDS: a cgroup that gets so much of each second; prints its directory.
open_group() {
  if [ -d /sys/fs/cgroup/cpu ]; then
    group=/sys/fs/cgroup/cpu/$1
    mkdir "$group" && echo 1000000 >"$group/cpu.cfs_period_us" && echo "${2}000" >"$group/cpu.cfs_quota_us"
  else
    group=/sys/fs/cgroup/$1
    mkdir "$group" && echo "${2}000 1000000" >"$group/cpu.max"
  fi && echo "$group"
}

# Ends what is left in a group, which takes processor time too, and removes it.
close_group() {
  echo -1 >"$1/cpu.cfs_quota_us" || echo max >"$1/cpu.max"
  until rmdir "$1"; do
    while read -r process; do kill -9 "$process"; done <"$1/cgroup.procs"
    sleep 0.1
  done
} 2>/dev/null

# run_group CONTRACT MILLISECONDS FOLDER GROUP: says what failed.
run_group() {
  group=$(open_group "starved-$$" "$2") || exit 255
  said=$3/$4
  sh -c 'echo $$ >"$0/cgroup.procs" && exec timeout -s KILL "$@"' "$group" "${LIMIT:-300}" "$1" "$4" >"$said" 2>&1
  status=$?
  close_group "$group"
  case $status in
    0) ;;
    137) echo "$4: not done in ${LIMIT:-300} s" ;;
    *) grep -B 2 '^FAIL' "$said" || cat "$said"; touch "$3/failed" ;;
  esac
}

if [ "$1" = --group ]; then
  shift
  run_group "$@"
  exit
fi

contract=$1 milliseconds=${2:-10}
shift $(($# < 2 ? $# : 2))
probe=$(open_group "starved-$$" 10 2>/dev/null) || { echo "skipped: no cgroups to be had"; exit 77; }
rmdir "$probe"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export KQUEUE_TEST_SLOWNESS="${KQUEUE_TEST_SLOWNESS:-100}"
[ $# -gt 0 ] || set -- $("$contract" --list | sed 's/ .*//' | sort -u)
[ $# -gt 0 ] || { echo "$contract lists no cases"; exit 1; }
printf '%s\n' "$@" | xargs -P 8 -n 1 sh "$0" --group "$contract" "$milliseconds" "$folder" && [ ! -e "$folder/failed" ]
