# The module's documentation is converted by docc without a warning: each link of it leads somewhere.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
docc=$(dirname "$(readlink -f "$(command -v "$SWIFTC")")")/docc
[ -x "$docc" ] || skip "the compiler comes without docc"
mkdir symbols
HOME=$WORK "$SWIFTC" -swift-version 6 -parse-as-library -module-name KQueue -module-cache-path cache \
  -emit-module -emit-module-path symbols/KQueue.swiftmodule -emit-symbol-graph -emit-symbol-graph-dir symbols \
  -Xcc "-I$SOURCE/Sources/CKQueue/include" "$SOURCE"/Sources/KQueue/*.swift
HOME=$WORK "$docc" convert "$SOURCE/Sources/KQueue/KQueue.docc" --additional-symbol-graph-dir symbols \
  --output-path KQueue.doccarchive --fallback-display-name KQueue --fallback-bundle-identifier libkqueue.KQueue \
  --no-transform-for-static-hosting --warnings-as-errors
[ -f KQueue.doccarchive/data/documentation/kqueue.json ] || fail "there is no page of the module"
