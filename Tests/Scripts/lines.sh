# C and the examples have lines of up to 120 columns, which swift format sees to in Swift.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
cd "$SOURCE"
find Sources platform Tests docs packaging \( -name .build -o -name '.build-*' -o -name build \) -prune -o \
  \( -name '*.[ch]' -o -name '*.cpp' -o -path 'docs/examples/*.swift' \) \
  -exec awk 'length > 120 { print FILENAME ":" FNR ": " length " columns" }' {} + >"$WORK/long"
cat "$WORK/long"
[ ! -s "$WORK/long" ] || fail "lines are too long"
