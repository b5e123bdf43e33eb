# Follows docs/adding-a-filter.md in a copy of the sources: adds a filter of the core's own, builds the library, and has a
# program use it. A case of an enumeration cannot be added from without, so it is the sources that are changed, by the
# page's steps. What they took is compared with what the page says.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
need "$SWIFTC" diff
toy=$SOURCE/Tests/ToyFilter

cp -R "$SOURCE/CMakeLists.txt" "$SOURCE/LICENSE" "$SOURCE/Sources" "$SOURCE/platform" "$SOURCE/cmake" .
for folder in docs packaging; do
  [ ! -e "$SOURCE/$folder" ] || cp -R "$SOURCE/$folder" .
done
filters=Sources/KQueueCore/Filters

# behind FILE LINE TEXT: a line more, behind the first that has the words LINE.
behind() {
  awk -v words="$2" -v text="$3" '{ print } !done && index($0, words) { print text; done = 1 }
    END { if (!done) exit 1 }' "$1" >changed || fail "$1 has no '$2'"
  mv changed "$1"
}

# row OPERATION TEXT: the line of an operation, in front of that of LIBKQUEUE.
row() {
  awk -v operation="func $1(" -v text="    case .toy: $2" 'index($0, operation) { within = 1 }
    within && /case \.libkqueue:/ { print text; within = 0; done = 1 } { print } END { if (!done) exit 1 }' \
    $filters/FilterTable.swift >changed || fail "FilterTable has no operation $1"
  mv changed $filters/FilterTable.swift
}

# 1. The header.
behind Sources/CKQueue/include/sys/event.h '#define EVFILT_EMPTY ' '#define EVFILT_TOY        (-14)'
# 2. The number.
behind $filters/Filter.swift 'case empty = -13' '  case toy = -14'
behind $filters/Filter.swift 'case -13: self = .empty' '    case -14: self = .toy'
sed -i 's/static var core: FilterSet { FilterSet(.timer)/&.union(FilterSet(.toy))/' $filters/Filter.swift
# 3. The table: the traits, three operations of its own, and none in the others, which name all filters that have none.
row traits 'FilterTraits()'
row attach 'try attachToy(knote, change)'
row modify 'modifyToy(knote, change)'
row sampleRecorded 'sampleToy(knote)'
sed -i 's/\.user, \.libkqueue: /.user, .toy, .libkqueue: /' $filters/FilterTable.swift
# 4. The filter's file.
cp "$toy/Toy.swift" $filters

changed=$(diff -r "$SOURCE/Sources" Sources | grep -c '^>' || :)
files=$(diff -rq "$SOURCE/Sources" Sources | grep -c '^Files' || :)
said=$(sed -n 's/.*The toy changes \([0-9]*\) lines in \([0-9]*\) files.*/\1 \2/p' "$SOURCE/docs/adding-a-filter.md")
[ "$changed $files" = "$said" ] || fail "the toy changes $changed lines in $files files; docs/adding-a-filter.md: '$said'"

cmake -S . -B build -G "$GENERATOR" -DCMAKE_BUILD_TYPE="$BUILD_TYPE" -DCMAKE_C_COMPILER="$CC" \
  -DKQUEUE_SWIFTC="$SWIFTC" -DENABLE_TESTING=OFF -DKQUEUE_TOOLS=OFF -DKQUEUE_SWIFT_MODULE=OFF >configured
cmake --build build >built || { cat built; fail "no build"; }
"$CC" -Wall -Wextra -ISources/CKQueue/include "$toy/toy.c" -Lbuild -lkqueue -Wl,-rpath,"$PWD/build" -o toy
./toy
