# A program built with what pkg-config says.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
need "$PKG_CONFIG"
PKG_CONFIG_PATH=$STAGE_LIB/pkgconfig
export PKG_CONFIG_PATH

"$PKG_CONFIG" --exists --print-errors 'libkqueue >= 2.6.1'
flags=$("$PKG_CONFIG" --cflags --libs libkqueue)
echo "$flags"
# shellcheck disable=SC2086 # several flags
"$CC" -o smoke "$SOURCE/Tests/C/Smoke/smoke.c" $flags
LD_LIBRARY_PATH=$STAGE_LIB ./smoke
