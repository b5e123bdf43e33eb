# A program that was linked with the C library's libkqueue.so.0 runs on this one as it stands, and nothing that the C
# library has is missing or different.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
from=$SOURCE/Tests/C/OldBinary
"$CC" -g -shared -fPIC -Wl,-soname,libkqueue.so.0 -o libkqueue.so.0 "$from/stand-in.c"
"$CC" -g -D_GNU_SOURCE -o old "$from/old.c" ./libkqueue.so.0
mkdir elsewhere
cd elsewhere
LD_LIBRARY_PATH=$STAGE_LIB ../old
cd ..
command -v abidiff >/dev/null || { echo "not compared by abidiff, which is absent"; exit 0; }
# Bits 2 and 3 of its status: a change, an incompatible one. Names that are new are a change, too.
abidiff --no-added-syms libkqueue.so.0 "$STAGE_LIB/libkqueue.so.0" || fail "the C library's ABI was changed"
