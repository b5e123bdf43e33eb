# What docs/migrating.md says of programs that are linked with --as-needed: one that takes close() from the library keeps
# it, whether it calls kqueue() or not, and one that is linked with a library for linking that does not show close()
# keeps it where it calls kqueue(), and has its closes seen all the same.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
need readelf
[ -e "$STAGE_LIB/libkqueue.so" ] || skip "no shared library"
cat >closes.c <<'C'
#include <unistd.h>
int main(void) { return close(dup(1)) != 0; }
C
cat >queues.c <<'C'
#include <sys/event.h>

/* Whether closes are seen. */
int main(void) {
    struct kevent entry;
    int kq = kqueue();

    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, 0, NULL);
    return kevent(kq, &entry, 1, &entry, 1, NULL) != 1 || entry.data != 1;
}
C

# keeps YES|NO PROGRAM FOLDER: whether the program needs the library, linked with the one in the folder.
keeps() {
  "$CC" -I"$STAGE_INCLUDE/kqueue" -o "$2" "$2.c" -L"$3" -Wl,--as-needed -lkqueue
  kept=NO
  ! readelf -dW "$2" | grep -q 'NEEDED.*libkqueue\.so\.0' || kept=YES
  [ "$kept" = "$1" ] || fail "$2, linked with $3: kept is $kept"
  LD_LIBRARY_PATH=$STAGE_LIB ./"$2" || fail "$2, linked with $3, fails"
}

keeps YES closes "$STAGE_LIB"
keeps YES queues "$STAGE_LIB"

# As the page has it: a word of C for each name, and the version script.
names=$(grep -o '{ global: [^}]* }' "$SOURCE/docs/migrating.md")
[ -n "$names" ] || fail "docs/migrating.md has no version script"
echo "$names;" >map
for name in $(echo "$names" | sed 's/.*global: //; s/local.*//; s/;//g'); do echo "void $name(void) {}"; done >empty.c
mkdir other
"$CC" -fno-builtin -shared -fPIC -o other/libkqueue.so empty.c -Wl,-soname,libkqueue.so.0 -Wl,--version-script=map
keeps NO closes other
keeps YES queues other
